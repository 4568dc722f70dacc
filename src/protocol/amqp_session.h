// AmqpSession: which method of a connection answers which, and what is told of it. It sees methods
// in causal order; of contents it tells the beginning, AmqpDecoder their end.
#pragma once

#include <cstdint>

#include "protocol/amqp_channel.h"
#include "protocol/amqp_methods.h"
#include "protocol/amqp_report.h"
#include "protocol/decoder.h"

namespace weir {

class AmqpSession {
 public:
  // Where a method stands; `end` of one with a content may be Message::kOpenEnd.
  struct At {
    Direction direction;
    std::uint16_t channel;
    std::uint64_t begin, end;
    const AmqpHeader* header = nullptr;  // of the content, where it is known already

    std::uint64_t stream_id() const {
      return (begin + 1) << 1 | (direction == Direction::kToClient ? 1u : 0u);
    }
  };

  // The stream id of the message that was told last: of one with a content, what it goes on as.
  std::uint64_t on_method(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                          MessageSink& sink);
  // Methods of this direction may have been lost.
  void on_lost(Direction direction);

  AmqpChannels& channels() { return channels_; }
  // Of a frame's payload, as far as the two ends have said; 0: no limit.
  std::uint32_t frame_max() const { return frame_max_; }

 private:
  static constexpr std::uint32_t kUntuned = 16 << 20;

  // What is told beside the fields, which report_ has.
  struct Told {
    MessageKind kind;
    std::uint64_t stream_id;
    Status status = Status::kOk;
    Quality quality = Quality::kComplete;
  };

  void tell(const At& at, const Told& told, MessageSink& sink) const;
  void on_request(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                  MessageSink& sink);
  std::uint64_t on_answer(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                          MessageSink& sink);
  void on_answered(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                   bool expected, MessageSink& sink);
  void on_content(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                  MessageSink& sink);
  Told publish(const At& at, AmqpChannel* channel);
  Told deliver(const At& at, AmqpChannel* channel, const AmqpArguments& arguments,
               std::string_view& queue);
  void on_settle(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                 MessageSink& sink);
  void on_other(const At& at, const AmqpMethod& method, const AmqpArguments& arguments,
                MessageSink& sink);
  void on_error_close(const At& at, AmqpChannel& channel, const AmqpMethod& method,
                      const AmqpArguments& arguments, MessageSink& sink);
  void cancel(const At& at, std::uint64_t stream_id, MessageSink& sink) const;
  void cancel_all(const At& at, AmqpUnsettled& unsettled, MessageSink& sink);
  void cancel_doubtful(const At& at, AmqpChannel& channel, MessageSink& sink) const;
  void end_channel(const At& at, AmqpChannel& channel, MessageSink& sink);
  void add_consumer(AmqpChannel& channel, const AmqpArguments& arguments);
  void remove_consumer(AmqpChannel& channel, std::string_view tag);

  AmqpChannels channels_;
  AmqpReport report_;
  std::size_t unsettled_ = 0, consumers_ = 0;  // of all channels
  std::uint32_t frame_max_ = kUntuned;
};

}  // namespace weir
