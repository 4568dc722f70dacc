#include "protocol/mysql_wire.h"

#include <array>

namespace weir {
namespace {

constexpr std::uint8_t kTrackSchema = 1;
constexpr std::size_t kMaxAttributes = 64;

// A value in binary form.
void skip_value(MysqlReader& in, std::uint8_t type) {
  switch (type) {
    case 1:  // tiny
      return in.skip(1);
    case 2:   // short
    case 13:  // year
      return in.skip(2);
    case 3:  // long
    case 4:  // float
    case 9:  // 24 bits
      return in.skip(4);
    case 5:  // double
    case 8:  // long long
      return in.skip(8);
    case 6:  // null
      return;
    case 7:  // times
    case 10:
    case 11:
    case 12:
      return in.skip(in.u8());
    default:
      in.text();
  }
}

}  // namespace

std::uint64_t MysqlReader::little(std::size_t count) {
  const Bytes bytes = reader_.take(count);
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8) | bytes[i];
  return value;
}

std::uint64_t MysqlReader::number() {
  const std::uint8_t first = u8();
  if (first == 0xfc) return little(2);
  if (first == 0xfd) return little(3);
  if (first == 0xfe) return little(8);
  if (first > 0xfa) reader_.skip(remaining() + 1);
  return first;
}

std::string_view MysqlReader::text_to_zero() {
  const std::string_view rest = as_text(reader_.rest());
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) {
    reader_.skip(rest.size());
    return rest;
  }
  reader_.skip(end + 1);
  return rest.substr(0, end);
}

bool read_mysql_greeting(Bytes payload, MysqlGreeting& out) {
  MysqlReader in(payload);
  if (in.u8() != 10) return false;
  out.version = in.text_to_zero();
  in.skip(4 + 8);  // connection, first part of the scramble
  if (in.u8() != 0 || !in.ok()) return false;
  out.capabilities = in.le16();
  if (!in.ok()) return false;
  in.skip(1 + 2);  // character set, status
  const std::uint32_t upper = in.le16();
  in.skip(1 + 6);
  const std::uint32_t mariadb = in.le32();
  if (!in.ok()) return true;  // as old servers have it
  out.capabilities |= upper << 16;
  if ((out.capabilities & kMysqlLongPassword) == 0) out.mariadb = mariadb;
  return true;
}

bool read_mysql_login(Bytes payload, MysqlLogin& out) {
  MysqlReader in(payload);
  if (payload.size() < 2) return false;
  if ((load_le16(payload.data()) & kMysqlProtocol41) == 0) {
    out.capabilities = in.le16();
    in.skip(3);
    out.to_tls = (out.capabilities & kMysqlSsl) != 0 && in.remaining() == 0;
    out.user = in.text_to_zero();
    return in.ok();
  }
  out.capabilities = in.le32();
  in.skip(4 + 1 + 19);  // longest packet, character set, filler
  const std::uint32_t mariadb = in.le32();
  if (!in.ok()) return false;
  if ((out.capabilities & kMysqlLongPassword) == 0) out.mariadb = mariadb;
  if (in.remaining() == 0) {
    out.to_tls = (out.capabilities & kMysqlSsl) != 0;
    return out.to_tls;
  }
  out.user = in.text_to_zero();
  if ((out.capabilities & kMysqlAuthLenenc) != 0) {
    in.text();
  } else if ((out.capabilities & kMysqlSecureConnection) != 0) {
    in.skip(in.u8());
  } else {
    in.text_to_zero();
  }
  if ((out.capabilities & kMysqlConnectWithDb) != 0) out.database = in.text_to_zero();
  return true;
}

bool read_mysql_change_user(Bytes payload, std::uint32_t capabilities, MysqlLogin& out) {
  MysqlReader in(payload);
  out.user = in.text_to_zero();
  if ((capabilities & kMysqlSecureConnection) != 0) {
    in.skip(in.u8());
  } else {
    in.text_to_zero();
  }
  out.database = in.text_to_zero();
  return in.ok();
}

bool read_mysql_ok(Bytes payload, std::uint32_t capabilities, MysqlOk& out) {
  MysqlReader in(payload);
  const std::uint8_t mark = in.u8();
  if (mark != 0x00 && mark != 0xfe) return false;
  out.affected = in.number();
  out.last_insert_id = in.number();
  out.status = in.le16();
  out.warnings = in.le16();
  if (!in.ok()) return false;
  if ((capabilities & kMysqlSessionTrack) == 0 || (out.status & kMysqlSessionChanged) == 0) {
    return true;
  }
  in.text();  // in words
  MysqlReader changes(as_bytes(in.text()));
  while (changes.ok() && changes.remaining() > 0) {
    const std::uint8_t kind = changes.u8();
    MysqlReader change(as_bytes(changes.text()));
    if (kind == kTrackSchema && changes.ok()) out.database = change.text();
  }
  return true;
}

bool read_mysql_eof(Bytes payload, MysqlOk& out) {
  MysqlReader in(payload);
  if (in.u8() != 0xfe || payload.size() > 5) return false;
  out.warnings = in.le16();
  out.status = in.le16();
  return true;
}

std::string_view find_mysql_query(Bytes payload, std::uint32_t capabilities) {
  // Where the handshake was not seen: no statement begins with such bytes.
  const bool none = payload.size() >= 2 && payload[0] == 0 && payload[1] == 1;
  if (none) return as_text(payload.subspan(2));
  if ((capabilities & kMysqlQueryAttributes) == 0) return as_text(payload);
  MysqlReader in(payload);
  const std::uint64_t count = in.number();
  in.number();  // of sets
  if (count == 0) return as_text(in.rest());
  if (count > kMaxAttributes) return {};
  const Bytes nulls = in.rest();
  in.skip(static_cast<std::size_t>((count + 7) / 8) + 1);
  std::array<std::uint8_t, kMaxAttributes> types{};
  for (std::size_t i = 0; i < count; ++i) {
    types[i] = static_cast<std::uint8_t>(in.le16());
    in.text();  // its name
  }
  if (!in.ok()) return {};
  for (std::size_t i = 0; i < count; ++i) {
    if ((nulls[i / 8] >> (i % 8) & 1) == 0) skip_value(in, types[i]);
  }
  return in.ok() ? as_text(in.rest()) : std::string_view{};
}

bool read_mysql_error(Bytes payload, MysqlError& out) {
  MysqlReader in(payload);
  if (in.u8() != 0xff) return false;
  out.code = in.le16();
  if (!in.ok()) return false;
  out.message = as_text(in.rest());
  if (out.message.size() >= 6 && out.message[0] == '#') {  // not before the handshake
    out.state = out.message.substr(1, 5);
    out.message.remove_prefix(6);
  }
  return true;
}

}  // namespace weir
