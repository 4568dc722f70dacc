// RecordSink: everything downstream of a lens. on() runs on the producer's thread, never blocks and
// never throws; views in a record are valid during the call, and who keeps a record copies it. Each
// producer thread has its own chain of sinks.
#pragma once

#include "record/connection.h"
#include "record/drop.h"
#include "record/flow_sample.h"
#include "record/interface_sample.h"
#include "record/queue_pair_sample.h"
#include "record/round_trip.h"

namespace weir {

class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void on(const InterfaceSample&) noexcept {}
  virtual void on(const FlowSample&) noexcept {}
  virtual void on(const QueuePairSample&) noexcept {}
  virtual void on(const ConnectionSample&) noexcept {}
  virtual void on(const ConnectionEvent&) noexcept {}
  virtual void on(const DropSample&) noexcept {}
  virtual void on(const DropEvent&) noexcept {}
  virtual void on(const RoundTrip&) noexcept {}
};

}  // namespace weir
