// Drops: the drops lens. Every packet that the kernel of this host threw away, in every network
// namespace: what, where, why, how many; and what counters of this namespace alone tell.
//
// One control thread opens it, serves events_fd() and calls tick(); totals() is for any thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "kernel/drop_program.h"
#include "lens/counted_drops.h"
#include "lens/drop_totals.h"
#include "record/record_sink.h"

namespace weir {

struct DropsOptions {
  // Reasons that mean no loss are told, too.
  bool noise = false;
  // Flows of an interval: what is beyond is told by reason and place alone.
  std::uint32_t max_flows = 1 << 14;
  // Single packets a second and processor at most; 0: none.
  std::uint32_t events = 0;
};

// The reasons that are not told but on request.
const std::vector<std::string>& drop_noise();

class Drops {
 public:
  // Drops are counted when it returns.
  static Result<std::unique_ptr<Drops>> open(const DropsOptions& options);

  int events_fd() const { return program_->events_fd(); }
  // Tells the single packets since the last call.
  void take_events(RecordSink& sink);
  // Ends an interval: tells what was dropped in it, in no order.
  Result<> tick(RecordSink& sink);

  bool knows_functions() const { return program_->knows_functions(); }
  DropTotals totals() const;

 private:
  Drops(std::unique_ptr<DropProgram> program, CountedDrops counted);
  // Names that were told with a flow, for what is told without.
  std::string_view known_name(const drop_key& key, std::string_view told);
  void tell(const drop_key& key, const drop_count& count, bool whole, RecordSink& sink);
  void tell_counted(std::string_view name, std::string_view interface, std::uint64_t gained,
                    RecordSink& sink);
  void add(const Drop& drop, std::uint64_t packets);
  void take_totals();

  std::unique_ptr<DropProgram> program_;
  CountedDrops counted_;
  std::uint32_t own_namespace_ = 0;  // inode
  Nanos clock_offset_ = 0;           // from the monotonic to the wall clock
  Nanos last_tick_ = 0, now_ = 0;
  absl::flat_hash_map<std::pair<std::uint32_t, std::uint32_t>, std::string> names_;  // by namespace
  absl::flat_hash_map<std::string, std::size_t> series_;  // places in totals_.series
  mutable std::mutex mutex_;                              // guards totals_
  DropTotals totals_;
};

}  // namespace weir
