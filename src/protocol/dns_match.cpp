#include "protocol/dns_match.h"

#include <algorithm>
#include <array>

#include "protocol/dns_names.h"

namespace weir {
namespace {

constexpr std::size_t kPrefix = 2;

bool is_usual_class(std::uint16_t klass) {
  return klass == 1 || klass == 3 || klass == 4 || klass == 254 || klass == 255;
}

// NetBIOS names (RFC 1001): one label of 32 letters from A to P at the front.
bool is_netbios(Bytes message) {
  constexpr std::size_t kLetters = 32;
  if (message.size() < DnsHeader::kSize + 1 + kLetters) return false;
  const Bytes name = message.subspan(DnsHeader::kSize, 1 + kLetters);
  return name[0] == kLetters && std::all_of(name.begin() + 1, name.end(), [](std::uint8_t letter) {
           return letter >= 'A' && letter <= 'P';
         });
}

// Multicast DNS and LLMNR have the format of DNS, but not its habits.
bool is_local_resolution(const DnsHeader& header, std::string_view name) {
  if (header.id == 0 && !header.recursion_desired() &&
      (name.ends_with(".local") || name.ends_with("ip6.arpa") || name.ends_with("in-addr.arpa"))) {
    return true;
  }
  return !header.response() && !header.recursion_desired() && header.counts[3] == 0 &&
         name.find('.') == std::string_view::npos;
}

bool is_usual(const DnsHeader& header, const DnsQuestion& question) {
  constexpr std::uint8_t kQuery = 0, kDso = 6;
  if (header.counts[0] != 1 || header.reserved_bit() || header.opcode() == kDso) return false;
  if (!is_usual_class(question.klass)) return false;
  if (!header.response() && header.rcode() != 0) return false;
  if (!header.response() && header.opcode() == kQuery && header.counts[1] != 0) return false;
  return !is_local_resolution(header, question.name);
}

// Reads all questions but the first, and all records. False where one cannot be read.
bool read_rest(Bytes message, std::size_t& at, const DnsHeader& header, int questions_read) {
  DnsQuestion question;
  for (int i = questions_read; i < header.counts[0]; ++i) {
    if (!read_dns_question(message, at, question, nullptr)) return false;
  }
  DnsRecord record;
  const int records = header.counts[1] + header.counts[2] + header.counts[3];
  for (int i = 0; i < records; ++i) {
    if (!read_dns_record(message, at, record)) return false;
  }
  return true;
}

// A message with so many questions and records has so many bytes.
std::size_t least_bytes(const DnsHeader& header) {
  constexpr std::size_t kLeastQuestion = 5, kLeastRecord = 11;
  const auto& counts = header.counts;
  const std::size_t records = std::size_t{counts[1]} + counts[2] + counts[3];
  return DnsHeader::kSize + counts[0] * kLeastQuestion + records * kLeastRecord;
}

// Nothing that a resolver or server would not send, in a message of so many bytes.
bool is_sound(const DnsHeader& header, std::size_t size) {
  constexpr std::uint8_t kQuery = 0, kNotify = 4, kUpdate = 5;
  const auto& counts = header.counts;
  if (counts[0] > 1 || header.reserved_bit() || least_bytes(header) > size) return false;
  const std::uint8_t opcode = header.opcode();
  if (opcode != kQuery && opcode != kNotify && opcode != kUpdate) return false;
  if (header.response()) return counts[0] == 1 || counts[1] != 0;
  if (counts[0] != 1 || header.rcode() != 0) return false;
  constexpr std::uint16_t kOfAnswers = 0x0680;  // AA, TC, RA
  return opcode != kQuery ||
         ((header.flags & kOfAnswers) == 0 && counts[1] == 0 && counts[2] <= 1 && counts[3] <= 4);
}

// The beginning of a name that is cut off: printable labels.
bool may_be_name(Bytes bytes) {
  while (!bytes.empty()) {
    const std::uint8_t size = bytes[0];
    if (size == 0) return true;
    const Bytes label = bytes.subspan(1, std::min<std::size_t>(size, bytes.size() - 1));
    if (size > 63 || std::any_of(label.begin(), label.end(),
                                 [](std::uint8_t byte) { return byte <= ' ' || byte >= 0x7f; })) {
      return false;
    }
    bytes = bytes.subspan(1 + label.size());
  }
  return true;
}

Match match_stream(Bytes head, Direction direction) {
  if (head.empty() || !may_begin_dns(head, direction)) {
    return head.empty() ? Match::kNeedMore : Match::kNo;
  }
  if (head.size() < kPrefix + DnsHeader::kSize) return Match::kNeedMore;
  const std::size_t size = load_be16(head.data());
  const bool complete = head.size() - kPrefix >= size;
  if (!complete && head.size() < Protocol::kMatchBytes) return Match::kNeedMore;
  const Bytes message = head.subspan(kPrefix, std::min(size, head.size() - kPrefix));
  const DnsLikeness found = examine_dns(message, direction);
  if (!found.possible) return Match::kNo;
  return found.usual && (found.whole || !complete) ? Match::kYes : Match::kMaybe;
}

}  // namespace

bool is_dns_opcode(std::uint8_t opcode) { return !dns_opcode_name(opcode).empty(); }

DnsLikeness examine_dns(Bytes message, Direction direction) {
  constexpr std::size_t kMostBytes = 65535;
  DnsLikeness found;
  DnsHeader header;
  if (!read_dns_header(message, header) || !is_dns_opcode(header.opcode()) ||
      header.response() != (direction == Direction::kToClient)) {
    return found;
  }
  std::size_t at = DnsHeader::kSize;
  DnsQuestion question;
  if (header.counts[0] == 0) {
    // An answer to what the server could not read, an inverse query, a part of a zone transfer.
    found.whole = read_rest(message, at, header, 0) && at == message.size();
    found.possible = found.whole && !header.reserved_bit();
    return found;
  }
  std::array<char, 1024> room;
  TextBuffer name(room);
  if (!read_dns_question(message, at, question, &name)) return found;
  if (question.type == 0 || is_netbios(message)) return found;
  // Of a damaged message not everything is wrong.
  if (least_bytes(header) > kMostBytes && header.counts[0] != 1 &&
      !is_usual_class(question.klass)) {
    return found;
  }
  found.possible = true;
  found.usual = is_usual(header, question);
  found.whole = read_rest(message, at, header, 1) && at == message.size();
  return found;
}

bool may_begin_dns(Bytes bytes, Direction direction) {
  constexpr std::size_t kShortest = DnsHeader::kSize;
  if (bytes.size() >= kPrefix && load_be16(bytes.data()) < kShortest) return false;
  if (bytes.size() > 4) {
    const std::uint8_t flags = bytes[4];
    if (((flags & 0x80) != 0) != (direction == Direction::kToClient)) return false;
    if (!is_dns_opcode((flags >> 3) & 15)) return false;
  }
  if (bytes.size() > 5 && (bytes[5] & 0x40) != 0) return false;
  return bytes.size() < 8 || load_be16(bytes.data() + 6) <= 1;
}

bool may_resume_dns(Bytes bytes, Direction direction) {
  if (!may_begin_dns(bytes, direction)) return false;
  if (bytes.size() < kPrefix + DnsHeader::kSize) return true;
  const std::size_t size = load_be16(bytes.data());
  const bool complete = bytes.size() - kPrefix >= size;
  const Bytes message = bytes.subspan(kPrefix, complete ? size : bytes.size() - kPrefix);
  DnsHeader header;
  if (!read_dns_header(message, header) || !is_sound(header, size)) return false;
  const DnsLikeness found = examine_dns(message, direction);
  if (complete) return found.whole && found.possible;
  if (header.counts[0] == 0) return may_be_name(message.subspan(DnsHeader::kSize));
  return found.usual || (!found.possible && may_be_name(message.subspan(DnsHeader::kSize)));
}

Match match_dns(Bytes head, Direction direction, Transport transport) {
  if (transport == Transport::kTcp) return match_stream(head, direction);
  const DnsLikeness found = examine_dns(head, direction);
  if (!found.possible) return Match::kNo;
  return found.usual && found.whole ? Match::kYes : Match::kMaybe;
}

}  // namespace weir
