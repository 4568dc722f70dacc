// Exchange: a request and its response on their way to becoming a RoundTrip.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/decoder.h"
#include "record/flow_key.h"
#include "record/round_trip.h"

namespace weir {

// `weir.repeated`: the same query was already open.
inline constexpr Field kRepeatedField{"weir.repeated", FieldType::kBool};
// `response_incomplete`: the connection ended before the answer's declared end.
inline constexpr Field kErrorTypeField{"error.type", FieldType::kText};

// The record itself is filled in as messages come; what the lens alone knows is added last.
struct Exchange : RoundTrip {
  Exchange* next = nullptr;  // in its matcher's list, oldest first
  Exchange* previous = nullptr;
  Exchange* same_next = nullptr;  // the next one of the same stream id, in a StreamIndex
  std::uint64_t stream_id = 0;
  std::uint64_t sequence = 0;  // order of creation within the worker: breaks ties of time
  Nanos timeout = 0;           // for the answer, once the request is complete
  Nanos deadline = 0;
  bool request_done = false, response_done = false;
  bool request_damaged = false, response_damaged = false;  // bytes of it are missing
  bool reported = false;     // given up, kept so that its late answer is not taken for another's
  bool doubtful = false;     // asked after a gap: its place in the order of answers is not known
  bool answer_lost = false;  // maybe: bytes that the server sent since are missing
  bool orphan = false;       // an answer that no request waits for
  bool from_server = false;  // the server asked, the client answers
  bool held = false;         // an answer after a gap: which request it belongs to may yet be known
  std::uint64_t request_begin = 0, response_begin = 0;  // offsets in their streams
  // What of the other direction its first packet acknowledged: the request's, or a held answer's.
  std::uint64_t acked = 0;
  FieldList request_values, response_values;

  // Its first byte's time, when it has a message.
  Nanos begun() const { return request ? request->first : response->first; }
  // What passes in this direction is a part of its request.
  bool asks(Direction direction) const {
    return (direction == Direction::kToServer) != from_server;
  }
  // Not yet accounted for in the ledger.
  std::uint64_t messages() const { return (request && !reported ? 1u : 0u) + (response ? 1u : 0u); }
  void worsen(Quality by) {
    if (quality == Quality::kComplete) quality = by;
  }
  // Bytes of its only message are missing: neither its size nor what became of it can be told.
  bool is_fragment() const { return request ? request_damaged && !response : response_damaged; }
  // As new, but for the room its values have and what Matcher::open() sets.
  void clear();
};

// The exchanges of one worker: bounded, reused.
class ExchangePool {
 public:
  explicit ExchangePool(std::size_t limit) : limit_(limit) {}

  // Null when the bound is reached.
  Exchange* take();
  void give(Exchange* exchange);
  std::size_t in_use() const { return in_use_; }

 private:
  std::vector<std::unique_ptr<Exchange>> free_;
  std::size_t in_use_ = 0;
  std::size_t limit_;
  std::uint64_t sequence_ = 0;
};

// Takes finished exchanges. The exchange stays the caller's, its contents may be moved out.
class ExchangeSink {
 public:
  virtual ~ExchangeSink() = default;
  virtual void on(Exchange& exchange) noexcept = 0;
};

}  // namespace weir
