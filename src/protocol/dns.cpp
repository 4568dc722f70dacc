// The Domain Name System. Messages: https://www.rfc-editor.org/rfc/rfc1035#section-4, over TCP
// https://www.rfc-editor.org/rfc/rfc7766#section-8, EDNS https://www.rfc-editor.org/rfc/rfc6891
//
//   [ size 16 ]                                               over TCP only
//   | id 16 | QR 1 opcode 4 AA TC RD RA Z AD CD rcode 4 |
//   | questions 16 | answers 16 | authority 16 | additional 16 |
//   question:  name | type 16 | class 16                      of an UPDATE: the zone
//   record:    name | type 16 | class 16 | ttl 32 | size 16 | data
//   name:      (size 8, label)* then 0, or 11 and 14 bits of the place where the rest stands

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include "protocol/decoder.h"
#include "protocol/dns_match.h"
#include "protocol/dns_message.h"
#include "protocol/dns_names.h"
#include "protocol/dns_transfer.h"
#include "protocol/registry.h"
#include "protocol/text_buffer.h"

namespace weir {
namespace {

constexpr Field kName{"dns.question.name", FieldType::kText};
constexpr Field kType{"dns.question.type", FieldType::kText};
constexpr Field kCode{"dns.response.code", FieldType::kText};
constexpr Field kAnswers{"dns.answers", FieldType::kTextList};
constexpr Field kId{"weir.dns.id", FieldType::kInt};
constexpr Field kOpcode{"weir.dns.opcode", FieldType::kText};

constexpr const Field* kAsked[] = {&kOpcode, &kType, &kName};
constexpr const Field* kAnswered[] = {&kAnswers, &kCode};
constexpr const Field* kLabels[] = {&kType, &kCode};
constexpr const Field* kFields[] = {&kName, &kType, &kCode, &kAnswers, &kId, &kOpcode};
constexpr Vocabulary kVocabulary{"dns", MetricFamily::kDns, "", kAsked, kAnswered, kLabels};

constexpr std::size_t kPrefix = 2;  // size of a message, over TCP
constexpr std::uint8_t kQuery = 0, kUpdate = 5;
constexpr std::uint16_t kOpt = 41;
constexpr std::size_t kMaxAnswers = 64;  // shown
constexpr std::size_t kTextBytes = 8192;

// Eight bytes at a time, and with the bit that tells capital letters from small ones set.
std::uint32_t hash_of(const DnsQuestion& question) {
  constexpr std::uint64_t kCase = 0x2020202020202020;
  std::uint64_t hash = std::uint64_t{question.type} << 16 | question.klass;
  const auto mix = [&hash](std::uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  };
  std::string_view name = question.name;
  mix(name.size());
  while (!name.empty()) {
    const std::size_t size = std::min(name.size(), sizeof hash);
    std::uint64_t word = 0;
    std::memcpy(&word, name.data(), size);
    mix(word | kCase);
    name.remove_prefix(size);
  }
  return static_cast<std::uint32_t>(hash);
}

// The text of one message and the fields that show it, on the stack and not initialised.
class Scratch {
 public:
  TextBuffer& text() { return text_; }
  void add(const FieldValue& value) {
    if (count_ < kRoom) new (&fields_[sizeof(FieldValue) * count_++]) FieldValue(value);
  }
  // What was put into text() since `mark`.
  void add_text(const Field& field, std::size_t mark) {
    add(FieldValue::of(field, text_.since(mark)));
  }
  std::span<const FieldValue> fields() const {
    return {std::launder(reinterpret_cast<const FieldValue*>(fields_)), count_};
  }

 private:
  static constexpr std::size_t kRoom = kMaxAnswers + 8;

  char characters_[kTextBytes];
  TextBuffer text_{characters_};
  alignas(FieldValue) std::byte fields_[kRoom * sizeof(FieldValue)];
  std::size_t count_ = 0;
};

// What a message says, as far as it could be read.
struct Reading {
  DnsHeader header;
  DnsQuestion question;
  bool has_question = false;
  bool whole = false;       // every record that the header counts could be read
  std::uint16_t rcode = 0;  // with the extension of EDNS

