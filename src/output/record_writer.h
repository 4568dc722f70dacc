// RecordWriter: a worker's sink that renders records as lines of a RecordQueue.
#pragma once

#include <string>
#include <utility>

#include "output/record_queue.h"
#include "record/record_sink.h"

namespace weir {

class RecordWriter : public RecordSink {
 public:
  explicit RecordWriter(RecordQueue::Lines lines) : lines_(std::move(lines)) {}

  using RecordSink::on;
  void on(const RoundTrip& trip) noexcept final {
    render(lines_.text(), trip);
    end_line(trip.completed);
  }

  // At batch boundaries, and at the end, before RecordQueue::finish().
  void flush() noexcept { lines_.flush(); }

 protected:
  // Appends the record without a line end.
  virtual void render(std::string& out, const RoundTrip& trip) = 0;

  // For a line of another kind: appended here, and ended.
  std::string& text() { return lines_.text(); }
  void end_line(Nanos completed) noexcept {
    lines_.text() += '\n';
    lines_.end_line(completed);
  }

 private:
  RecordQueue::Lines lines_;
};

}  // namespace weir
