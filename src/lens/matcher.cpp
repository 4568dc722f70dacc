#include "lens/matcher.h"

#include <algorithm>
#include <limits>

namespace weir {
namespace {

// An answer captured just before its query belongs to it; later it has none.
constexpr Nanos kEarlyAnswerWait = kSecond;

// From here on a protocol with stream ids is worth an index.
constexpr std::uint32_t kIndexFrom = 32;
// An answer that matches no open request in full is compared with this many in part.
constexpr int kMaxPartialMatches = 1024;

std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }

bool is_request(const Message& message) {
  return message.kind == MessageKind::kRequest || message.kind == MessageKind::kOneWay;
}

void fill(std::optional<RoundTrip::Side>& part, const Message& message,
          const Matcher::Arrival& arrival) {
  RoundTrip::Side& side = part.emplace(RoundTrip::Side{});
  side.size_bytes = message.size_bytes;
  if (message.end != Message::kOpenEnd) side.wire_bytes = message.end - message.begin;
  side.first = arrival.first;
  side.last = arrival.last;
}

// The server promised more than it sent.
void mark_incomplete(Exchange& exchange) {
  exchange.response_values.add(FieldValue::of(kErrorTypeField, "response_incomplete"));
}

constexpr std::uint64_t kWholeId = ~std::uint64_t{0};

// One of 64, by the part of the stream id that its mask shows.
std::uint64_t part_bit(const Message& message) {
  const std::uint64_t part = message.stream_id & message.stream_mask;
  return std::uint64_t{1} << (part * 0x9e3779b97f4a7c15u >> 58);
}

void copy_fields(std::span<const FieldValue> from, FieldList& to) {
  for (const FieldValue& value : from) to.add(value);
}

}  // namespace

void Matcher::on(const Message& message, const Arrival& arrival, const Protocol& protocol,
                 MatchShared& shared) {
  shared.counters.ledger.add(Count::kMatchSeen);
  switch (message.kind) {
    case MessageKind::kInterim:
      shared.counters.ledger.add(Count::kMatchDelivered);
      return;
    case MessageKind::kCancel:
      shared.counters.ledger.add(Count::kMatchDelivered);
      on_cancel(message, arrival, shared);
      return;
    case MessageKind::kRequest:
    case MessageKind::kOneWay:
      on_request(message, arrival, protocol, shared);
      return;
    case MessageKind::kResponse:
    case MessageKind::kUnpaired:
      on_response(message, arrival, protocol, shared);
      return;
  }
}

Exchange* Matcher::open(const Message& message, const Arrival& arrival, const Protocol& protocol,
                        MatchShared& shared) {
  Exchange* exchange = shared.pool.take();
  if (exchange == nullptr) {
    shared.counters.ledger.add(Count::kMatchLostEvicted);
    passing_[index(message.direction)] = {nullptr, 0, false, message.end == Message::kOpenEnd};
    return nullptr;
  }
  exchange->vocabulary = message.vocabulary;
  exchange->stream_id = message.stream_id;
  exchange->timeout = protocol.timeout;
  exchange->deadline = arrival.last + protocol.timeout;
  exchange->client = arrival.flow->end(arrival.client);
  exchange->server = arrival.flow->end(opposite(arrival.client));
  exchange->transport = arrival.transport;
  earliest_ = head_ ? std::min(earliest_, exchange->deadline) : exchange->deadline;
  exchange->previous = tail_;
  (tail_ ? tail_->next : head_) = exchange;
  tail_ = exchange;
  ++open_;
  if (index_) {
    index_->add(*exchange);
  } else if (!protocol.fifo && open_ > kIndexFrom) {
    index_ = std::make_unique<StreamIndex>();
    for (Exchange* e = head_; e; e = e->next) index_->add(*e);
  }
  return exchange;
}

// The exchanges of a stream id, oldest first.
Exchange* Matcher::first_of(std::uint64_t stream_id) const {
  if (index_) return index_->oldest(stream_id);
  Exchange* e = head_;
  while (e && e->stream_id != stream_id) e = e->next;
  return e;
}

Exchange* Matcher::next_of(const Exchange& exchange) const {
  if (index_) return exchange.same_next;
  Exchange* e = exchange.next;
  while (e && e->stream_id != exchange.stream_id) e = e->next;
  return e;
}

