#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "contract/drive.h"
#include "protocol/dns_names.h"
#include "protocol/registry.h"

namespace weir {
namespace {

using namespace std::string_literals;
using Direction::kToClient;
using Direction::kToServer;
using test::Drive;
using test::OwnedMessage;

constexpr std::uint16_t kA = 1, kSoa = 6, kMx = 15, kTxt = 16, kAaaa = 28, kIxfr = 251, kAxfr = 252;

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}
std::string u32(std::uint32_t value) { return u16(value >> 16) + u16(value & 0xffff); }

std::string name(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view label = text.substr(0, text.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    text.remove_prefix(std::min(text.size(), label.size() + 1));
  }
  return out + '\0';
}

std::string header(unsigned id, unsigned flags, unsigned questions, unsigned answers,
                   unsigned authority = 0, unsigned additional = 0) {
  return u16(id) + u16(flags) + u16(questions) + u16(answers) + u16(authority) + u16(additional);
}
std::string question(std::string_view of, unsigned type = kA, unsigned klass = 1) {
  return name(of) + u16(type) + u16(klass);
}
std::string record(unsigned type, const std::string& data, const std::string& owner = "\xc0\x0c",
                   std::uint32_t ttl = 60, unsigned klass = 1) {
  return owner + u16(type) + u16(klass) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}
std::string query(unsigned id, std::string_view of, unsigned type = kA) {
  return header(id, 0x0100, 1, 0) + question(of, type);
}
std::string answer(unsigned id, std::string_view of, unsigned type,
                   const std::vector<std::string>& records, unsigned flags = 0x8180) {
  std::string out =
      header(id, flags, 1, static_cast<unsigned>(records.size())) + question(of, type);
  for (const std::string& one : records) out += one;
  return out;
}
std::string edns(unsigned extended_code = 0) {
  return "\0"s + u16(41) + u16(1232) + u32(extended_code << 24) + u16(0);
}
std::string soa(std::uint32_t serial) {
  return name("ns.example") + name("admin.example") + u32(serial) + u32(1) + u32(2) + u32(3) +
         u32(4);
}
std::string framed(const std::string& message) {
  return u16(static_cast<unsigned>(message.size())) + message;
}

struct Line {
  Direction direction;
  std::string bytes;
};

std::vector<OwnedMessage> datagrams(const std::vector<Line>& lines) {
  Drive drive(kDns, Transport::kUdp);
  for (const Line& line : lines) drive.feed(line.direction, line.bytes);
  EXPECT_EQ(drive.violations(), std::vector<std::string>{});
  return drive.messages();
}

OwnedMessage datagram(Direction direction, const std::string& bytes) {
  const auto messages = datagrams({{direction, bytes}});
  EXPECT_EQ(messages.size(), 1u);
  return messages.size() == 1 ? messages[0] : OwnedMessage{};
}

// What the decoder makes of a TCP conversation; the same however it is cut.
std::vector<OwnedMessage> stream(const std::vector<Line>& lines) {
  const auto play = [&lines](test::Chunking chunking) {
    auto drive =
        std::make_unique<Drive>(kDns, Transport::kTcp, Limits{.head_bytes = 512}, chunking);
    for (const Line& line : lines) drive->feed(line.direction, line.bytes);
    drive->close_both();
    EXPECT_EQ(drive->violations(), std::vector<std::string>{});
    return drive;
  };
  const auto whole = play(test::whole());
  for (unsigned seed = 0; seed < 8; ++seed) {
    EXPECT_EQ(play(seed == 0 ? test::one_byte() : test::random_chunks(seed, 40))->dump(),
              whole->dump());
  }
  return whole->messages();
}

std::vector<std::string> answers(const OwnedMessage& message) {
  std::vector<std::string> out;
  for (const auto& [key, value] : message.fields) {
    if (key == "dns.answers") out.push_back(value);
  }
  return out;
}

// The one answer of this type and data, as text.
std::string shown(unsigned type, const std::string& data, unsigned klass = 1) {
  const auto texts = answers(datagram(
      kToClient, answer(1, "example.com", type, {record(type, data, "\xc0\x0c", 60, klass)})));
  return texts.size() == 1 ? texts[0] : "?";
}

Match match(Direction direction, const std::string& bytes, Transport transport = Transport::kUdp) {
  return kDns.match(as_bytes(bytes), direction, transport);
}

TEST(Dns, AQueryAndItsAnswer) {
  const auto messages =
      datagrams({{kToServer, query(0x1234, "www.Example.com")},
                 {kToClient, answer(0x1234, "www.example.com", kA,
                                    {record(5, name("web.example.com")),
                                     record(kA, "\xc0\x00\x02\x01"s, name("web.example.com"))})}});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].kind, MessageKind::kRequest);
  EXPECT_EQ(messages[1].kind, MessageKind::kResponse);
  EXPECT_EQ(messages[0].stream_id, messages[1].stream_id);  // whatever the case
  EXPECT_EQ(messages[0].stream_id & 0xffff, 0x1234u);
  EXPECT_EQ(messages[0].field("dns.question.name"), "www.Example.com");
  EXPECT_EQ(messages[0].field("dns.question.type"), "A");
  EXPECT_EQ(messages[0].field("weir.dns.id"), std::to_string(0x1234));
  EXPECT_FALSE(messages[0].has("weir.dns.opcode"));
  EXPECT_EQ(messages[1].field("dns.response.code"), "NOERROR");
  EXPECT_EQ(answers(messages[1]), (std::vector<std::string>{"web.example.com", "192.0.2.1"}));
  EXPECT_EQ(messages[1].status, Status::kOk);
  EXPECT_EQ(messages[0].size_bytes, 33u);
}

