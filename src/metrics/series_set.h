// SeriesSet: many time series whose names and labels are encoded once and whose values are set by
// handle, round after round; a round is encoded for remote write, for text import, or as a page.
// One thread.
//
// Every series is part of every round, with its value as it stands. One that was removed is told by
// remote write once more, a millisecond before the next round, with the value that ends it; text
// has no such thing. In steady state a round allocates nothing for a series.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "metrics/series_labels.h"

namespace weir {

class SeriesSet {
 public:
  enum class Form : std::uint8_t { kText, kRemoteWrite };
  enum class Handle : std::uint32_t {};
  enum class Family : std::uint32_t {};

  struct Limits {
    std::size_t max_series = 1'000'000;
    std::size_t request_samples = 10'000;   // of one request, at most
    std::size_t request_bytes = 4u << 20U;  // the same, before compression
  };
  // One request of a round: the whole body of a remote write (protobuf in a snappy block), or lines
  // of text with time stamps in milliseconds. `body` is valid during the call.
  using Requests = std::function<void(std::string_view body, std::size_t samples)>;

  explicit SeriesSet(Form form) : SeriesSet(form, Limits{}) {}
  SeriesSet(Form form, const Limits& limits);
  ~SeriesSet();

  // `type` and `help` are those of a page. A valid metric name, not begun before.
  Family family(std::string name, std::string type, std::string help);

  // The value is 0 until it is set. No series of the family has these labels. Nothing when the set
  // is full, and counted.
  std::optional<Handle> add(Family family, std::span<const SeriesLabel> labels);
  void set(Handle series, double value) noexcept;
  // The handle is void from now on.
  void remove(Handle series);

  std::size_t size() const { return size_; }
  std::uint64_t refused() const { return refused_; }

  // Milliseconds of `time` are to grow by 2 at least from round to round.
  void encode_round(Nanos time, const Requests& requests);
  // Form kText only: the text format 0.0.4, families in order of declaration, without time stamps.
  void append_page(std::string& out) const;

 private:
  struct Block;
  // Series in order of arrival, in blocks of bounded size.
  struct Column {
    std::vector<std::unique_ptr<Block>> blocks;
    std::size_t open = 0;  // blocks before it have no room
  };
  struct FamilyColumn : Column {
    std::string name, type, help;
  };
  struct Entry {
    Block* block;
    std::uint32_t row;
    std::uint32_t round;  // in which it was added; next free entry when it is free
  };

  Block& block_with_room(Column& column, std::size_t bytes) const;
  void tell_end(std::string_view record);
  void compact(FamilyColumn& column);
  void encode_remote_write(std::int64_t milliseconds, const Requests& requests);
  void encode_text(std::int64_t milliseconds, const Requests& requests);

  Form form_;
  Limits limits_;
  std::vector<FamilyColumn> families_;
  Column ended_;  // what the next round is to tell of removed series
  std::size_t ended_size_ = 0;
  std::vector<Entry> entries_;
  std::uint32_t free_entry_;
  std::size_t size_ = 0;
  std::uint32_t round_ = 0;
  std::uint64_t refused_ = 0;
  std::string scratch_;  // of one record, then of one request
};

}  // namespace weir