void Matcher::on_request(const Message& message, const Arrival& arrival, const Protocol& protocol,
                         MatchShared& shared) {
  if (protocol.fifo && arrival.alone) {
    if (!unsynced_) {
      rolling_ = rolling_ || open_requests_ > 0;
      in_batches_ = in_batches_ || pipelined_;
    } else if (!rolling_) {
      resume(arrival, shared);
    }
  }
  Exchange* exchange = nullptr;
  bool repeated = false;
  for (Exchange* e = protocol.fifo ? nullptr : first_of(message.stream_id); e && !exchange;
       e = next_of(*e)) {
    if (e->reported) continue;
    if (!e->request && e->response_done) exchange = e;  // its answer came first
    if (e->request) repeated = true;
  }
  if (message.stream_mask != kWholeId && !repeated) {
    const std::uint64_t part = part_bit(message);
    parts_reused_ |= parts_used_ & part;
    parts_used_ |= part;
  }
  if (!exchange) exchange = open(message, arrival, protocol, shared);
  if (!exchange) return;
  shared.counters.pending_match.add();
  fill(exchange->request, message, arrival);
  exchange->request_begin = message.begin;
  exchange->from_server = message.direction == Direction::kToClient;
  exchange->acked = arrival.acked;
  exchange->worsen(message.quality);
  copy_fields(message.fields, exchange->request_values);
  if (repeated) exchange->request_values.add(FieldValue::of(kRepeatedField, 1));
  const bool lost_count = unsynced_ && protocol.fifo;
  if (lost_count) exchange->worsen(Quality::kGap);
  if (message.kind == MessageKind::kOneWay) {
    exchange->status = Status::kOneWay;
  } else if (!exchange->response) {
    if (++open_requests_ > 1) pipelined_ = true;
    if (lost_count) doubt(exchange, shared);
  }
  settle(exchange, message, arrival, shared);
}

// The request that an answer of this stream id belongs to. An answer that begins before what the
// client had received when it asked is none to that request, nor to a later one.
Exchange* Matcher::oldest_open(std::uint64_t stream_id, std::uint64_t mask,
                               std::uint64_t begin) const {
  const auto waits = [](const Exchange& e) {
    return e.request && !e.response && !e.doubtful && e.status != Status::kOneWay;
  };
  if (doubtful_ > 0 && doubtful_ == open_requests_) return nullptr;
  Exchange* exchange = nullptr;
  if (mask == kWholeId) {
    exchange = first_of(stream_id);
    while (exchange && !waits(*exchange)) exchange = next_of(*exchange);
  } else {
    exchange = head_;
    for (int tried = 0; exchange; exchange = exchange->next) {
      if (waits(*exchange) && ((exchange->stream_id ^ stream_id) & mask) == 0) break;
      if (++tried == kMaxPartialMatches) return nullptr;
    }
  }
  return exchange && begin >= exchange->acked ? exchange : nullptr;
}

std::optional<std::string_view> Matcher::asked(std::uint64_t stream_id, std::uint64_t begin,
                                               const Field& field) const {
  const Exchange* exchange = oldest_open(stream_id, kWholeId, begin);
  FieldValue value;
  if (!exchange || !exchange->request_values.find(field, value)) return std::nullopt;
  return value.text;
}

void Matcher::on_response(const Message& message, const Arrival& arrival, const Protocol& protocol,
                          MatchShared& shared) {
  Exchange* exchange = nullptr;
  if (message.kind == MessageKind::kResponse) {
    exchange = oldest_open(message.stream_id, kWholeId, message.begin);
    const bool says_more = (message.stream_id & ~message.stream_mask) != 0;
    if (!exchange && message.stream_mask != kWholeId &&
        !(says_more && (parts_reused_ & part_bit(message)) != 0)) {
      exchange = oldest_open(message.stream_id, message.stream_mask, message.begin);
    }
  }
  if (exchange) {
    if (open_requests_ > 0) --open_requests_;
    exchange->vocabulary = message.vocabulary;
  } else {
    exchange = open(message, arrival, protocol, shared);
    if (!exchange) return;
    exchange->from_server = message.direction == Direction::kToServer;
    const bool lost_count = unsynced_ && protocol.fifo;
    if (arrival.joined && message.kind == MessageKind::kResponse) {
      exchange->worsen(Quality::kLateJoin);
    }
    if (lost_count) exchange->quality = Quality::kGap;
    if (lost_count && message.kind == MessageKind::kResponse) {
      hold(exchange, arrival, shared);
    } else if (!protocol.fifo && message.kind == MessageKind::kResponse) {
      exchange->deadline = arrival.first + kEarlyAnswerWait;
      earliest_ = std::min(earliest_, exchange->deadline);
    } else {
      exchange->orphan = true;
    }
  }
  shared.counters.pending_match.add();
  fill(exchange->response, message, arrival);
  exchange->response_begin = message.begin;
  exchange->status = message.status;
  exchange->worsen(message.quality);
  copy_fields(message.fields, exchange->response_values);
  settle(exchange, message, arrival, shared);
}