// What one message says does not stay for the next.
TEST(Dns, AnswersDoNotAccumulate) {
  Drive drive(kDns, Transport::kUdp);
  for (unsigned i = 0; i < 5; ++i) {
    drive.client(query(i, "a.example"));
    drive.server(answer(i, "a.example", kA, {record(kA, "\1\2\3\4")}));
    EXPECT_EQ(answers(drive.messages().back()), std::vector<std::string>{"1.2.3.4"});
  }
}

TEST(Dns, OtherQuestionsWithTheSameIdAreOtherStreams) {
  const auto messages = datagrams({{kToServer, query(1, "a.example")},
                                   {kToServer, query(1, "b.example")},
                                   {kToServer, query(1, "a.example", kAaaa)},
                                   {kToClient, header(1, 0x8181, 0, 0)}});
  EXPECT_NE(messages[0].stream_id, messages[1].stream_id);
  EXPECT_NE(messages[0].stream_id, messages[2].stream_id);
  EXPECT_EQ(messages[3].stream_mask, 0xffffu);
  EXPECT_EQ(messages[0].stream_mask, 0xffffu);
}

TEST(Dns, Codes) {
  const auto code = [](unsigned flags, const std::string& more = {}) {
    const std::string bytes =
        header(1, flags, 1, 0, 0, more.empty() ? 0 : 1) + question("x.example") + more;
    const OwnedMessage message = datagram(kToClient, bytes);
    EXPECT_EQ(message.status,
              message.field("dns.response.code") == "NOERROR" ? Status::kOk : Status::kError);
    return message.field("dns.response.code");
  };
  EXPECT_EQ(code(0x8180), "NOERROR");
  EXPECT_EQ(code(0x8183), "NXDOMAIN");
  EXPECT_EQ(code(0x8182), "SERVFAIL");
  EXPECT_EQ(code(0x8185), "REFUSED");
  EXPECT_EQ(code(0x818d), "RCODE13");
  EXPECT_EQ(code(0x8180, edns()), "NOERROR");
  EXPECT_EQ(code(0x8180, edns(1)), "BADVERS");
  EXPECT_EQ(code(0x8187, edns(1)), "BADCOOKIE");
  EXPECT_EQ(code(0x8180, edns(0xff)), "RCODE4080");
}

