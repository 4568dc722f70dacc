#include "contract/drive.h"

namespace weir::test {

namespace {

constexpr Direction kBoth[] = {Direction::kToServer, Direction::kToClient};

Direction other(Direction d) {
  return d == Direction::kToServer ? Direction::kToClient : Direction::kToServer;
}

const char* name(MessageKind kind) {
  switch (kind) {
    case MessageKind::kRequest:
      return "request";
    case MessageKind::kResponse:
      return "response";
    case MessageKind::kInterim:
      return "interim";
    case MessageKind::kOneWay:
      return "one-way";
    case MessageKind::kUnpaired:
      return "unpaired";
    case MessageKind::kCancel:
      return "cancel";
  }
  return "?";
}

}  // namespace

std::string OwnedMessage::text() const {
  std::string out = std::string(vocabulary ? vocabulary->name : "?") + ' ' + name(kind) + " [" +
                    std::to_string(begin) + ", " +
                    (end == Message::kOpenEnd ? "open" : std::to_string(end)) + ')';
  if (stream_id != 0) out += " stream " + std::to_string(stream_id);
  if (size_bytes) out += " size " + std::to_string(*size_bytes);
  out += ' ' + std::string(status_name(status)) + ' ' + std::string(quality_name(quality));
  for (const auto& [key, value] : fields) out += ' ' + key + "=\"" + value + '"';
  return out;
}

void Drive::feed(Direction direction, std::string_view bytes) {
  if (transport_ == Transport::kUdp) {
    datagram(direction, bytes);
    return;
  }
  while (!bytes.empty()) {
    const std::size_t size = std::clamp<std::size_t>(chunking_(bytes.size()), 1, bytes.size());
    push(direction, bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

void Drive::datagram(Direction direction, std::string_view bytes) {
  opaque_ = false;  // that was the one before
  for (Side& s : sides_) s.last_begin = 0;
  side(direction).held.assign(bytes);
  bool moved = false;
  for (std::size_t calls = 0; !done(direction) && !side(direction).held.empty(); ++calls) {
    if (calls > bytes.size()) return violate("a datagram is decoded without end");
    if (!decode_once(direction, moved)) break;
    if (side(direction).resync) break;
  }
  side(direction).held.clear();
  side(direction).resync = false;
  side(direction).offset = 0;
}

// Takes what lies inside a skip off `length`; true when something is left.
bool Drive::pass_over(Direction direction, std::uint64_t& length) {
  Side& s = side(direction);
  const std::uint64_t passed = std::min(length, s.skip);
  s.skip -= passed;
  s.offset += passed;
  length -= passed;
  skipped_bytes_ += passed;
  return length != 0;
}

void Drive::push(Direction direction, std::string_view piece) {
  Side& s = side(direction);
  if (done(direction)) return;
  std::uint64_t left = piece.size();
  if (!pass_over(direction, left)) return;
  s.held.append(piece.substr(piece.size() - static_cast<std::size_t>(left)));
  side(direction).waits = false;
  for (bool more = true; more;) {
    more = false;
    for (Direction d : {other(direction), direction}) {
      if (done(d) || side(d).held.empty() || side(d).waits) continue;
      bool moved = false;
      side(d).waits = !turn(d, moved);
      if (moved) side(other(d)).waits = false;
      more = true;
      break;
    }
  }
  for (Direction d : kBoth) {
    if (!done(d) && side(d).held.size() > kMaxHeld) violate("more than a bounded head is held");
  }
}

// One step of one direction; false when it wants more bytes or has left.
bool Drive::turn(Direction direction, bool& moved) {
  if (side(direction).resync && !resynchronise(direction)) return false;
  return decode_once(direction, moved);
}

bool Drive::resynchronise(Direction direction) {
  Side& s = side(direction);
  const std::size_t discard = decoder_->resync(direction, as_bytes(s.held));
  if (discard > s.held.size()) {
    violate("resync discards more than there is");
    opaque_ = true;
    return false;
  }
  s.resync = discard == s.held.size();
  advance(direction, discard, 0);
  return !s.resync;
}

// False when the decoder wants more bytes or has left.
bool Drive::decode_once(Direction direction, bool& moved) {
  Side& s = side(direction);
  // A copy of exactly these bytes: an over-read is an over-read of the heap, which ASan sees.
  const std::vector<std::uint8_t> exact(s.held.begin(), s.held.end());
  const Step step = decoder_->decode(direction, Bytes(exact), s.offset, *this);
  if (step.consumed > s.held.size() || step.skip > (std::uint64_t{1} << 62)) {
    violate("a step beyond the bytes there are");
    opaque_ = true;
    return false;
  }
  const bool progress = step.consumed != 0 || step.skip != 0;
  moved = moved || progress || step.verdict == Verdict::kSwitch;
  advance(direction, step.consumed, step.skip);
  switch (step.verdict) {
    case Verdict::kNeedMore:
      return false;
    case Verdict::kProgress:
      if (!progress) violate("progress without a byte");
      return progress;
    case Verdict::kInvalid:
      ++invalid_count_;
      s.resync = moved = true;
      advance(direction, std::min<std::size_t>(s.held.size(), 1), 0);
      return true;
    case Verdict::kSwitch:
      s.switched = s.offset;
      s.held.clear();
      return false;
    case Verdict::kOpaque:
      opaque_ = true;
      return false;
  }
  return false;
}

void Drive::advance(Direction direction, std::size_t consumed, std::uint64_t skip) {
  Side& s = side(direction);
  s.held.erase(0, consumed);
  s.offset += consumed;
  s.skip = skip;
  std::uint64_t left = s.held.size();
  pass_over(direction, left);
  s.held.erase(0, s.held.size() - static_cast<std::size_t>(left));
}

void Drive::lose(Direction direction, std::uint64_t length) {
  Side& s = side(direction);
  if (done(direction) || transport_ == Transport::kUdp || !pass_over(direction, length)) return;
  const std::uint64_t lost = s.held.size() + length;
  s.held.clear();
  decoder_->gap(direction, lost, *this);
  s.offset += lost;
  s.resync = true;
}

void Drive::close(Direction direction, Close how) {
  if (done(direction)) return;
  Side& s = side(direction);
  decoder_->close(direction, how, s.offset + s.held.size(), *this);
  s.closed = true;
}

void Drive::forget_messages() {
  std::vector<OwnedMessage> kept;
  for (Side& s : sides_) {
    for (std::size_t& index : s.open) {
      kept.push_back(std::move(messages_[index]));
      index = kept.size() - 1;
    }
  }
  messages_ = std::move(kept);
}

std::string Drive::dump(Direction direction) const {
  std::string out;
  for (const OwnedMessage& message : messages_) {
    if (message.direction == direction) out += message.text() + '\n';
  }
  return out;
}

void Drive::copy_fields(std::span<const FieldValue> from, OwnedMessage& to) {
  for (const FieldValue& value : from) {
    const bool number =
        value.field->type == FieldType::kInt || value.field->type == FieldType::kBool;
    to.fields.emplace_back(value.field->name,
                           number ? std::to_string(value.number) : std::string(value.text));
  }
}

void Drive::on(const Message& message) noexcept {
  Side& s = side(message.direction);
  if (message.vocabulary == nullptr) violate("a message without a vocabulary");
  if (message.begin > message.end) violate("a message ends before it begins");
  if (message.begin < s.last_begin) violate("messages begin out of order");
  if (message.begin > s.offset + s.held.size()) violate("a message begins in the future");
  s.last_begin = message.begin;
  if (message.end == Message::kOpenEnd) s.open.push_back(messages_.size());
  OwnedMessage& copy = messages_.emplace_back();
  copy.vocabulary = message.vocabulary;
  copy.kind = message.kind;
  copy.direction = message.direction;
  copy.stream_id = message.stream_id;
  copy.stream_mask = message.stream_mask;
  copy.begin = message.begin;
  copy.end = message.end;
  copy.size_bytes = message.size_bytes;
  copy.status = message.status;
  copy.quality = message.quality;
  copy_fields(message.fields, copy);
}

void Drive::end(Direction direction, std::uint64_t stream_id, const MessageEnd& end) noexcept {
  Side& s = side(direction);
  const auto open = std::find_if(s.open.begin(), s.open.end(), [&](std::size_t index) {
    return messages_[index].stream_id == stream_id;
  });
  if (open == s.open.end()) return violate("the end of a message that is not open");
  OwnedMessage& message = messages_[*open];
  s.open.erase(open);
  if (end.end < message.begin) violate("a message ends before it begins");
  message.end = end.end;
  if (end.size_bytes) message.size_bytes = end.size_bytes;
  if (end.status) message.status = *end.status;
  if (message.quality == Quality::kComplete) message.quality = end.quality;
  copy_fields(end.fields, message);
}

}  // namespace weir::test