  std::uint64_t stream_id() const {
    return header.id | (has_question ? std::uint64_t{hash_of(question)} << 16 : 0);
  }
  // The id alone, for answers that repeat the question wrongly or not at all.
  static constexpr std::uint64_t kIdMask = 0xffff;
  bool shows_answers() const { return header.response() && header.opcode() != kUpdate; }
};

void add_names(const Reading& reading, Scratch& scratch) {
  TextBuffer& text = scratch.text();
  if (reading.has_question) {
    scratch.add(FieldValue::of(kName, reading.question.name));
    const std::size_t mark = text.size();
    put_dns_type(reading.question.type, text);
    scratch.add_text(kType, mark);
  }
  scratch.add(FieldValue::of(kId, std::int64_t{reading.header.id}));
  if (reading.header.opcode() != kQuery) {
    const std::string_view name = dns_opcode_name(reading.header.opcode());
    const std::size_t mark = text.size();
    text.put(name.empty() ? std::string_view("OPCODE") : name);
    if (name.empty()) text.put_number(reading.header.opcode());
    scratch.add_text(kOpcode, mark);
  }
}

void add_code(std::uint16_t rcode, Scratch& scratch) {
  const std::string_view name = dns_rcode_name(rcode);
  const std::size_t mark = scratch.text().size();
  scratch.text().put(name.empty() ? std::string_view("RCODE") : name);
  if (name.empty()) scratch.text().put_number(rcode);
  scratch.add_text(kCode, mark);
}

// Header and first question. False where they cannot be read; a header that counts no question
// suffices.
bool read_head(Bytes message, Reading& reading, std::size_t& at, Scratch& scratch) {
  if (!read_dns_header(message, reading.header)) return false;
  at = DnsHeader::kSize;
  reading.rcode = reading.header.rcode();
  if (reading.header.counts[0] == 0) return true;
  reading.has_question = read_dns_question(message, at, reading.question, &scratch.text());
  // An answer is still one when it repeats the question unreadably: its id tells whose.
  if (!reading.has_question && reading.header.response()) at = message.size();
  return reading.has_question || reading.header.response();
}

// The records, as far as they go. `transfer`: gets the answers; null where there is none.
void read_records(Bytes message, std::size_t at, Reading& reading, ZoneTransfer* transfer,
                  Scratch* scratch) {
  DnsQuestion more;
  for (int i = 1; i < reading.header.counts[0]; ++i) {
    if (!read_dns_question(message, at, more, nullptr)) return;
  }
  std::size_t shown = 0;
  for (std::size_t section = 1; section < reading.header.counts.size(); ++section) {
    for (int i = 0; i < reading.header.counts[section]; ++i) {
      DnsRecord record;
      if (!read_dns_record(message, at, record)) return;
      if (section == 1 && transfer != nullptr) transfer->on_answer(message, record);
      if (section == 1 && scratch != nullptr && shown < kMaxAnswers && !scratch->text().full()) {
        const std::size_t mark = scratch->text().size();
        put_dns_data(message, record, scratch->text());
        scratch->add_text(kAnswers, mark);
        ++shown;
      }
      if (section == 3 && record.type == kOpt) {
        reading.rcode =
            static_cast<std::uint16_t>(((record.ttl >> 24) << 4) | reading.header.rcode());
      }
    }
  }
  reading.whole = true;
}

class DnsDecoder : public Decoder {
 public:
  explicit DnsDecoder(Transport transport) : transport_(transport) {}

  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override {
    if (transport_ == Transport::kTcp) return decode_stream(direction, bytes, offset, sink);
    if (!decode_message(direction, bytes, offset, offset + bytes.size(), sink)) {
      return {Verdict::kInvalid};
    }
    return {Verdict::kProgress, bytes.size()};
  }

  void gap(Direction direction, std::uint64_t, MessageSink& sink) noexcept override {
    if (direction == Direction::kToClient) end_transfer({}, sink);
  }

  std::size_t resync(Direction direction, Bytes bytes) noexcept override {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      if (!may_resume_dns(bytes.subspan(at), direction)) continue;
      doubtful(direction) = true;
      return at;
    }
    return bytes.size();
  }

  void close(Direction direction, Close how, std::uint64_t, MessageSink& sink) noexcept override {
    const bool ended = how == Close::kFin || how == Close::kReset;
    if (ended && direction == Direction::kToClient) end_transfer(Status::kError, sink);
  }

 private:
  // Whether it is a guess where the next message begins.
  bool& doubtful(Direction direction) { return doubtful_[static_cast<std::size_t>(direction)]; }

  Step decode_stream(Direction direction, Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    std::size_t at = 0;
    for (;;) {
      const Bytes rest = bytes.subspan(at);
      if (rest.size() >= kPrefix && !begins_or_waits(rest, direction, doubtful(direction))) {
        return {Verdict::kInvalid, at};
      }
      if (rest.size() < kPrefix) return {Verdict::kNeedMore, at};
      const std::size_t size = kPrefix + load_be16(rest.data());
      if (rest.size() < size) return {Verdict::kNeedMore, at};
      const std::uint64_t begin = offset + at;
      if (!decode_message(direction, rest.subspan(kPrefix, size - kPrefix), begin, begin + size,
                          sink)) {
        return {Verdict::kInvalid, at};
      }
      doubtful(direction) = false;
      at += size;
    }
  }

