#include "protocol/dns_message.h"

#include <arpa/inet.h>

#include <algorithm>

#include "protocol/dns_names.h"
#include "record/address.h"

namespace weir {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxLabelBytes = 63;

bool printable(std::uint8_t byte) { return byte > 32 && byte < 127; }

void put_escaped(std::uint8_t byte, TextBuffer& out) {
  const char code[4] = {'\\', static_cast<char>('0' + byte / 100),
                        static_cast<char>('0' + byte / 10 % 10),
                        static_cast<char>('0' + byte % 10)};
  out.put(std::string_view(code, sizeof code));
}

void put_label(Bytes label, TextBuffer& out) {
  const auto plain = [](std::uint8_t byte) {
    return printable(byte) && byte != '.' && byte != '\\';
  };
  if (std::all_of(label.begin(), label.end(), plain)) return out.put(as_text(label));
  for (const std::uint8_t byte : label) {
    if (!printable(byte)) {
      put_escaped(byte, out);
      continue;
    }
    if (!plain(byte)) out.put('\\');
    out.put(static_cast<char>(byte));
  }
}

// A character-string of a TXT and its like, in quotes.
void put_quoted(Bytes text, TextBuffer& out) {
  out.put('"');
  for (const std::uint8_t byte : text) {
    if (!printable(byte) && byte != ' ') {
      put_escaped(byte, out);
      continue;
    }
    if (byte == '"' || byte == '\\') out.put('\\');
    out.put(static_cast<char>(byte));
  }
  out.put('"');
}

void put_ip(const std::uint8_t* address, bool v6, TextBuffer& out) {
  char text[INET6_ADDRSTRLEN];
  if (v6) return out.put(std::string_view(inet_ntop(AF_INET6, address, text, sizeof text)));
  out.put(std::string_view(text, put_ipv4(text, address)));
}

// RDATA being read: its fields are put behind one another, with a space between them.
class Data {
 public:
  Data(Bytes message, const DnsRecord& record, TextBuffer& out)
      : message_(message), at_(record.data), end_(record.data + record.size), out_(out) {}

  // Whether all of it has been read and nothing was amiss.
  bool whole() const { return ok_ && at_ == end_; }
  bool more() const { return ok_ && at_ < end_; }

  void name() {
    space();
    ok_ = ok_ && read_dns_name(message_, at_, &out_) && at_ <= end_;
  }
  void numbers(std::string_view widths) {
    for (const char width : widths) {
      const auto bytes = take(static_cast<std::size_t>(width - '0'));
      std::uint64_t value = 0;
      for (const std::uint8_t byte : bytes) value = (value << 8) | byte;
      space();
      out_.put_number(value);
    }
  }
  void quoted() {
    const Bytes size = take(1);
    space();
    if (ok_) put_quoted(take(size[0]), out_);
  }
  void quoted_rest() { space(), put_quoted(rest(), out_); }
  void hex_rest() { space(), out_.put_hex(rest()); }
  void base64_rest() { space(), out_.put_base64(rest()); }
  void type() {
    const Bytes bytes = take(2);
    space();
    if (ok_) put_dns_type(load_be16(bytes.data()), out_);
  }
  void word_of_size() {
    const Bytes size = take(1);
    space();
    if (ok_) put_label(take(size[0]), out_);
  }
  void address(bool v6) {
    const Bytes bytes = take(v6 ? 16 : 4);
    space();
    if (ok_) put_ip(bytes.data(), v6, out_);
  }
  void service_parameters();

 private:
  Bytes take(std::size_t count) {
    ok_ = ok_ && at_ <= end_ && count <= end_ - at_;
    if (!ok_) return {};
    at_ += count;
    return message_.subspan(at_ - count, count);
  }
  Bytes rest() { return take(ok_ && at_ <= end_ ? end_ - at_ : 0); }
  void space() {
    if (!first_) out_.put(' ');
    first_ = false;
  }

