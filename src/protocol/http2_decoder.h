// Http2Decoder: HTTP/2 and gRPC. http2.cpp has the frames, http2_exchanges.cpp what their heads
// mean.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "protocol/decoder.h"
#include "protocol/http2_fields.h"
#include "protocol/http2_frame.h"
#include "protocol/http2_head.h"
#include "protocol/http2_losses.h"
#include "protocol/http2_streams.h"

namespace weir {

class Http2Decoder final : public Decoder {
 public:
  explicit Http2Decoder(const Limits& limits) : limits_(limits) {}

  Step decode(Direction, Bytes, std::uint64_t offset, MessageSink&) noexcept override;
  void gap(Direction, std::uint64_t length, MessageSink&) noexcept override;
  std::size_t resync(Direction, Bytes) noexcept override;
  void close(Direction, Close, std::uint64_t offset, MessageSink&) noexcept override;

 private:
  struct Side {
    bool begun = false;    // its first bytes were seen for what they are
    bool whole = true;     // nothing was missed of it
    bool guessed = false;  // where the next frame begins was found by resync()
    Hpack hpack;
    std::uint64_t next = 0;  // offset after all that was consumed and skipped
    // The DATA frame of a gRPC message that is passing.
    bool in_data = false, ends_stream = false;
    std::uint32_t data_stream = 0, data_left = 0, padding = 0;
  };
  // A header block, put together, and where its frames stand.
  struct Block {
    Http2Frame frame;
    Bytes bytes;
    std::uint32_t promised = 0;  // with PUSH_PROMISE
    std::uint64_t begin = 0;
    std::size_t size = 0;  // on the wire
    std::uint64_t end() const { return begin + size; }
    bool ends_stream() const {
      return frame.type == Http2Frame::kHeaders && frame.has(Http2Frame::kEndStream);
    }
  };

  Side& side(Direction d) { return sides_[static_cast<std::size_t>(d)]; }
  Side& client() { return side(Direction::kToServer); }

  Step step(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step begin(Direction, Bytes) noexcept;
  Step frame(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step data(Direction, const Http2Frame&, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step messages(Direction, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step headers(Direction, const Http2Frame&, Bytes, std::uint64_t at, MessageSink&) noexcept;
  Step refuse(Direction) noexcept;
  Verdict collect(Bytes, Block&) noexcept;
  void request(const Block&, const Http2Head&, MessageSink&) noexcept;
  void response(const Block&, const Http2Head&, MessageSink&) noexcept;
  void promise(const Block&, const Http2Head&, MessageSink&) noexcept;
  void trailers(Direction, Http2Stream&, const Block&, const Http2Head&, MessageSink&) noexcept;
  void reset(Direction, std::uint32_t id, std::uint32_t code, std::uint64_t at,
             MessageSink&) noexcept;
  void goaway(std::uint32_t last, std::uint32_t code, std::uint64_t at, MessageSink&) noexcept;
  Http2Stream& open(std::uint32_t id, MessageSink&) noexcept;
  void finish(Direction, Http2Stream&, std::uint64_t end, MessageSink&) noexcept;
  void finish(Direction, Http2Stream&, MessageEnd, MessageSink&) noexcept;
  void cut(Direction, Http2Stream&, std::uint64_t end, MessageSink&) noexcept;
  void close_request(Http2Stream&, MessageSink&) noexcept;
  void lose(Direction) noexcept;
  void lose_table(Direction) noexcept;
  void check_table(Direction, const Http2Frame&, Bytes block) noexcept;

  const Limits limits_;
  std::array<Side, 2> sides_;
  Http2Streams streams_;
  Http2Losses losses_;
  Http2Fields fields_;
  std::vector<std::uint8_t> block_;  // of several frames
  std::uint32_t highest_ = 0;        // stream the client has opened
  bool asked_ = false;
  // All requests so far, as far as they told, were calls: those that do not tell are, too.
  bool calls_only_ = false;
};

}  // namespace weir