  // Where nothing is in doubt, all that a size and an opcode allow is taken.
  static bool begins_or_waits(Bytes rest, Direction direction, bool doubtful) {
    if (doubtful) return may_resume_dns(rest, direction);
    if (load_be16(rest.data()) < DnsHeader::kSize) return false;
    return rest.size() <= 4 || is_dns_opcode((rest[4] >> 3) & 15);
  }

  bool decode_message(Direction direction, Bytes message, std::uint64_t begin, std::uint64_t end,
                      MessageSink& sink) {
    Scratch scratch;
    Reading reading;
    std::size_t at = 0;
    if (!read_head(message, reading, at, scratch)) return false;
    if (continue_transfer(direction, message, reading, at, end, sink)) return true;
    add_names(reading, scratch);
    const std::uint16_t type = reading.question.type;
    const bool zone = (type == ZoneTransfer::kAxfr || type == ZoneTransfer::kIxfr) &&
                      transport_ == Transport::kTcp && reading.shows_answers() &&
                      direction == Direction::kToClient && !transfer_open_;
    ZoneTransfer transfer(type);
    read_records(message, at, reading, zone ? &transfer : nullptr,
                 reading.shows_answers() ? &scratch : nullptr);
    if (reading.header.response()) add_code(reading.rcode, scratch);

    Message out;
    out.vocabulary = &kVocabulary;
    out.kind = reading.header.response() ? MessageKind::kResponse : MessageKind::kRequest;
    out.direction = direction;
    out.stream_id = reading.stream_id();
    out.stream_mask = Reading::kIdMask;
    out.begin = begin;
    out.end = end;
    if (reading.whole) out.size_bytes = message.size();
    if (reading.header.response() && reading.rcode != 0) out.status = Status::kError;
    out.fields = scratch.fields();
    if (zone && reading.rcode == 0 && transfer.unfinished()) {
      transfer_ = transfer;
      transfer_open_ = transfer_shown_ = true;
      transfer_stream_ = out.stream_id;
      transfer_end_ = end;
      transfer_bytes_ = message.size();
      out.end = Message::kOpenEnd;
      out.size_bytes.reset();
    }
    sink.on(out);
    return true;
  }

  // True when the message was a further part of the open zone transfer.
  bool continue_transfer(Direction direction, Bytes message, Reading& reading, std::size_t at,
                         std::uint64_t end, MessageSink& sink) {
    const std::uint64_t mask = reading.has_question ? ~std::uint64_t{0} : Reading::kIdMask;
    if (!transfer_open_ || direction != Direction::kToClient || !reading.shows_answers() ||
        ((reading.stream_id() ^ transfer_stream_) & mask) != 0) {
      return false;
    }
    read_records(message, at, reading, &transfer_, nullptr);
    transfer_end_ = end;
    transfer_bytes_ += message.size();
    if (reading.rcode != 0 || !transfer_.unfinished()) {
      end_transfer(reading.rcode != 0 ? std::optional(Status::kError) : std::nullopt, sink);
      transfer_open_ = false;
    }
    return true;
  }

  // What still comes of it after a loss is passed over in silence.
  void end_transfer(std::optional<Status> status, MessageSink& sink) {
    if (!transfer_open_ || !transfer_shown_) return;
    transfer_shown_ = false;
    sink.end(Direction::kToClient, transfer_stream_, {transfer_end_, transfer_bytes_, status, {}});
  }

  const Transport transport_;
  std::array<bool, 2> doubtful_{};
  ZoneTransfer transfer_;
  bool transfer_open_ = false;   // further messages belong to it
  bool transfer_shown_ = false;  // its message is waiting for its end
  std::uint64_t transfer_stream_ = 0, transfer_end_ = 0, transfer_bytes_ = 0;
};

constexpr std::uint16_t kPorts[] = {53, 5300, 8053};
constexpr std::uint16_t kNeverPorts[] = {137, 5353, 5355};

std::unique_ptr<Decoder> make(const Limits&, Transport transport) {
  return std::make_unique<DnsDecoder>(transport);
}

}  // namespace

constinit const Protocol kDns{.name = "dns",
                              .transports = {.tcp = true, .udp = true},
                              .ports = kPorts,
                              .never_ports = kNeverPorts,
                              .timeout = 10 * kSecond,
                              .fifo = false,
                              .match = match_dns,
                              .make = make,
                              .fields = kFields};

}  // namespace weir