  Bytes message_;
  std::size_t at_, end_;
  TextBuffer& out_;
  bool ok_ = true, first_ = true;
};

void put_addresses(Bytes value, bool v6, TextBuffer& out) {
  const std::size_t size = v6 ? 16 : 4;
  for (std::size_t at = 0; at + size <= value.size(); at += size) {
    if (at != 0) out.put(',');
    put_ip(value.data() + at, v6, out);
  }
}

void put_alpn(Bytes value, TextBuffer& out) {
  Reader reader(value);
  out.put('"');
  for (bool first = true; reader.remaining() != 0 && reader.ok(); first = false) {
    if (!first) out.put(',');
    put_label(reader.take(reader.u8()), out);
  }
  out.put('"');
}

// SvcParams of RFC 9460, §2.
void Data::service_parameters() {
  while (more()) {
    const Bytes head = take(4);
    if (!ok_) return;
    const std::uint16_t key = load_be16(head.data());
    const Bytes value = take(load_be16(head.data() + 2));
    if (!ok_) return;
    space();
    switch (key) {
      case 1:
        out_.put("alpn=");
        put_alpn(value, out_);
        break;
      case 2:
        out_.put("no-default-alpn");
        break;
      case 3:
        out_.put("port=");
        out_.put_number(value.size() == 2 ? load_be16(value.data()) : 0u);
        break;
      case 4:
      case 6:
        out_.put(key == 4 ? "ipv4hint=" : "ipv6hint=");
        put_addresses(value, key == 6, out_);
        break;
      case 5:
        out_.put("ech=");
        out_.put_base64(value);
        break;
      default:
        out_.put("key");
        out_.put_number(key);
        out_.put('=');
        put_quoted(value, out_);
    }
  }
}

// False where the type has no simple form.
bool put_known(Data& data, std::uint16_t type) {
  switch (type) {
    case 1:  // A
    case 28:
      data.address(type == 28);
      return true;
    case 2:  // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
    case 3:
    case 4:
    case 5:
    case 7:
    case 8:
    case 9:
    case 12:
    case 39:
      data.name();
      return true;
    case 6:  // SOA
      data.name();
      data.name();
      data.numbers("44444");
      return true;
    case 13:  // HINFO, TXT, SPF, NINFO, AVC, RESINFO, WALLET
    case 16:
    case 56:
    case 99:
    case 258:
    case 261:
    case 262:
      while (data.more()) data.quoted();
      return true;
    case 14:  // MINFO, RP
    case 17:
      data.name();
      data.name();
      return true;
    case 15:  // MX, AFSDB, RT, KX
    case 18:
    case 21:
    case 36:
      data.numbers("2");
      data.name();
      return true;
    case 33:  // SRV
      data.numbers("222");
      data.name();
      return true;
    case 35:  // NAPTR
      data.numbers("22");
      data.quoted();
      data.quoted();
      data.quoted();
      data.name();
      return true;
    case 43:  // DS, CDS, TA, DLV
    case 59:
    case 32768:
    case 32769:
      data.numbers("211");
      data.hex_rest();
      return true;
    case 44:  // SSHFP
      data.numbers("11");
      data.hex_rest();
      return true;
    case 24:  // SIG, RRSIG
    case 46:
      data.type();
      data.numbers("114442");
      data.name();
      data.base64_rest();
      return true;
    case 25:  // KEY, DNSKEY, CDNSKEY
    case 48:
    case 60:
      data.numbers("211");
      data.base64_rest();
      return true;
    case 52:  // TLSA, SMIMEA
    case 53:
      data.numbers("111");
      data.hex_rest();
      return true;
    case 64:  // SVCB, HTTPS
    case 65:
      data.numbers("2");
      data.name();
      data.service_parameters();
      return true;
    case 256:  // URI
      data.numbers("22");
      data.quoted_rest();
      return true;
    case 257:  // CAA
      data.numbers("1");
      data.word_of_size();
      data.quoted_rest();
      return true;
    default:
      return false;
  }
}

}  // namespace