TEST(Dns, TypesByName) {
  const auto type = [](unsigned number) {
    return datagram(kToServer, query(1, "x.example", number)).field("dns.question.type");
  };
  EXPECT_EQ(type(65), "HTTPS");
  EXPECT_EQ(type(64), "SVCB");
  EXPECT_EQ(type(50), "NSEC3");
  EXPECT_EQ(type(255), "ANY");
  EXPECT_EQ(type(257), "CAA");
  EXPECT_EQ(type(32769), "DLV");
  EXPECT_EQ(type(54), "TYPE54");
  EXPECT_EQ(type(1234), "TYPE1234");
  EXPECT_EQ(dns_type_name(109), "EUI64");
  EXPECT_EQ(dns_type_name(99), "SPF");
  EXPECT_EQ(dns_type_name(128), "NXNAME");
  EXPECT_EQ(dns_type_name(65535), "");
}

TEST(Dns, AnswersInPresentationForm) {
  EXPECT_EQ(shown(kAaaa, "\x20\x01\x0d\xb8"s + std::string(11, '\0') + '\1'), "2001:db8::1");
  EXPECT_EQ(shown(kMx, u16(10) + "\4mail\xc0\x0c"), "10 mail.example.com");
  EXPECT_EQ(shown(kMx, u16(0) + "\0"s), "0 .");
  EXPECT_EQ(shown(kTxt, "\5v=spf\2\"x"), "\"v=spf\" \"\\\"x\"");
  EXPECT_EQ(shown(33, u16(1) + u16(2) + u16(53) + name("ns.example")), "1 2 53 ns.example");
  EXPECT_EQ(shown(kSoa, soa(7)), "ns.example admin.example 7 1 2 3 4");
  EXPECT_EQ(shown(257, "\0\5issueca.example"s), "0 issue \"ca.example\"");
  EXPECT_EQ(shown(43, u16(4711) + "\x08\x02\xab\xcd"), "4711 8 2 ABCD");
  EXPECT_EQ(shown(48, u16(257) + "\3\x0d"s + "key"), "257 3 13 a2V5");
  EXPECT_EQ(
      shown(46, u16(1) + "\x08\x02"s + u32(60) + u32(9) + u32(8) + u16(7) + name("e.x") + "sig"),
      "A 8 2 60 9 8 7 e.x c2ln");
  EXPECT_EQ(shown(35, u16(1) + u16(2) + "\1s\3sip\0"s + name("s.example")),
            "1 2 \"s\" \"sip\" \"\" s.example");
  EXPECT_EQ(shown(256, u16(1) + u16(2) + "http://x"), "1 2 \"http://x\"");
  EXPECT_EQ(shown(44, "\1\2\xff"), "1 2 FF");
  EXPECT_EQ(shown(65, u16(1) + "\0"s + u16(1) + u16(6) + "\2h2\2h3" + u16(3) + u16(2) + u16(8443) +
                          u16(4) + u16(8) + "\1\2\3\4\5\6\7\x08" + u16(2) + u16(0) + u16(9) +
                          u16(1) + "z"),
            "1 . alpn=\"h2,h3\" port=8443 ipv4hint=1.2.3.4,5.6.7.8 no-default-alpn key9=\"z\"");
  EXPECT_EQ(shown(64, u16(0) + name("svc.example")), "0 svc.example");
}

TEST(Dns, WhatHasNoSimpleForm) {
  EXPECT_EQ(shown(1234, "abc"), "TYPE1234 \\# 3");
  EXPECT_EQ(shown(kA, "abc"), "TYPE1 \\# 3");
  EXPECT_EQ(shown(kA, "abcd", 3), "TYPE1 \\# 4");
  EXPECT_EQ(shown(kMx, u16(10) + "\xc0\xff"), "TYPE15 \\# 4");
  EXPECT_EQ(shown(5, name("a.b") + "x"), "TYPE5 \\# 6");
  EXPECT_EQ(shown(kTxt, "\x09too"), "TYPE16 \\# 4");
}

