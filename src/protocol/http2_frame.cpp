#include "protocol/http2_frame.h"

#include <algorithm>

#include "protocol/hpack.h"

namespace weir {
namespace {

// What is taken for a frame by its looks is no longer than endpoints send unless told otherwise.
constexpr std::uint32_t kUsualFrame = 16384;
constexpr int kFramesInARow = 4;
constexpr std::uint32_t kSettingBytes = 6;
constexpr std::uint16_t kLastSetting = 9;

std::uint8_t flags_of(std::uint8_t type) {
  switch (type) {
    case Http2Frame::kData:
      return Http2Frame::kEndStream | Http2Frame::kPadded;
    case Http2Frame::kHeaders:
      return Http2Frame::kEndStream | Http2Frame::kEndHeaders | Http2Frame::kPadded |
             Http2Frame::kHasPriority;
    case Http2Frame::kPushPromise:
      return Http2Frame::kEndHeaders | Http2Frame::kPadded;
    case Http2Frame::kContinuation:
      return Http2Frame::kEndHeaders;
    case Http2Frame::kSettings:
    case Http2Frame::kPing:
      return Http2Frame::kAck;
    default:
      return 0;
  }
}

// Stricter than valid(): for bytes of which nothing is known.
bool is_plausible(const Http2Frame& frame, bool reserved_bit, Direction direction) {
  if (frame.type > Http2Frame::kContinuation || frame.length > kUsualFrame || reserved_bit) {
    return false;
  }
  if (!frame.valid() || (frame.flags & ~flags_of(frame.type)) != 0) return false;
  const bool to_server = direction == Direction::kToServer;
  if (frame.type == Http2Frame::kPushPromise) return !to_server && frame.stream_id % 2 == 1;
  const bool opens = frame.type == Http2Frame::kHeaders || frame.type == Http2Frame::kData;
  return !(opens && to_server) || frame.stream_id % 2 == 1;
}

// Settings that are known, the first of them at least.
bool has_settings(Bytes payload) {
  if (payload.size() < kSettingBytes) return false;
  const std::uint16_t id = load_be16(payload.data());
  return id >= 1 && id <= kLastSetting;
}

// What a run of frames says.
struct Run {
  bool impossible = false;
  bool head = false;      // one that only this direction sends
  bool settings = false;  // the first frame is such as the server begins with
  int whole = 0;
  bool exact = false;  // the bytes end where a frame does
};

Run look_at_run(Bytes bytes, Direction direction) {
  Run run;
  while (bytes.size() >= Http2Frame::kHeaderBytes) {
    const Http2Frame frame = Http2Frame::read(bytes);
    if (!is_plausible(frame, (bytes[5] & 0x80) != 0, direction)) {
      run.impossible = true;
      return run;
    }
    const Bytes rest = bytes.subspan(Http2Frame::kHeaderBytes);
    const bool whole = rest.size() >= frame.length;
    const Bytes payload = rest.first(std::min<std::size_t>(rest.size(), frame.length));
    if (frame.type == Http2Frame::kHeaders) {
      Bytes fragment;
      if (whole && !find_http2_fragment(frame, payload, fragment)) {
        run.impossible = true;
        return run;
      }
      const HpackShape shape = hpack_shape(fragment);
      const bool to_server = direction == Direction::kToServer;
      const bool foreign = to_server ? shape.response : shape.request;
      if (whole &&
          (!shape.valid || foreign || (frame.has(Http2Frame::kEndHeaders) && !shape.whole))) {
        run.impossible = true;
        return run;
      }
      run.head |= whole && (to_server ? shape.request : shape.response);
    }
    if (!whole) return run;
    if (run.whole == 0 && frame.type == Http2Frame::kSettings && !frame.has(Http2Frame::kAck)) {
      run.settings = has_settings(payload);
    }
    ++run.whole;
    bytes = rest.subspan(frame.length);
  }
  run.exact = bytes.empty() && run.whole > 0;
  return run;
}

}  // namespace

bool Http2Frame::valid() const {
  switch (type) {
    case kData:
    case kHeaders:
    case kContinuation:
      return stream_id != 0;
    case kPriority:
      return stream_id != 0 && length == 5;
    case kRstStream:
      return stream_id != 0 && length == 4;
    case kSettings:
      return stream_id == 0 && (has(kAck) ? length == 0 : length % kSettingBytes == 0);
    case kPushPromise:
      return stream_id != 0 && length >= 4;
    case kPing:
      return stream_id == 0 && length == 8;
    case kGoaway:
      return stream_id == 0 && length >= 8;
    case kWindowUpdate:
      return length == 4;
    default:
      return true;
  }
}

bool find_http2_fragment(const Http2Frame& frame, Bytes payload, Bytes& fragment) {
  Reader reader(payload);
  std::size_t padding = 0;
  if (frame.type != Http2Frame::kContinuation) {
    if (frame.has(Http2Frame::kPadded)) padding = reader.u8();
    if (frame.type == Http2Frame::kPushPromise) reader.skip(4);
    if (frame.type == Http2Frame::kHeaders && frame.has(Http2Frame::kHasPriority)) reader.skip(5);
  }
  if (!reader.ok() || padding > reader.remaining()) return false;
  fragment = reader.rest().first(reader.remaining() - padding);
  return true;
}

Http2Look look_at_http2(Bytes bytes, Direction direction) {
  if (direction == Direction::kToServer) {
    const std::string_view text =
        as_text(bytes.first(std::min(bytes.size(), kHttp2Preface.size())));
    if (text == kHttp2Preface) return Http2Look::kYes;
    if (text.size() > 3 && kHttp2Preface.starts_with(text)) return Http2Look::kMore;
  }
  const Run run = look_at_run(bytes, direction);
  if (run.impossible) return Http2Look::kNo;
  const bool enough = run.head || run.whole >= kFramesInARow || (run.exact && run.whole >= 2);
  return enough ? Http2Look::kYes : Http2Look::kMore;
}

std::size_t find_http2_frame(Bytes bytes, Direction direction) {
  std::size_t maybe = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != 0 && bytes[at] != kHttp2Preface[0]) continue;
    const Http2Look look = look_at_http2(bytes.subspan(at), direction);
    if (look == Http2Look::kNo) continue;
    if (look == Http2Look::kYes) return at;
    maybe = std::min(maybe, at);
  }
  return maybe;
}

Match match_http2(Bytes head, Direction direction, Transport transport) {
  if (transport != Transport::kTcp) return Match::kNo;
  const std::string_view text = as_text(head.first(std::min(head.size(), kHttp2Preface.size())));
  if (kHttp2Preface.starts_with(text)) {
    if (direction == Direction::kToClient) return Match::kNo;
    return text == kHttp2Preface ? Match::kYes : Match::kNeedMore;
  }
  const Run run = look_at_run(head, direction);
  if (run.impossible || head[0] != 0) return Match::kNo;
  const bool begins = direction == Direction::kToClient && run.settings;
  if (run.head || begins) return Match::kYes;
  return head.size() < Protocol::kMatchBytes ? Match::kNeedMore : Match::kNo;
}

}  // namespace weir