bool read_dns_header(Bytes message, DnsHeader& header) {
  Reader reader(message);
  header.id = reader.be16();
  header.flags = reader.be16();
  for (std::uint16_t& count : header.counts) count = reader.be16();
  return reader.ok();
}

bool read_dns_name(Bytes message, std::size_t& position, TextBuffer* out) {
  std::size_t at = position, before = position, name_bytes = 1, labels = 0;
  bool jumped = false;
  while (at < message.size()) {
    const std::uint8_t size = message[at];
    if (size == 0) {
      if (!jumped) position = at + 1;
      if (labels == 0 && out != nullptr) out->put('.');
      return true;
    }
    if (size >= 0xc0) {
      if (message.size() - at < 2) return false;
      const std::size_t target = load_be16(message.data() + at) & 0x3fffu;
      if (!jumped) position = at + 2;
      // Each pointer leads before all that was read so far, so there is an end to them.
      if (target >= before) return false;
      if (out == nullptr) return true;
      jumped = true;
      before = at = target;
      continue;
    }
    name_bytes += std::size_t{1} + size;
    if (size > kMaxLabelBytes || name_bytes > kMaxNameBytes) return false;
    if (message.size() - at - 1 < size) return false;
    if (out != nullptr) {
      if (labels != 0) out->put('.');
      put_label(message.subspan(at + 1, size), *out);
    }
    ++labels;
    at += std::size_t{1} + size;
  }
  return false;
}

bool read_dns_question(Bytes message, std::size_t& position, DnsQuestion& question,
                       TextBuffer* out) {
  const std::size_t mark = out == nullptr ? 0 : out->size();
  if (!read_dns_name(message, position, out) || message.size() - position < 4) return false;
  if (out != nullptr) question.name = out->since(mark);
  question.type = load_be16(message.data() + position);
  question.klass = load_be16(message.data() + position + 2);
  position += 4;
  return true;
}

bool read_dns_record(Bytes message, std::size_t& position, DnsRecord& record) {
  constexpr std::size_t kFixed = 10;
  if (!read_dns_name(message, position, nullptr) || message.size() - position < kFixed) {
    return false;
  }
  const std::uint8_t* fixed = message.data() + position;
  record.type = load_be16(fixed);
  record.klass = load_be16(fixed + 2);
  record.ttl = load_be32(fixed + 4);
  record.size = load_be16(fixed + 8);
  record.data = position + kFixed;
  if (message.size() - record.data < record.size) return false;
  position = record.data + record.size;
  return true;
}

void put_dns_data(Bytes message, const DnsRecord& record, TextBuffer& out) {
  const std::size_t mark = out.size();
  const bool internet = record.klass == 1;
  const bool address = record.type == 1 || record.type == 28;
  Data data(message, record, out);
  if ((internet || !address) && put_known(data, record.type) && data.whole()) return;
  out.cut(mark);
  out.put("TYPE");
  out.put_number(record.type);
  out.put(" \\# ");
  out.put_number(record.size);
}

bool read_soa_serial(Bytes message, const DnsRecord& record, std::uint32_t& serial) {
  constexpr std::uint16_t kSoa = 6;
  constexpr std::size_t kNumbers = 20;
  std::size_t at = record.data;
  const std::size_t end = record.data + record.size;
  if (record.type != kSoa || !read_dns_name(message, at, nullptr) ||
      !read_dns_name(message, at, nullptr) || at > end || end - at != kNumbers) {
    return false;
  }
  serial = load_be32(message.data() + at);
  return true;
}

void put_dns_type(std::uint16_t type, TextBuffer& out) {
  const std::string_view name = dns_type_name(type);
  out.put(name.empty() ? std::string_view("TYPE") : name);
  if (name.empty()) out.put_number(type);
}

}  // namespace weir
