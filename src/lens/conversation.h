// Conversation: one TCP connection as the requests lens sees it: ordered bytes from the TcpStream,
// the decoder that fits them, the matcher that pairs what the decoder finds.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lens/copy_policy.h"
#include "lens/forced_protocol.h"
#include "lens/matcher.h"
#include "lens/unread.h"
#include "protocol/decoder.h"
#include "stream/tcp_stream.h"

namespace weir {

// What the conversations of one worker share. Outlives them.
struct LensShared {
  StreamShared stream;
  MatchShared match;
  UnreadPool& unread;
  RequestsCounters& counters;
  const std::vector<ForcedProtocol>& forced;
  Limits limits;
  CopyVerdicts* copies = nullptr;  // null: everything is copied, and what is cut is lost
};

class Conversation final : private StreamSink, private MessageSink {
 public:
  Conversation(const FlowKey& key, LensShared& shared);
  ~Conversation() override;
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // As TcpStream::on_packet().
  TcpStream::Verdict on_packet(Side from, const Packet& packet);
  TcpStream::Verdict on_time(Nanos now);
  // Ends it: everything held is decoded or given up, everything open is reported.
  void close(Close reason, Nanos now);

  // When on_time() can next do something; 0 = never.
  Nanos deadline() const;
  const TcpStream& stream() const { return stream_; }

 private:
  friend TcpStream;  // for its on_bytes()

  // One direction.
  struct Way {
    const Protocol* protocol = nullptr;
    Decoder* decoder = nullptr;  // null while the protocol is not known
    std::unique_ptr<Unread> unread;
    std::uint64_t offset = 0;       // consumed, skipped or lost so far
    std::uint64_t skip = 0;         // bytes from offset on that are not needed
    std::uint64_t skip_stream = 0;  // as Step::stream_id
    std::uint64_t looked = 0;       // the offset before which bytes were looked at, not passed over
    std::uint64_t acked = 0;        // of the other direction, by the last chunk
    Nanos ready = 0;                // of the last chunk
    std::uint8_t attempts = 0;      // at recognising the protocol
    bool resync = false;            // the decoder has to find a frame first
    bool broken = false;            // bytes were missing before the protocol was known
    bool deaf = false;              // not recognisable: opaque, until the other side is recognised
    bool closed = false;
    bool ended = false;  // a FIN, of a connection that was let go
  };
  // Bytes now being decoded.
  struct View {
    Bytes bytes;  // from way.offset on
    const Unread* unread = nullptr;
    Mark mark;  // where unread is null

    const Mark& at(std::uint64_t offset) const { return unread ? unread->at(offset) : mark; }
  };
  enum class Detection : std::uint8_t { kWait, kFound, kNone };

  void on_bytes(Side side, const Chunk& chunk) noexcept override;
  void on_gap(Side side, std::uint64_t offset, std::uint64_t length, Nanos now) noexcept override;
  void on_fin(Side side, std::uint64_t offset, Nanos now) noexcept override;
  std::uint64_t unwanted(Side side) const noexcept override;
  void on(const Message& message) noexcept override;
  void end(Direction direction, std::uint64_t stream_id, const MessageEnd& end) noexcept override;
  std::optional<std::string_view> asked(std::uint64_t stream_id, std::uint64_t begin,
                                        const Field& field) noexcept override;

  Way& way(Side side) { return ways_[static_cast<std::size_t>(side)]; }
  Direction direction_of(Side side) const {
    return side == client_ ? Direction::kToServer : Direction::kToClient;
  }
  Side side_of(Direction direction) const {
    return direction == Direction::kToServer ? client_ : opposite(client_);
  }
  Endpoint server() const { return key_.end(opposite(client_)); }
  bool is_alone(Side side, const Chunk& chunk) const;
  bool is_understood(Side side) const;
  void feed(Side side, View& view);
  void feed_unread(Side side);
  void run(Side side, View& view);
  bool decode_step(Side side, View& view);
  void refuse(Side side, View& view);
  void advance(Side side, View& view, std::size_t count, Count how);
  void keep(Side side, const View& view);
  std::uint64_t use_skip(Side side, std::uint64_t available, Nanos ready);
  void lose(Side side, std::uint64_t length, Quality quality, Nanos now);
  Detection detect(Side side, Bytes bytes);
  Detection detect_latest(Side side, View& view, Detection whole);
  Detection consider_maybe(Side side, const Protocol& protocol, Direction direction);
  void accept(const Protocol& protocol, Side client, Side found_on);
  Decoder* make_decoder(const Protocol& protocol);
  void release_decoders();
  void leave(Side side, const Protocol* next);
  void not_recognised(Side side, View& view);
  void close_way(Side side, Close reason);
  void drop_unread(Side side, Count how);
  void go_opaque(Nanos now);
  TcpStream::Verdict on_let_go(Side from, const Packet& packet);
  void on_copied(Side side, const Chunk& chunk);

  FlowKey key_;
  LensShared& shared_;
  TcpStream stream_;
  Matcher matcher_;
  CopyPolicy copy_;
  Way ways_[2];
  std::unique_ptr<Decoder> decoders_[2];  // two during a switch
  const Protocol* protocol_ = nullptr;    // the last one recognised
  const Protocol* candidate_ = nullptr;   // looks like it on one side, the other has to agree
  const View* current_ = nullptr;         // while a decoder runs
  Side current_side_ = Side::kA;
  Side client_ = Side::kA;
  std::uint16_t errors_ = 0;   // in a row
  std::uint8_t messages_ = 0;  // the first few
  bool roles_known_ = false;
  bool opaque_ = false;
  bool abandoned_ = false;  // ends without having been closed by its ends
};

}  // namespace weir
