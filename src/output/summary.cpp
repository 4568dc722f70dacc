#include "output/summary.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "output/units.h"

namespace weir {
namespace {

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (part == 0 || whole == 0) return "0 %";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return share < 0.01 ? "<0.01 %" : fmt::format("{:.2f} %", share);
}

void add_protocol(std::string& out, const ProtocolTotals& totals) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{:<10} {:>10}  errors {} ({})  unanswered {}", totals.name, totals.records,
                 totals.errors, percent(totals.errors, totals.records), totals.unanswered);
  if (totals.one_way > 0) fmt::format_to(to, "  one_way {}", totals.one_way);
  if (totals.without_request > 0) {
    fmt::format_to(to, "  without_request {}", totals.without_request);
  }
  if (totals.answered.count() > 0) {
    fmt::format_to(
        to, "  p50 {}  p90 {}  p99 {}  max {}", duration_text(totals.answered.quantile(0.5)),
        duration_text(totals.answered.quantile(0.9)), duration_text(totals.answered.quantile(0.99)),
        duration_text(totals.answered.max()));
  }
  fmt::format_to(to, "  requests {}  responses {}\n", bytes_text(totals.request_bytes),
                 bytes_text(totals.response_bytes));
}

std::string_view unit_of(Stage stage) {
  switch (stage) {
    case Stage::kCapture:
    case Stage::kDrops:
      return "packets";
    case Stage::kStream:
      return "bytes";
    case Stage::kMatch:
      return "messages";
    case Stage::kFlows:
      return "frames";
    case Stage::kConnections:
      return "events";
    case Stage::kPush:
      return "samples";
    case Stage::kQueue:
    case Stage::kStageEnd:
      break;
  }
  return "records";
}

// "  lost 5 (kernel 3, gap 2)"
void add_outcome(std::string& out, const LedgerTotals& totals, Stage stage, Outcome outcome) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "  {} {}", outcome_name(outcome), totals.sum(stage, outcome));
  std::string_view separator = " (";
  for (std::size_t i = 0; i < totals.counts.size(); ++i) {
    const LedgerEntry& entry = ledger_entry(static_cast<Count>(i));
    if (entry.stage != stage || entry.outcome != outcome || entry.reason.empty()) continue;
    if (totals.counts[i] == 0) continue;
    fmt::format_to(to, "{}{} {}", separator, entry.reason, totals.counts[i]);
    separator = ", ";
  }
  if (separator == ", ") out += ')';
}

void add_stage(std::string& out, const LedgerTotals& totals, Stage stage, bool at_rest) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{:<12} {:<8}", stage_name(stage), unit_of(stage));
  for (const Outcome outcome :
       {Outcome::kSeen, Outcome::kDelivered, Outcome::kFiltered, Outcome::kLost}) {
    add_outcome(out, totals, stage, outcome);
  }
  fmt::format_to(to, "  pending {}", totals.still_pending(stage));
  const std::int64_t unaccounted = totals.unaccounted(stage);
  if (at_rest && unaccounted != 0) fmt::format_to(to, "  unaccounted {}", unaccounted);
  out += '\n';
}

void add_top(std::string& out, const TopTable& top, TopOrder order, std::string_view title,
             std::size_t limit) {
  const auto entries = top.first(order, limit);
  if (entries.empty()) return;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "top by {}\n", title);
  for (const TopEntry& entry : entries) {
    const Nanos mean = entry.total_ns / static_cast<Nanos>(entry.count);
    out += "  ";
    append_duration(out, entry.total_ns);
    fmt::format_to(to, "  {:>8} times  {:>6} errors  mean ", entry.count, entry.errors);
    append_duration(out, mean);
    out += "  max ";
    append_duration(out, entry.max_ns);
    fmt::format_to(to, "  {}\n", entry.asked);
  }
}

}  // namespace

std::string render_summary(const RequestsTotals& totals, const LedgerTotals& ledger, bool at_rest) {
  std::string out;
  for (const ProtocolTotals& protocol : totals.protocols) {
    if (protocol.records > 0) add_protocol(out, protocol);
  }
  for (const Stage stage : kStages) add_stage(out, ledger, stage, at_rest);
  return out;
}

std::string render_top(const TopTable& top, std::size_t limit) {
  std::string out;
  add_top(out, top, TopOrder::kTotalTime, "total time", limit);
  add_top(out, top, TopOrder::kCount, "count", limit);
  add_top(out, top, TopOrder::kErrors, "errors", limit);
  return out;
}

}  // namespace weir
