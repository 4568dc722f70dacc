#include "output/dropin/netprobe.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "metrics/label_values.h"

namespace weir {
namespace {

constexpr Nanos kLeastStaleAge = 30 * kSecond;

struct Family {
  std::string_view name, type, help;
};

constexpr Family kPackets{"netprobe_tc_packets_total", "counter",
                          "Total number of packets processed by TC"};
constexpr Family kBytes{"netprobe_tc_bytes_total", "counter",
                        "Total number of bytes processed by TC"};
constexpr Family kPacketRate{"netprobe_tc_packets_per_second", "gauge",
                             "Rate of packets per second processed by TC"};
constexpr Family kByteRate{"netprobe_tc_bytes_per_second", "gauge",
                           "Rate of bytes per second processed by TC"};
constexpr Family kActive{"netprobe_interface_active", "gauge",
                         "Whether the network interface is currently active"};
constexpr Family kUp{"netprobe_up", "gauge", "Whether the netprobe exporter is up"};
constexpr Family kCollections{"netprobe_collection_total", "counter",
                              "Total number of metric collections performed"};
constexpr Family kLastCollection{"netprobe_last_collection_timestamp_seconds", "gauge",
                                 "Unix timestamp of the last collection"};

std::string number(std::uint64_t value) { return std::to_string(value); }

// Three digits behind the point at most, and no zeros at the end.
std::string number(double value) {
  std::string text = fmt::format("{:.3f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

class Page {
 public:
  explicit Page(std::string& out) : out_(out) {}

  void family(const Family& family) {
    if (begun_) out_ += '\n';
    begun_ = true;
    name_ = family.name;
    fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name_, family.help,
                   name_, family.type);
  }

  void sample(std::string_view labels, std::string_view value) {
    fmt::format_to(std::back_inserter(out_), "{}{} {}\n", name_, labels, value);
  }

  void single(const Family& what, std::string_view value) {
    family(what);
    sample("", value);
  }

 private:
  std::string& out_;
  std::string_view name_;
  bool begun_ = false;
};

// Sorted by name, as the documented page has them. `direction` may be empty.
std::string labels(const InterfaceSample& interface, std::string_view direction) {
  std::string out = "{";
  if (!direction.empty()) {
    append_label(out, "direction", direction);
    out += ',';
  }
  append_label(out, "ifindex", std::to_string(interface.index));
  out += ',';
  append_label(out, "interface", interface.name);
  return out + '}';
}

using Shown = std::vector<const InterfaceSample*>;

// Both directions of every interface: `member` of its counts or rates.
template <class Values, class Value>
void both_ways(Page& page, const Family& family, const Shown& shown,
               Values InterfaceSample::* ingress, Values InterfaceSample::* egress,
               Value Values::* member) {
  page.family(family);
  for (const InterfaceSample* interface : shown) {
    page.sample(labels(*interface, "ingress"), number(interface->*ingress.*member));
    page.sample(labels(*interface, "egress"), number(interface->*egress.*member));
  }
}

void add_interfaces(Page& page, const Shown& shown) {
  if (shown.empty()) return;
  using Sample = InterfaceSample;
  both_ways(page, kPackets, shown, &Sample::ingress, &Sample::egress, &TrafficCounts::frames);
  both_ways(page, kBytes, shown, &Sample::ingress, &Sample::egress, &TrafficCounts::bytes);
  both_ways(page, kPacketRate, shown, &Sample::ingress_rate, &Sample::egress_rate,
            &TrafficRates::frames);
  both_ways(page, kByteRate, shown, &Sample::ingress_rate, &Sample::egress_rate,
            &TrafficRates::bytes);
  page.family(kActive);
  for (const InterfaceSample* interface : shown) {
    page.sample(labels(*interface, ""), interface->active ? "1" : "0");
  }
}

// RFC 3339 in whole seconds; as the predecessor writes "never" where there is none.
std::string seconds_text(Nanos time) {
  if (time == 0) return "0001-01-01T00:00:00Z";
  std::string text;
  append_rfc3339(text, time);
  text.erase(text.find('.'));
  return text + 'Z';
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&' || c == '<' || c == '>' || c == '"') {
      fmt::format_to(std::back_inserter(out), "&#{};", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

void append_netprobe_families(std::string& out, const NetprobeReadings& readings,
                              bool active_only) {
  Page page(out);
  if (readings.collections > 0) {
    Shown shown;
    for (const InterfaceSample& interface : readings.interfaces) {
      if (!active_only || interface.ever_active) shown.push_back(&interface);
    }
    add_interfaces(page, shown);
  }
  page.single(kUp, "1");
  if (readings.collections == 0) return;
  page.single(kCollections, number(readings.collections));
  page.single(kLastCollection, std::to_string(readings.last_collection / kSecond));
}

bool NetprobeHealth::stale() const { return age > std::max(kLeastStaleAge, 3 * interval); }

std::string render_netprobe_health(const NetprobeHealth& health) {
  return fmt::format(R"({{
  "status": "{}",
  "timestamp": "{}",
  "server": {{
    "running": true,
    "port": {},
    "requests": {},
    "metrics": {},
    "collections": {},
    "last_collection": "{}"
  }}
}})",
                     health.stale() ? "stale" : "ok", seconds_text(health.now), health.port,
                     health.requests, health.series, health.collections,
                     seconds_text(health.last_collection));
}

std::uint64_t count_series(std::string_view page) {
  std::uint64_t series = 0;
  while (!page.empty()) {
    if (page.front() != '#' && page.front() != '\n') ++series;
    const std::size_t end = page.find('\n');
    page.remove_prefix(end == std::string_view::npos ? page.size() : end + 1);
  }
  return series;
}

std::string render_netprobe_root(std::string_view metrics_path, std::uint16_t port) {
  const std::string path = html_text(metrics_path);
  std::string out = fmt::format(R"(<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>NetProbe Metrics Exporter</title></head>
<body>
<h1>NetProbe Metrics Exporter</h1>
<p>Network traffic of each interface, for Prometheus. Served by weir on port {}.</p>
<h2>Available Endpoints</h2>
<ul>
<li>Metrics: <a href="{}">{}</a></li>
<li>Health check: <a href="/health">/health</a></li>
</ul>
<h2>Metrics Information</h2>
<ul>
)",
                                port, path, path);
  for (const Family& family :
       {kPackets, kBytes, kPacketRate, kByteRate, kActive, kUp, kCollections, kLastCollection}) {
    fmt::format_to(std::back_inserter(out), "<li><code>{}</code>: {} ({})</li>\n", family.name,
                   family.help, family.type);
  }
  out += R"(</ul>
<h2>Labels</h2>
<ul>
<li><code>interface</code>: name of the network interface</li>
<li><code>ifindex</code>: its index</li>
<li><code>direction</code>: ingress or egress</li>
</ul>
</body>
</html>
)";
  return out;
}

}  // namespace weir