TEST(Dns, Names) {
  const auto shown_name = [](const std::string& wire) {
    return datagram(kToServer, header(1, 0, 1, 0) + wire + u16(kA) + u16(1))
        .field("dns.question.name");
  };
  EXPECT_EQ(shown_name("\0"s), ".");
  EXPECT_EQ(shown_name("\3a.b\2\\\"\0"s), "a\\.b.\\\\\"");
  EXPECT_EQ(shown_name("\4\0 \xff\x07\0"s), "\\000\\032\\255\\007");
  EXPECT_EQ(shown_name(name(std::string(63, 'a') + "." + std::string(63, 'b'))).size(), 127u);
  // Too long, a label of an unknown kind, cut off.
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "\1a";
  EXPECT_EQ(shown_name(longest + '\0').size(), 253u);
  EXPECT_TRUE(
      datagrams({{kToServer, header(1, 0, 1, 0) + longest + "\1a\0"s + u16(1) + u16(1)}}).empty());
  EXPECT_TRUE(datagrams({{kToServer, header(1, 0, 1, 0) +
                                         "\x41"
                                         "a\0"s +
                                         u16(1) + u16(1)}})
                  .empty());
  EXPECT_TRUE(datagrams({{kToServer, header(1, 0, 1, 0) + "\5abc"}}).empty());
}

TEST(Dns, PointersLeadBackOnly) {
  const auto refused = [](const std::string& wire) {
    return datagrams({{kToServer, header(1, 0, 1, 0) + wire + u16(kA) + u16(1)}}).empty();
  };
  EXPECT_TRUE(refused("\xc0\x0c"));     // to itself
  EXPECT_TRUE(refused("\1a\xc0\x0c"));  // in a circle
  EXPECT_TRUE(refused("\xc0\x20"));     // forwards
  EXPECT_TRUE(refused("\xc0"));
  EXPECT_FALSE(refused("\1a\xc0\x04"));  // into the header, where a name can be read
  EXPECT_EQ(answers(datagram(kToClient, answer(1, "a.example", 5, {record(5, "\1b\xc0\x0e")})))[0],
            "b.example");
}

TEST(Dns, Opcodes) {
  const auto update =
      datagrams({{kToServer, header(9, 0x2800, 1, 0, 1) + question("zone.example", kSoa) +
                                 record(kA, "\1\2\3\4")},
                 {kToClient, header(9, 0xa800, 1, 0) + question("zone.example", kSoa)}});
  EXPECT_EQ(update[0].field("weir.dns.opcode"), "UPDATE");
  EXPECT_EQ(update[0].field("dns.question.name"), "zone.example");
  EXPECT_EQ(update[0].stream_id, update[1].stream_id);
  EXPECT_EQ(
      datagram(kToServer, header(9, 0x2400, 1, 0) + question("z", kSoa)).field("weir.dns.opcode"),
      "NOTIFY");
  const auto inverse =
      datagrams({{kToServer, header(5, 0x0900, 0, 1) + record(kA, "\1\2\3\4", "\0"s)},
                 {kToClient, header(5, 0x8984, 0, 0)}});
  EXPECT_EQ(inverse[0].field("weir.dns.opcode"), "IQUERY");
  EXPECT_FALSE(inverse[0].has("dns.question.name"));
  EXPECT_EQ(inverse[1].field("dns.response.code"), "NOTIMP");
  EXPECT_EQ((inverse[0].stream_id ^ inverse[1].stream_id) & inverse[1].stream_mask, 0u);
}

TEST(Dns, CutDatagrams) {
  const std::string whole =
      answer(1, "a.example", kA, {record(kA, "\1\2\3\4"), record(kA, "\5\6\7\x08")});
  const std::size_t head = 12 + question("a.example").size();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto messages = datagrams({{kToClient, whole.substr(0, size)}});
    EXPECT_EQ(messages.size(), size < 12 ? 0u : 1u) << size;
    if (messages.empty()) continue;
    EXPECT_EQ(answers(messages[0]).size(), size < head ? 0u : (size - head) / 16);
    EXPECT_FALSE(messages[0].size_bytes);
  }
}

TEST(Dns, ManyAnswersAreBounded) {
  std::string bytes = header(1, 0x8180, 1, 4000) + question("a.example", kTxt);
  for (int i = 0; i < 4000; ++i) bytes += record(kTxt, "\4text");
  const OwnedMessage message = datagram(kToClient, bytes);
  EXPECT_EQ(answers(message).size(), 64u);
  EXPECT_EQ(message.field("dns.response.code"), "NOERROR");
}

std::string long_text(std::size_t size) {
  std::string text;
  while (text.size() + 256 <= size) text += '\xff' + std::string(255, 'x');
  return text;
}

