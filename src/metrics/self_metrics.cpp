#include "metrics/self_metrics.h"

#include <algorithm>

#include "metrics/process_stats.h"

namespace weir {

void add_ledger(MetricPage& page, const LedgerTotals& totals, std::span<const Stage> stages) {
  page.family("weir_ledger_total", "counter",
              "What became of everything that entered a stage, in the stage's own unit.");
  for (std::size_t i = 0; i < totals.counts.size(); ++i) {
    const LedgerEntry& entry = ledger_entry(static_cast<Count>(i));
    if (std::find(stages.begin(), stages.end(), entry.stage) == stages.end()) continue;
    std::string labels = label("stage", stage_name(entry.stage));
    labels += ',' + label("outcome", outcome_name(entry.outcome));
    if (!entry.reason.empty()) labels += ',' + label("reason", entry.reason);
    page.sample(labels, totals.counts[i]);
  }
  page.family("weir_ledger_pending", "gauge", "What is still on its way through a stage.");
  for (const Stage stage : stages) {
    page.sample(label("stage", stage_name(stage)), totals.still_pending(stage));
  }
}

void add_lens_up(MetricPage& page, std::string_view lens, bool up) {
  page.family("weir_lens_up", "gauge", "1 where the lens is at work.");
  page.sample(label("lens", lens), up ? 1 : 0);
}

void add_self_metrics(MetricPage& page, std::string_view version) {
  page.family("weir_build_info", "gauge", "1, labelled with what is running.");
  page.sample(label("version", version), 1);
  const ProcessStats stats = ProcessStats::read();
  page.single("process_cpu_seconds_total", "counter", "Processor time used, user and system.",
              stats.cpu_seconds);
  page.single("process_resident_memory_bytes", "gauge", "Memory held in RAM.",
              stats.resident_bytes);
  page.single("process_virtual_memory_bytes", "gauge", "Address space in use.",
              stats.virtual_bytes);
  page.single("process_open_fds", "gauge", "File descriptors in use.", stats.open_fds);
  page.single("process_max_fds", "gauge", "File descriptors allowed.", stats.max_fds);
  page.single("process_start_time_seconds", "gauge", "When the process began, since the epoch.",
              fmt::format("{:.2f}", stats.start_time));
}

}  // namespace weir
