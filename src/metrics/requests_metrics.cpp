#include "metrics/requests_metrics.h"

#include <algorithm>

#include "metrics/label_values.h"

namespace weir {
namespace {

std::string prometheus_name(std::string_view field) {
  std::string name(field);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'));
      },
      '_');
  return name;
}

DurationFamily family_of(MetricFamily family, bool server_is_local) {
  switch (family) {
    case MetricFamily::kHttp:
      return server_is_local ? DurationFamily::kHttpServer : DurationFamily::kHttpClient;
    case MetricFamily::kRpc:
      return server_is_local ? DurationFamily::kRpcServer : DurationFamily::kRpcClient;
    case MetricFamily::kDb:
      return DurationFamily::kDb;
    case MetricFamily::kMessaging:
      return DurationFamily::kMessaging;
    case MetricFamily::kDns:
      return DurationFamily::kDns;
    case MetricFamily::kTls:
      break;
  }
  return DurationFamily::kTls;
}

std::string_view system_label(MetricFamily family) {
  if (family == MetricFamily::kDb) return "db_system_name";
  if (family == MetricFamily::kMessaging) return "messaging_system";
  return {};
}

}  // namespace

struct RequestsMetrics::Plan {
  const Vocabulary* vocabulary;
  ProtocolCounters* counters;
  std::uint8_t scope;  // of this plan in the keys of series
  std::string fixed_tcp, fixed_udp;
  std::vector<Label> labels;

  // The last series of a record that succeeded: the next one is often another of its kind.
  std::optional<LabelValues> last_values;
  Series* last_series = nullptr;
  bool last_udp = false, last_local = false;
};

RequestsMetrics::RequestsMetrics(std::size_t max_series) {
  for (auto& table : tables_) table = std::make_unique<SeriesTable>(max_series);
}

RequestsMetrics::~RequestsMetrics() = default;

RequestsMetrics::Plan& RequestsMetrics::plan_for(const Vocabulary& vocabulary) {
  if (last_plan_ != nullptr && last_plan_->vocabulary == &vocabulary) return *last_plan_;
  for (const auto& plan : plans_) {
    if (plan->vocabulary == &vocabulary) return *(last_plan_ = plan.get());
  }
  // The vocabularies are the program's own constants, far fewer than the bound.
  if (plans_.size() == kMaxProtocols) return *plans_.back();
  return *(last_plan_ = &add_plan(vocabulary));
}

RequestsMetrics::Plan& RequestsMetrics::add_plan(const Vocabulary& vocabulary) {
  const std::size_t index = plans_.size();
  protocols_[index] = std::make_unique<ProtocolCounters>();
  protocols_[index]->name = vocabulary.name;
  auto plan = std::make_unique<Plan>();
  plan->vocabulary = &vocabulary;
  plan->counters = protocols_[index].get();
  plan->scope = static_cast<std::uint8_t>(index << 1);

  const std::string_view system = system_label(vocabulary.family);
  if (!system.empty()) append_label(plan->fixed_tcp, system, vocabulary.system);
  plan->fixed_udp = plan->fixed_tcp;
  if (vocabulary.family == MetricFamily::kTls) {
    append_label(plan->fixed_tcp, "network_transport", "tcp");
    append_label(plan->fixed_udp, "network_transport", "udp");
  }
  for (const Field* field : vocabulary.labels) {
    Label label{field, prometheus_name(field->name)};
    const bool taken = label.name == system || label.name == "error_type" ||
                       label.name == "network_transport" ||
                       std::any_of(plan->labels.begin(), plan->labels.end(),
                                   [&](const Label& other) { return other.name == label.name; });
    if (!taken && plan->labels.size() < LabelValues::kMaxLabels) {
      plan->labels.push_back(std::move(label));
    }
  }
  if (vocabulary.family == MetricFamily::kHttp) {
    for (const Field* field : vocabulary.asked) {
      if (field->name == "url.path") plan->labels.push_back({field, "url_template", &paths_});
    }
  }
  plans_.push_back(std::move(plan));
  protocol_count_.store(index + 1, std::memory_order_release);
  return *plans_.back();
}

void RequestsMetrics::observe(const RoundTrip& trip, Plan& plan) {
  const bool udp = trip.transport == Transport::kUdp;
  const bool succeeded = trip.status == Status::kOk;
  if (succeeded && plan.last_series != nullptr && plan.last_udp == udp &&
      plan.last_local == trip.server_is_local && plan.last_values->fits(trip, plan.labels)) {
    plan.last_series->observe(trip.duration_ns);
    return;
  }
  const LabelValues values(trip, plan.labels,
                           static_cast<std::uint8_t>(plan.scope | (udp ? 1u : 0u)));
  const auto family = family_of(plan.vocabulary->family, trip.server_is_local);
  SeriesTable& table = *tables_[static_cast<std::size_t>(family)];
  Series* series = table.find(values.key());
  if (series == nullptr) {
    series = &table.add(values.key(), table.full()
                                          ? std::string()
                                          : values.render(udp ? plan.fixed_udp : plan.fixed_tcp));
  }
  series->observe(trip.duration_ns);
  if (succeeded && !series->key.empty()) {
    plan.last_values = values;
    plan.last_series = series;
    plan.last_udp = udp;
    plan.last_local = trip.server_is_local;
  }
}

void RequestsMetrics::on(const RoundTrip& trip) noexcept {
  Plan& plan = plan_for(*trip.vocabulary);
  ProtocolCounters& counters = *plan.counters;
  counters.records.add();
  if (trip.response) counters.response_bytes.add(trip.response->wire_bytes);
  if (!trip.request) {
    counters.without_request.add();
    if (trip.status == Status::kError) counters.errors.add();
    return;
  }
  counters.request_bytes.add(trip.request->wire_bytes);
  switch (trip.status) {
    case Status::kUnanswered:
      counters.unanswered.add();
      break;
    case Status::kOneWay:
      counters.one_way.add();
      break;
    case Status::kError:
      counters.errors.add();
      [[fallthrough]];
    case Status::kOk:
      counters.answered.record(trip.duration_ns);
  }
  observe(trip, plan);
}

}  // namespace weir