TEST(Dns, OverTcp) {
  const std::string large = answer(2, "b.example", kTxt, {record(kTxt, long_text(2048))});
  const std::string address = answer(1, "a.example", kA, {record(kA, "\1\2\3\4")});
  const auto messages =
      stream({{kToServer, framed(query(1, "a.example")) + framed(query(2, "b.example", kTxt))},
              {kToClient, framed(large) + framed(address)}});
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].stream_id, messages[3].stream_id);
  EXPECT_EQ(messages[1].stream_id, messages[2].stream_id);
  EXPECT_EQ(messages[1].begin, 2 + query(1, "a.example").size());
  EXPECT_EQ(messages[2].end, large.size() + 2);
  EXPECT_EQ(messages[2].size_bytes, large.size());
}

// Whatever the bound on heads is.
TEST(Dns, TheLongestMessage) {
  Drive drive(kDns, Transport::kTcp, Limits{.head_bytes = 512}, test::random_chunks(1, 3000));
  const std::string large = answer(2, "b.example", kTxt, {record(kTxt, long_text(65400))});
  drive.server(framed(large));
  ASSERT_EQ(drive.messages().size(), 1u);
  EXPECT_EQ(drive.messages()[0].size_bytes, large.size());
  EXPECT_EQ(drive.violations(), std::vector<std::string>{});
}

TEST(Dns, ZoneTransfer) {
  const std::string part = header(7, 0x8480, 0, 1) + record(kA, "\1\2\3\4", name("a.z"));
  const std::string end = header(7, 0x8480, 0, 1) + record(kSoa, soa(3), name("z"));
  const std::string first = framed(answer(7, "z", kAxfr, {record(kSoa, soa(3))}, 0x8480));
  std::string all = first;
  for (int i = 0; i < 50; ++i) all += framed(part);
  all += framed(end);
  const auto messages = stream({{kToServer, framed(query(7, "z", kAxfr))},
                                {kToClient, all},
                                {kToServer, framed(query(7, "z", kSoa))},
                                {kToClient, framed(answer(7, "z", kSoa, {record(kSoa, soa(3))}))}});
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[1].end, all.size());
  EXPECT_EQ(messages[1].size_bytes, all.size() - 2 * 52);
  EXPECT_EQ(messages[3].begin, all.size());
  const auto single = stream(
      {{kToServer, framed(query(7, "z", kAxfr))},
       {kToClient, framed(answer(7, "z", kAxfr, {record(kSoa, soa(3)), record(kSoa, soa(3))}))},
       {kToClient, framed(answer(8, "z", kAxfr, {}, 0x8485))}});
  ASSERT_EQ(single.size(), 3u);
  EXPECT_EQ(single[2].field("dns.response.code"), "REFUSED");
  // Cut off in its middle.
  const auto broken =
      stream({{kToServer, framed(query(7, "z", kAxfr))}, {kToClient, first + framed(part)}});
  EXPECT_EQ(broken[1].end, first.size() + framed(part).size());
  EXPECT_EQ(broken[1].status, Status::kError);
}

TEST(Dns, IncrementalTransfer) {
  const auto message = [](const std::vector<std::string>& records) {
    return framed(answer(7, "z", kIxfr, records, 0x8480));
  };
  const std::string of5 = record(kSoa, soa(5)), of4 = record(kSoa, soa(4)),
                    host = record(kA, "\1\2\3\4");
  const std::string ask = framed(query(7, "z", kIxfr));
  // Nothing newer; all of the zone; differences, cut where they mislead.
  EXPECT_EQ(stream({{kToServer, ask}, {kToClient, message({of5}) + message({of5})}}).size(), 3u);
  EXPECT_EQ(
      stream({{kToServer, ask}, {kToClient, message({of5, host}) + message({host, of5})}}).size(),
      2u);
  EXPECT_EQ(
      stream({{kToServer, ask}, {kToClient, message({of5, of4, host, of5}) + message({host, of5})}})
          .size(),
      2u);
}

