// The parts of a DNS message and their text. Every function reads at `position` within the whole
// message (compressed names point back into it), moves it behind what was read, and returns false
// when that is cut off or malformed.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/text_buffer.h"

namespace weir {

struct DnsHeader {
  static constexpr std::size_t kSize = 12;

  std::uint16_t id = 0, flags = 0;
  std::array<std::uint16_t, 4> counts{};  // questions, answers, authority, additional

  bool response() const { return (flags & 0x8000) != 0; }
  std::uint8_t opcode() const { return (flags >> 11) & 15; }
  bool reserved_bit() const { return (flags & 0x0040) != 0; }
  bool recursion_desired() const { return (flags & 0x0100) != 0; }
  std::uint16_t rcode() const { return flags & 15; }  // without the extension of EDNS
};

struct DnsQuestion {
  std::string_view name;  // empty unless it was asked for
  std::uint16_t type = 0, klass = 0;
};

struct DnsRecord {
  std::uint16_t type = 0, klass = 0;
  std::uint32_t ttl = 0;
  std::size_t data = 0, size = 0;  // RDATA's place in the message
};

bool read_dns_header(Bytes message, DnsHeader& header);

// A name as text without final dot (the root is "."): bytes outside printable ASCII as \DDD, a dot
// or backslash inside a label behind a backslash. With out == null the name is only passed over.
bool read_dns_name(Bytes message, std::size_t& position, TextBuffer* out);

bool read_dns_question(Bytes message, std::size_t& position, DnsQuestion& question,
                       TextBuffer* out);
bool read_dns_record(Bytes message, std::size_t& position, DnsRecord& record);

// RDATA in presentation form where that is simple, else "TYPEn \# size".
void put_dns_data(Bytes message, const DnsRecord& record, TextBuffer& out);

// False where the record is no whole SOA.
bool read_soa_serial(Bytes message, const DnsRecord& record, std::uint32_t& serial);

// "TYPEn" where the type has no name.
void put_dns_type(std::uint16_t type, TextBuffer& out);

}  // namespace weir