void Matcher::on_cancel(const Message& message, const Arrival& arrival, MatchShared& shared) {
  Exchange* exchange = first_of(message.stream_id);
  const auto waits = [](const Exchange& e) {
    return e.request && !e.response && !e.reported && e.status != Status::kOneWay;
  };
  while (exchange && !waits(*exchange)) exchange = next_of(*exchange);
  if (!exchange) return;
  exchange->worsen(message.quality);
  copy_fields(message.fields, exchange->response_values);
  give_up(exchange, arrival.last, shared);
}

// Finishes a message that has been seen whole, else remembers where it ends.
void Matcher::settle(Exchange* exchange, const Message& message, const Arrival& arrival,
                     MatchShared& shared) {
  if (arrival.complete) {
    message_done(exchange, is_request(message), arrival.last, shared);
  } else {
    passing_[index(message.direction)] = {exchange, message.end, is_request(message)};
  }
}

// The message of this direction and stream id whose end is to come.
Exchange* Matcher::unfinished(Direction direction, std::uint64_t stream_id) const {
  const Passing& passing = passing_[index(direction)];
  if (passing.dropped) return nullptr;
  if (passing.exchange && passing.exchange->stream_id == stream_id) return passing.exchange;
  Exchange* e = first_of(stream_id);
  while (e && !(e->asks(direction) ? e->request && !e->request_done
                                   : e->response && !e->response_done)) {
    e = next_of(*e);
  }
  return e;
}

void Matcher::end(Direction direction, std::uint64_t stream_id, const MessageEnd& end,
                  bool complete, Nanos last, MatchShared& shared) {
  Exchange* exchange = unfinished(direction, stream_id);
  if (!exchange) return;
  const bool request = exchange->asks(direction);
  RoundTrip::Side& part = request ? *exchange->request : *exchange->response;
  const std::uint64_t begin = request ? exchange->request_begin : exchange->response_begin;
  part.wire_bytes = end.wire_bytes.value_or(end.end - std::min(end.end, begin));
  exchange->worsen(end.quality);
  if (end.size_bytes) part.size_bytes = end.size_bytes;
  if (end.status && !request) {
    exchange->status = *end.status;
    if (end.incomplete) mark_incomplete(*exchange);
  }
  copy_fields(end.fields, request ? exchange->request_values : exchange->response_values);
  if (complete) {
    passing_[index(direction)].exchange = nullptr;
    message_done(exchange, request, last, shared);
  } else {
    passing_[index(direction)] = {exchange, end.end, request};
  }
}

void Matcher::passed(Direction direction, std::uint64_t offset, Nanos last, MatchShared& shared) {
  Passing& passing = passing_[index(direction)];
  Exchange* exchange = passing.exchange;
  if (!exchange) return;
  if (offset < passing.end) {
    (passing.request ? exchange->request : exchange->response)->last = last;
    return;
  }
  passing.exchange = nullptr;
  message_done(exchange, passing.request, last, shared);
}

void Matcher::cut(Direction direction, std::uint64_t offset) {
  const Passing& passing = passing_[index(direction)];
  if (!passing.exchange || passing.end <= offset) return;
  RoundTrip::Side& part =
      passing.request ? *passing.exchange->request : *passing.exchange->response;
  const std::uint64_t begin =
      passing.request ? passing.exchange->request_begin : passing.exchange->response_begin;
  part.wire_bytes = offset - std::min(offset, begin);
}

void Matcher::message_done(Exchange* exchange, bool request, Nanos last, MatchShared& shared) {
  (request ? exchange->request_done : exchange->response_done) = true;
  (request ? exchange->request : exchange->response)->last = last;
  if (request && exchange->status != Status::kOneWay && !exchange->response_done) {
    exchange->deadline = last + exchange->timeout;
    return;
  }
  if (!request && exchange->request && !exchange->request_done) return;
  if (!request && !exchange->request && !exchange->orphan) return;  // an early answer waits
  exchange->completed =
      request && exchange->response ? std::max(last, exchange->response->last) : last;
  finish(exchange, shared);
}

// Reports an exchange, or counts why not.
void Matcher::report(Exchange& exchange, MatchShared& shared) {
  if (exchange.request ? exchange.answer_lost && !exchange.response : requests_lost_) {
    exchange.worsen(Quality::kGap);
  }
  Ledger& ledger = shared.counters.ledger;
  if (exchange.reported) {
    ledger.add(Count::kMatchFilteredLate, exchange.messages());
  } else if (exchange.is_fragment()) {
    ledger.add(Count::kMatchLostGap, exchange.messages());
  } else {
    shared.sink.on(exchange);
  }
}

void Matcher::finish(Exchange* exchange, MatchShared& shared) {
  report(*exchange, shared);
  unlink(exchange, shared);
}

