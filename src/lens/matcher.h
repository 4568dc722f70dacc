// Matcher: pairs the messages of one connection, first in first out per stream id, and knows no
// protocol. Finished exchanges go to the ExchangeSink in the order of their completion.
//
// After a gap a first-in first-out protocol cannot know how many messages were lost. Requests seen
// before a gap in their own direction are still answered in order. What else was asked or answered
// since is held, until by the acknowledgments nothing is outstanding: then the last answer belongs
// to the last request, and so on backwards to the gap. What remains are records of quality `gap`
// with one side only. A client that always keeps something outstanding never gets there.
#pragma once

#include <cstdint>
#include <memory>

#include "lens/exchange.h"
#include "lens/requests_counters.h"
#include "lens/stream_index.h"
#include "protocol/decoder.h"

namespace weir {

// What the matchers of one worker share.
struct MatchShared {
  ExchangePool& pool;
  RequestsCounters& counters;
  ExchangeSink& sink;
};

class Matcher {
 public:
  // When and how a message's bytes were seen.
  struct Arrival {
    Nanos first = 0;
    Nanos last = 0;           // of the bytes seen so far
    bool complete = false;    // its end has passed
    std::uint64_t acked = 0;  // of the other direction's stream, by its first packet
    bool alone = false;       // when its first byte was sent nothing was outstanding
    bool settled = false;     // while unsynced(): and all that the other direction had sent until
                              // then was understood
    bool joined = false;      // the connection's beginning was not seen
    const FlowKey* flow = nullptr;
    Side client = Side::kA;
    Transport transport = Transport::kTcp;
  };

  Matcher() = default;
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  void on(const Message& message, const Arrival& arrival, const Protocol& protocol,
          MatchShared& shared);
  // The end of a message that came with an open end; `complete`: it has passed already.
  void end(Direction direction, std::uint64_t stream_id, const MessageEnd& end, bool complete,
           Nanos last, MatchShared& shared);
  // Bytes of this direction up to `offset` have passed.
  void passed(Direction direction, std::uint64_t offset, Nanos last, MatchShared& shared);
  // Bytes inside the message now passing in this direction are missing; `stream_id`: inside that
  // message, where several pass at once.
  void taint(Direction direction, Quality quality, std::uint64_t stream_id = 0);
  // Bytes that the decoder needed are missing.
  void gap(Direction direction, Quality quality, const Protocol& protocol, Nanos now,
           MatchShared& shared);
  // Bytes were missing before the protocol was known: as after a gap, with nothing open.
  void lose_count() { unsynced_ = requests_lost_ = answers_lost_ = true; }
  // All that was asked has been answered: pairs what was held since a gap.
  void realign(MatchShared& shared);
  // No answer can come any more: what is open is reported, unfinished requests too, except at the
  // end of the input.
  void close(Close reason, Nanos now, MatchShared& shared);
  // The stream of this direction ends at `offset`, maybe inside a message.
  void cut(Direction direction, std::uint64_t offset);
  // As MessageSink::asked().
  std::optional<std::string_view> asked(std::uint64_t stream_id, std::uint64_t begin,
                                        const Field& field) const;
  // Gives up what has waited too long.
  void on_time(Nanos now, const Protocol& protocol, MatchShared& shared);

  bool empty() const { return head_ == nullptr; }
  // on_time() has nothing to do before this; 0 = never.
  Nanos deadline() const { return head_ ? earliest_ : 0; }
  // A gap has upset the count of requests and answers.
  bool unsynced() const { return unsynced_; }
  // The client waits for all that it has asked before it asks on, as far as is known.
  bool waits() const { return !pipelined_ || (in_batches_ && !rolling_); }

 private:
  struct Passing {  // a message whose end has not passed yet
    Exchange* exchange = nullptr;
    std::uint64_t end = 0;  // Message::kOpenEnd: not known yet
    bool request = false;
    bool dropped = false;  // with an open end, and for want of room nobody remembers it
  };

  Exchange* open(const Message& message, const Arrival& arrival, const Protocol& protocol,
                 MatchShared& shared);
  Exchange* first_of(std::uint64_t stream_id) const;
  Exchange* next_of(const Exchange& exchange) const;
  Exchange* unfinished(Direction direction, std::uint64_t stream_id) const;
  void on_request(const Message& message, const Arrival& arrival, const Protocol& protocol,
                  MatchShared& shared);
  void on_response(const Message& message, const Arrival& arrival, const Protocol& protocol,
                   MatchShared& shared);
  Exchange* oldest_open(std::uint64_t stream_id, std::uint64_t mask, std::uint64_t begin) const;
  void on_cancel(const Message& message, const Arrival& arrival, MatchShared& shared);
  void hold(Exchange* exchange, const Arrival& arrival, MatchShared& shared);
  void doubt(Exchange* exchange, MatchShared& shared);
  void lose_answers(Quality quality, Nanos now, MatchShared& shared);
  void lose_requests(Nanos now, MatchShared& shared);
  void resume(const Arrival& arrival, MatchShared& shared);
  void join(Exchange* request, Exchange* answer, MatchShared& shared);
  void settle(Exchange* exchange, const Message& message, const Arrival& arrival,
              MatchShared& shared);
  void message_done(Exchange* exchange, bool request, Nanos last, MatchShared& shared);
  void report(Exchange& exchange, MatchShared& shared);
  void finish(Exchange* exchange, MatchShared& shared);
  void give_up(Exchange* exchange, Nanos now, MatchShared& shared);
  void forget_unfinished(Exchange* exchange, MatchShared& shared);
  void unlink(Exchange* exchange, MatchShared& shared);

  Exchange* head_ = nullptr;
  Exchange* tail_ = nullptr;
  std::unique_ptr<StreamIndex> index_;  // once there are many
  Passing passing_[2];                  // by Direction
  Nanos earliest_ = 0;                  // no deadline of an open exchange is before this
  std::uint32_t open_ = 0;              // in the list
  std::uint32_t open_requests_ = 0;
  std::uint32_t doubtful_ = 0, held_ = 0;  // of those, and answers that are held
  // Parts of stream ids by stream_mask, 64 kinds of them: asked with, and with more than once.
  std::uint64_t parts_used_ = 0, parts_reused_ = 0;
  bool unsynced_ = false;
  bool requests_lost_ = false;  // since then
  bool answers_lost_ = false;
  bool rolling_ = false;     // asks on while something is outstanding, though it looks as if not
  bool pipelined_ = false;   // more than one request was open at once
  bool in_batches_ = false;  // but none when the next batch began
};

}  // namespace weir
