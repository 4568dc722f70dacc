// CaptureGroup: live capture by W workers, each with its own ring, of the interfaces asked for,
// those that appear later included. Threads: worker i polls ring(i) and reads its statistics; the
// control thread waits for fd() and calls on_readable(); stop() and interface_name() are for any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/capture_program.h"
#include "kernel/interface_choice.h"
#include "kernel/interface_watch.h"
#include "packet/capture_ring.h"
#include "packet/live_filter.h"

namespace weir {

// One for every two processors this process may use, 1 to 4: a watcher must not take over a host,
// and while it works on packets, what made them needs a processor too.
unsigned default_capture_workers();

struct CaptureOptions {
  std::vector<std::string> interfaces;  // names or globs; none, or "any": all
  unsigned workers = default_capture_workers();
  std::string filter;        // pcap-filter(7); see LiveFilter
  bool promiscuous = false;  // not on loopback
  bool decapsulate = false;  // whether the packets' reader looks into tunnels
  std::size_t ring_bytes = CaptureRing::kDefaultBytes;  // of each worker
};

// Names of interfaces whose capture began or ended.
struct CaptureChanges {
  std::vector<std::string> began, ended;
};

class CaptureGroup {
 public:
  // Capture runs when it returns. Several workers and copy verdicts need CAP_BPF: without, there is
  // one worker, everything is copied, and warning() says why.
  static Result<std::unique_ptr<CaptureGroup>> open(const CaptureOptions& options);

  std::size_t workers() const { return rings_.size(); }
  CaptureRing& ring(std::size_t worker) { return *rings_[worker]; }
  const std::string& warning() const { return warning_; }
  // Null where the kernel has not taken it: then everything is copied.
  CaptureProgram* program() const { return classic_ ? nullptr : program_.get(); }
  // The kernel does not take the expression in any form: the packets' reader has to apply it.
  bool expression_is_left() const { return expression_is_left_; }
  // Captured now, by index; control thread only.
  const std::map<std::uint32_t, std::string>& captured() const { return captured_; }

  // Interfaces come, go and change their names. After an Error what was captured still is.
  int fd() const { return watch_.fd(); }
  Result<CaptureChanges> on_readable();

  // Also of an interface that has gone since; empty when there was none of this index.
  std::string interface_name(std::uint32_t index) const;

  // Every ring's poll() returns kStopped.
  void stop() noexcept;

 private:
  CaptureGroup(const CaptureOptions& options, InterfaceWatch watch, LiveFilter filter);
  void load_program(const CaptureOptions& options);
  Result<> open_rings(const CaptureOptions& options);
  Result<> spread();
  std::optional<std::uint32_t> loopback() const;
  Result<> apply(std::map<std::uint32_t, std::string> wanted);
  Result<> attach(const std::map<std::uint32_t, std::string>& wanted);
  Result<> attach_classic(const std::map<std::uint32_t, std::string>& wanted);
  Result<> follow(std::uint32_t index);
  std::map<std::uint32_t, std::string> wanted() const;
  void remember_names();

  InterfaceChoice choice_;
  bool promiscuous_;
  InterfaceWatch watch_;
  LiveFilter filter_;
  std::unique_ptr<CaptureProgram> program_;
  std::vector<std::unique_ptr<CaptureRing>> rings_;
  std::string warning_;
  std::map<std::uint32_t, std::string> captured_;
  std::set<std::uint32_t> told_;  // interfaces that the program knows
  bool classic_ = false;          // the rings have the classic filter
  bool expression_is_left_ = false;
  bool attached_ = false;  // the rings have the program
  bool binds_ = false;     // the only ring is bound to the only interface

  mutable std::mutex names_mutex_;
  std::map<std::uint32_t, std::string> names_;
};

}  // namespace weir