// Ends an exchange that will not be completed.
void Matcher::give_up(Exchange* exchange, Nanos now, MatchShared& shared) {
  if (exchange->response) {
    exchange->completed = exchange->response->last;
  } else {
    exchange->completed = now;
    if (exchange->status != Status::kOneWay) exchange->status = Status::kUnanswered;
  }
  finish(exchange, shared);
}

// The input ends within a message: it is none, only the ledger knows it.
void Matcher::forget_unfinished(Exchange* exchange, MatchShared& shared) {
  if (exchange->response && !exchange->response_done) {
    exchange->response.reset();
    exchange->response_values.clear();
    exchange->quality = Quality::kGap;
  } else if (exchange->request && !exchange->request_done && !exchange->reported) {
    exchange->request.reset();
  } else {
    return;
  }
  shared.counters.ledger.add(Count::kMatchLostCut);
  shared.counters.pending_match.set(shared.counters.pending_match.get() - 1);
}

void Matcher::unlink(Exchange* exchange, MatchShared& shared) {
  (exchange->previous ? exchange->previous->next : head_) = exchange->next;
  (exchange->next ? exchange->next->previous : tail_) = exchange->previous;
  for (Passing& passing : passing_) {
    if (passing.exchange == exchange) passing.exchange = nullptr;
  }
  --open_;
  if (exchange->doubtful) --doubtful_;
  if (exchange->held) --held_;
  if (index_) index_->remove(*exchange);
  if (open_ == 0) index_.reset();
  if (exchange->request && !exchange->response && open_requests_ > 0 &&
      exchange->status != Status::kOneWay) {
    --open_requests_;
  }
  shared.counters.pending_match.set(shared.counters.pending_match.get() - exchange->messages());
  shared.pool.give(exchange);
}

void Matcher::taint(Direction direction, Quality quality, std::uint64_t stream_id) {
  Exchange* exchange =
      stream_id != 0 ? unfinished(direction, stream_id) : passing_[index(direction)].exchange;
  if (stream_id != 0 && !exchange) return;
  for (Exchange* e = head_; e && !exchange; e = e->next) {
    const bool unfinished =
        e->asks(direction) ? e->request && !e->request_done : e->response && !e->response_done;
    if (unfinished) exchange = e;
  }
  if (!exchange) return;
  exchange->worsen(quality);
  (exchange->asks(direction) ? exchange->request_damaged : exchange->response_damaged) = true;
}

void Matcher::gap(Direction direction, Quality quality, const Protocol& protocol, Nanos now,
                  MatchShared& shared) {
  taint(direction, quality);
  if (!protocol.fifo) {  // each message tells what it belongs to, but what is not there was lost
    for (Exchange* e = head_; e; e = e->next) {
      const bool request = e->asks(direction);
      if (!request) e->answer_lost = true;
      if (request ? !e->request || e->request_done : !e->response || e->response_done) continue;
      e->worsen(quality);
      (request ? e->request_damaged : e->response_damaged) = true;
    }
    if (direction == Direction::kToServer) requests_lost_ = true;
    return;
  }
  unsynced_ = true;
  passing_[index(direction)].exchange = nullptr;
  if (direction == Direction::kToClient) {
    lose_answers(quality, now, shared);
  } else {
    lose_requests(now, shared);
  }
}

void Matcher::close(Close reason, Nanos now, MatchShared& shared) {
  while (head_) {
    Exchange& e = *head_;
    if (reason == Close::kEndOfInput || reason == Close::kIdle) {
      forget_unfinished(&e, shared);
      if (!e.request && !e.response) {
        unlink(&e, shared);
        continue;
      }
    } else if (e.response && !e.response_done) {
      e.status = Status::kError;
      mark_incomplete(e);
      e.response->last = now;
    }
    give_up(&e, now, shared);
  }
}

void Matcher::on_time(Nanos now, const Protocol& protocol, MatchShared& shared) {
  earliest_ = std::numeric_limits<Nanos>::max();
  for (Exchange* e = head_; e;) {
    Exchange* next = e->next;
    // What is still being sent is not waited for: the connection's own time-out ends that.
    const bool waits = e->request ? e->request_done && !e->response : e->response_done;
    if (waits && !e->reported && e->deadline <= now) {
      if (!e->request || !protocol.fifo) {
        give_up(e, e->deadline, shared);
      } else {
        // First in, first out: its answer, should it come, must find its place.
        e->completed = e->deadline;
        e->status = Status::kUnanswered;
        report(*e, shared);
        shared.counters.pending_match.set(shared.counters.pending_match.get() - 1);
        e->reported = true;
      }
    } else if (!e->reported) {
      earliest_ = std::min(earliest_, std::max(e->deadline, now + kSecond));
    }
    e = next;
  }
}

}  // namespace weir