TEST(Dns, GoesOnAfterALoss) {
  const std::string lost = framed(query(1, "lost.example"));
  for (std::size_t cut = 0; cut < lost.size(); ++cut) {
    Drive drive(kDns);
    drive.client(framed(query(9, "a.example")) + lost.substr(0, cut));
    drive.lose(kToServer, 1);
    drive.client(lost.substr(cut + 1) + framed(query(2, "b.example")) +
                 framed(query(3, "c.example")));
    ASSERT_GE(drive.messages().size(), 3u) << cut;
    EXPECT_EQ(drive.messages().back().field("dns.question.name"), "c.example");
    EXPECT_EQ(drive.violations(), std::vector<std::string>{});
  }
}

TEST(Dns, Recognition) {
  const std::string asked = query(0x4711, "www.example.com");
  const std::string answered = answer(0x4711, "www.example.com", kA, {record(kA, "\1\2\3\4")});
  EXPECT_EQ(match(kToServer, asked), Match::kYes);
  EXPECT_EQ(match(kToClient, answered), Match::kYes);
  EXPECT_EQ(match(kToClient, asked), Match::kNo);
  EXPECT_EQ(match(kToServer, answered), Match::kNo);
  EXPECT_EQ(match(kToServer, asked + "x"), Match::kMaybe);
  EXPECT_EQ(match(kToClient, answered.substr(0, answered.size() - 1)), Match::kMaybe);
  EXPECT_EQ(match(kToServer, header(1, 0x0100, 129, 0) + question("a.example")), Match::kMaybe);
  EXPECT_EQ(match(kToServer, header(1, 0x0100, 1, 0) + question("a.example", 1, 77)),
            Match::kMaybe);
  EXPECT_EQ(match(kToClient, header(1, 0x8181, 0, 0)), Match::kMaybe);
  EXPECT_EQ(match(kToServer, "short"), Match::kNo);
  EXPECT_EQ(match(kToServer, framed(asked), Transport::kTcp), Match::kYes);
  EXPECT_EQ(match(kToClient, framed(answered), Transport::kTcp), Match::kYes);
  for (std::size_t size = 0; size < asked.size(); ++size) {
    EXPECT_EQ(match(kToServer, framed(asked).substr(0, size), Transport::kTcp), Match::kNeedMore)
        << size;
  }
}

TEST(Dns, LookAlikes) {
  for (Direction direction : {kToServer, kToClient}) {
    // mDNS, NetBIOS, STUN, RTP, NTP, TLS, HTTP
    for (const std::string& other :
         {header(0, 0, 1, 0) + question("printer.local", 12),
          header(0, 0, 1, 0) + question("_ipp._tcp.local", 12, 0x8001),
          header(0, 0x8400, 0, 1) + record(12, name("x.local"), name("_ipp._tcp.local")),
          header(77, 0x0110, 1, 0) + "\x20" + std::string(32, 'C') + "\0"s + u16(32) + u16(1),
          "\x00\x01\x00\x08\x21\x12\xa4\x42"s + std::string(20, 'x'),
          "\x80\x00\x12\x34"s + std::string(160, '\xd5'),
          "\x80\x60\x00\x01"s + std::string(160, '\0'), "\x23\x02\x06\xe8"s + std::string(44, '\1'),
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(200, 'r'),
          "GET / HTTP/1.1\r\nHost: a\r\n\r\n"s}) {
      EXPECT_NE(match(direction, other), Match::kYes);
      EXPECT_NE(match(direction, other, Transport::kTcp), Match::kYes);
    }
  }
  for (const std::uint16_t port : {std::uint16_t{5353}, std::uint16_t{5355}, std::uint16_t{137}}) {
    EXPECT_NE(std::find(kDns.never_ports.begin(), kDns.never_ports.end(), port),
              kDns.never_ports.end());
  }
}

// On its port, where a mere likeness is enough.
TEST(Dns, ClaimsNoRandomDatagrams) {
  std::minstd_rand random(8);
  std::string datagram(200, '\0');
  int claims = 0;
  for (int round = 0; round < 200000; ++round) {
    for (char& c : datagram) c = static_cast<char>(random() >> 8);
    for (const Direction direction : {kToServer, kToClient}) {
      claims += match(direction, datagram) != Match::kNo;
    }
  }
  EXPECT_LE(claims, 1);
  // Of a message whose counts are wrong something else is right.
  EXPECT_EQ(match(kToServer, header(1, 0x0100, 1, 0xf000) + question("a.example")), Match::kMaybe);
}

}  // namespace
}  // namespace weir
