// NetprobePages: what the drop-in netprobe-agent answers over HTTP. Counters are read when they are
// asked for, rates are those of the last collection. For any thread.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "agent/http_server.h"
#include "agent/netprobe_settings.h"
#include "kernel/interface_choice.h"
#include "output/dropin/netprobe.h"

namespace weir {

class NetprobePages {
 public:
  using Source = std::function<std::vector<InterfaceSample>()>;

  // The settings must outlive it. `source` gives the samples of now, on any thread; `clock` is
  // what the age of a collection is told by.
  NetprobePages(const NetprobeSettings& settings, Source source, Nanos (*clock)() = monotonic_now);

  // A collection has been done.
  void collected();
  HttpResponse answer(const HttpRequest& request);

  // As the server has it, where the system chose it.
  void set_port(std::uint16_t port) { port_ = port; }
  NetprobeHealth health() const;
  // What is on the metrics page: interfaces that the filter lets pass.
  NetprobeReadings readings() const;

 private:
  HttpResponse page_for(const HttpRequest& request);
  std::string metrics_page() const;

  const NetprobeSettings& settings_;
  const InterfaceChoice choice_;
  const Source source_;
  Nanos (*const clock_)();
  std::atomic<std::uint16_t> port_;
  std::atomic<std::uint64_t> requests_{0};
  mutable std::mutex mutex_;  // of what follows
  std::uint64_t collections_ = 0;
  Nanos last_collection_ = 0;  // wall clock
  Nanos last_;                 // by clock_; before the first collection that of the start
};

}  // namespace weir
