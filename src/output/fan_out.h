// FanOut: one stream of records to several sinks, in the order given.
#pragma once

#include <utility>
#include <vector>

#include "record/record_sink.h"

namespace weir {

class FanOut final : public RecordSink {
 public:
  explicit FanOut(std::vector<RecordSink*> sinks) : sinks_(std::move(sinks)) {}

  void on(const InterfaceSample& sample) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(sample);
  }
  void on(const FlowSample& flow) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(flow);
  }
  void on(const QueuePairSample& pair) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(pair);
  }
  void on(const ConnectionSample& sample) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(sample);
  }
  void on(const ConnectionEvent& event) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(event);
  }
  void on(const DropSample& sample) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(sample);
  }
  void on(const DropEvent& event) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(event);
  }
  void on(const RoundTrip& trip) noexcept override {
    for (RecordSink* sink : sinks_) sink->on(trip);
  }

 private:
  std::vector<RecordSink*> sinks_;
};

}  // namespace weir
