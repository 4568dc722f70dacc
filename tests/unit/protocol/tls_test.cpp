#include <gtest/gtest.h>

#include <random>
#include <string>

#include "contract/drive.h"
#include "protocol/registry.h"
#include "unit/protocol/tls_builder.h"

namespace weir {
namespace {

using Direction::kToClient;
using Direction::kToServer;
using test::client_hello;
using test::Drive;
using test::extension;
using test::kSelects13;
using test::numbers;
using test::offered_versions;
using test::OwnedMessage;
using test::server_hello;
using test::server_name;
using test::tls_message;
using test::tls_record;

constexpr std::uint8_t kCcs = 20, kAlert = 21, kHandshake = 22, kData = 23;
constexpr std::uint64_t kAes128 = 0x1301, kEcdsaAes128 = 0xc02b;

std::string hello(std::string_view extensions = server_name("a.test")) {
  return tls_record(kHandshake, client_hello(extensions), 0x0301);
}
std::string ccs() { return tls_record(kCcs, "\1"); }
std::string alert(int level, int number) {
  return tls_record(kAlert, {std::string{static_cast<char>(level), static_cast<char>(number)}});
}
std::string sealed(std::size_t size) { return tls_record(kData, std::string(size, 'x')); }
const std::string kFinished = tls_record(kHandshake, std::string(40, 'f'));  // encrypted, as seen
const std::string kCertificates =
    tls_record(kHandshake, tls_message(11, std::string(500, 'c')) +
                               tls_message(12, std::string(90, 'k')) + tls_message(14, ""));
const std::string kKeyExchange = tls_record(kHandshake, tls_message(16, std::string(33, 'k')));
const std::string kAnswer12 = tls_record(kHandshake, server_hello(kEcdsaAes128));
const std::string kAnswer13 = tls_record(kHandshake, server_hello(kAes128, kSelects13));

// A full handshake of 1.2, or of what is older.
Drive full(const std::string& answer, test::Chunking chunking = test::whole()) {
  Drive drive(kTls, Transport::kTcp, {}, std::move(chunking));
  drive.client(hello());
  drive.server(answer + kCertificates);
  drive.client(kKeyExchange + ccs() + kFinished);
  drive.server(ccs() + kFinished);
  return drive;
}

TEST(Tls, EveryVersionSaysWhatWasAgreed) {
  const struct {
    std::uint64_t number;
    const char *name, *protocol;
  } versions[] = {{0x0300, "3.0", "ssl"},
                  {0x0301, "1.0", "tls"},
                  {0x0302, "1.1", "tls"},
                  {0x0303, "1.2", "tls"}};
  for (const auto& version : versions) {
    const std::string answer =
        tls_record(kHandshake, server_hello(kEcdsaAes128, {}, version.number), version.number);
    const Drive drive = full(answer);
    ASSERT_EQ(drive.messages().size(), 2u) << version.name;
    const OwnedMessage told = drive.messages()[1];
    EXPECT_EQ(told.field("tls.protocol.version"), version.name);
    EXPECT_EQ(told.field("tls.protocol.name"), version.protocol);
    EXPECT_EQ(told.field("tls.cipher"), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    EXPECT_EQ(told.field("tls.resumed"), "0");
    EXPECT_TRUE(drive.opaque());
    EXPECT_TRUE(drive.violations().empty());
  }
}

TEST(Tls, AnAnswerEndsWithTheServersFinished) {
  for (int seed = 0; seed < 20; ++seed) {
    const Drive drive = full(kAnswer12, test::random_chunks(static_cast<unsigned>(seed)));
    ASSERT_EQ(drive.messages().size(), 2u);
    EXPECT_EQ(drive.messages()[1].end,
              kAnswer12.size() + kCertificates.size() + ccs().size() + kFinished.size());
  }
}

TEST(Tls, AResumedSessionOf12SendsNoCertificate) {
  Drive drive(kTls);
  drive.client(hello());
  drive.server(kAnswer12 + ccs() + kFinished);
  ASSERT_EQ(drive.messages().size(), 2u);
  EXPECT_EQ(drive.messages()[1].field("tls.resumed"), "1");
}

// The ticket comes in plain between the client's Finished and the server's: not a resumed session.
TEST(Tls, ANewTicketIsNoResumption) {
  Drive drive(kTls);
  drive.client(hello());
  drive.server(kAnswer12 + kCertificates);
  drive.client(kKeyExchange + ccs() + kFinished);
  drive.server(tls_record(kHandshake, tls_message(4, std::string(180, 't'))) + ccs() + kFinished);
  EXPECT_EQ(drive.messages().at(1).field("tls.resumed"), "0");
}

TEST(Tls, Version13EndsWithWhatTheClientAnswers) {
  Drive drive(kTls);
  drive.client(hello(server_name("b.test") + offered_versions({0x0304, 0x0303})));
  const std::string answer = kAnswer13 + ccs() + sealed(27) + sealed(900) + sealed(53);
  drive.server(answer);
  drive.client(ccs() + sealed(53) + sealed(400));
  drive.server(sealed(250) + sealed(1000));
  ASSERT_EQ(drive.messages().size(), 2u);
  const OwnedMessage told = drive.messages()[1];
  EXPECT_EQ(told.field("tls.protocol.version"), "1.3");
  EXPECT_EQ(told.field("tls.cipher"), "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(told.field("tls.resumed"), "0");
  EXPECT_EQ(told.end, answer.size());
  EXPECT_FALSE(told.has("weir.tls.hello_retry"));
}

TEST(Tls, APreSharedKeyThatIsAcceptedResumes) {
  Drive drive(kTls);
  drive.client(hello(offered_versions({0x0304}) + extension(41, std::string(60, 'p'))));
  drive.server(
      tls_record(kHandshake, server_hello(kAes128, kSelects13 + extension(41, numbers({0})))) +
      ccs() + sealed(27) + sealed(53));
  drive.client(ccs() + sealed(53));
  EXPECT_EQ(drive.messages().at(1).field("tls.resumed"), "1");
}

TEST(Tls, AHelloRetryRequestIsPartOfTheHandshake) {
  Drive drive(kTls);
  drive.client(hello(offered_versions({0x0304})));
  const std::string retry = tls_record(
      kHandshake,
      server_hello(kAes128, kSelects13 + extension(51, numbers({24})), 0x0303, test::kHelloRetry));
  drive.server(retry + ccs());
  drive.client(ccs() + hello(offered_versions({0x0304})));
  drive.server(kAnswer13 + sealed(27) + sealed(53));
  drive.client(sealed(53));
  ASSERT_EQ(drive.messages().size(), 2u);
  EXPECT_EQ(drive.messages()[1].field("weir.tls.hello_retry"), "1");
  EXPECT_EQ(drive.messages()[1].begin, retry.size() + ccs().size());
}

TEST(Tls, AlertsAreErrorsWithTheirSender) {
  Drive refused(kTls);
  refused.client(hello());
  refused.server(alert(2, 112));
  ASSERT_EQ(refused.messages().size(), 2u);
  EXPECT_EQ(refused.messages()[1].status, Status::kError);
  EXPECT_EQ(refused.messages()[1].field("error.type"), "unrecognized_name");
  EXPECT_EQ(refused.messages()[1].field("weir.tls.alert.sender"), "server");
  EXPECT_EQ(refused.messages()[1].field("weir.tls.alert.level"), "fatal");

  Drive by_client(kTls);
  by_client.client(hello());
  by_client.server(kAnswer12 + kCertificates);
  by_client.client(alert(2, 48));
  EXPECT_EQ(by_client.messages().at(1).field("error.type"), "unknown_ca");
  EXPECT_EQ(by_client.messages().at(1).field("weir.tls.alert.sender"), "client");

  Drive sealed_one(kTls);
  sealed_one.client(hello());
  sealed_one.server(kAnswer13 + ccs() + sealed(27) + sealed(900) + sealed(53));
  sealed_one.client(ccs() + sealed(19));
  EXPECT_EQ(sealed_one.messages().at(1).field("error.type"), "encrypted");
}

TEST(Tls, AWarningRefusesNothing) {
  Drive drive(kTls);
  drive.client(hello());
  drive.server(alert(1, 112) + kAnswer12 + kCertificates);
  drive.client(kKeyExchange + ccs() + kFinished);
  drive.server(ccs() + kFinished);
  ASSERT_EQ(drive.messages().size(), 2u);
  EXPECT_EQ(drive.messages()[1].status, Status::kOk);
}

TEST(Tls, WhatIsNoTlsIsAnError) {
  Drive drive(kTls);
  drive.client(hello());
  drive.server("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(drive.messages().at(1).field("error.type"), "not_tls");
  EXPECT_TRUE(drive.opaque());
}

// The fingerprints that JA3's authors publish with what they are of.
TEST(Tls, Ja3IsAsPublished) {
  const auto ja3 = [](std::string_view ciphers, std::string_view extensions) {
    Drive drive(kTls);
    drive.client(tls_record(kHandshake, client_hello(extensions, ciphers, 0x0301), 0x0301));
    return drive.messages().at(0).field("tls.client.ja3");
  };
  const std::string groups = extension(10, test::counted(numbers({23, 24, 25}), 2)),
                    formats = extension(11, test::counted(std::string(1, '\0'), 1));
  EXPECT_EQ(ja3(numbers({47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}),
                server_name("a.test") + groups + formats),
            "ada70206e40642a3e4461f35503241d5");
  EXPECT_EQ(ja3(numbers({4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99}), ""),
            "de350869b8c85de67a350c8d186f11e6");
  // GREASE wherever it may stand makes no difference.
  EXPECT_EQ(ja3(numbers({0x4a4a, 47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4}),
                extension(0x1a1a, "") + server_name("a.test") +
                    extension(10, test::counted(numbers({0xdada, 23, 24, 25}), 2)) + formats +
                    extension(0xfafa, "x")),
            "ada70206e40642a3e4461f35503241d5");
}

TEST(Tls, AClientHelloTellsWhatItOffers) {
  Drive drive(kTls, Transport::kTcp, {}, test::one_byte());
  drive.client(hello(extension(0x2a2a, "") + server_name("shop.test") +
                     test::alpn({"\x3a\x3a", "h2", "http/1.1"}) +
                     offered_versions({0x5a5a, 0x0304, 0x0303}) + extension(0xfe0d, "ech")));
  const OwnedMessage asked = drive.messages().at(0);
  EXPECT_EQ(asked.field("tls.client.server_name"), "shop.test");
  EXPECT_EQ(asked.field("weir.tls.client.alpn"), "h2");
  EXPECT_EQ(asked.field("weir.tls.client.versions"), "1.3");
  EXPECT_EQ(asked.field("weir.tls.client.ech"), "1");
}

TEST(Tls, AHelloMayComeInSeveralRecords) {
  const std::string message =
      client_hello(server_name("cut.test") + extension(21, std::string(900, '\0')));
  for (const std::size_t each : {1u, 2u, 3u, 4u, 5u, 100u, 600u}) {
    std::string cut;
    for (std::size_t at = 0; at < message.size(); at += each) {
      cut += tls_record(kHandshake, message.substr(at, each), 0x0301);
    }
    for (const bool bytewise : {false, true}) {
      Drive drive(kTls, Transport::kTcp, {}, bytewise ? test::one_byte() : test::whole());
      drive.client(cut);
      drive.server(alert(2, 40));
      ASSERT_EQ(drive.messages().size(), 2u) << each;
      EXPECT_EQ(drive.messages()[0].field("tls.client.server_name"), "cut.test") << each;
      EXPECT_EQ(drive.messages()[0].end, cut.size()) << each;
    }
  }
}

TEST(Tls, HostileLengthsEndInAVerdict) {
  const std::string message = client_hello(server_name("long.test") + test::alpn({"h2"}));
  for (std::size_t at = 1; at < message.size(); ++at) {
    for (const char wrong : {'\x00', '\x01', '\x7f', '\xff'}) {
      std::string broken = message;
      broken[at] = wrong;
      Drive drive(kTls);
      drive.client(tls_record(kHandshake, broken, 0x0301));
      drive.server(kAnswer12 + kCertificates);
      drive.client(kKeyExchange + ccs() + kFinished);
      drive.server(ccs() + kFinished);
      drive.close_both();
      EXPECT_TRUE(drive.violations().empty()) << at;
      EXPECT_LE(drive.messages().size(), 2u) << at;
    }
  }
}

TEST(Tls, AHelloLongerThanItsBoundIsLetGo) {
  Drive drive(kTls);
  drive.client(
      tls_record(kHandshake, '\1' + test::big_endian(1 << 20, 3) + std::string(4000, 'x')));
  EXPECT_TRUE(drive.opaque());
  EXPECT_TRUE(drive.messages().empty());
}

TEST(Tls, JoinedBehindTheClientHelloItTellsTheAnswer) {
  Drive drive(kTls);
  drive.server(kAnswer12 + kCertificates);
  drive.client(kKeyExchange + ccs() + kFinished);
  drive.server(ccs() + kFinished);
  ASSERT_EQ(drive.messages().size(), 1u);
  EXPECT_EQ(drive.messages()[0].field("tls.protocol.version"), "1.2");
}

TEST(Tls, IsKnownByEitherSide) {
  const auto match = [](const std::string& head, Direction direction) {
    return kTls.match(as_bytes(head), direction, Transport::kTcp);
  };
  EXPECT_EQ(match(hello(), kToServer), Match::kYes);
  EXPECT_EQ(match(kAnswer12, kToClient), Match::kYes);
  EXPECT_EQ(match(hello(), kToClient), Match::kNo);
  EXPECT_EQ(match(kAnswer12, kToServer), Match::kNo);
  EXPECT_EQ(match(hello().substr(0, 3), kToServer), Match::kNeedMore);
  EXPECT_EQ(match("GET / HTTP/1.1\r\n", kToServer), Match::kNo);
  EXPECT_EQ(match("SSH-2.0-OpenSSH", kToServer), Match::kNo);
}

// The hardest of random bytes: those that begin as a record does. One of 65536 has just the length
// that it says.
TEST(Tls, ClaimsNoRandomBytes) {
  std::minstd_rand random(5);
  std::string head(256, '\0');
  int claims = 0;
  for (int round = 0; round < 200000; ++round) {
    for (char& c : head) c = static_cast<char>(random() >> 8);
    head[0] = static_cast<char>(20 + random() % 4);
    head[1] = 3;
    head[2] = static_cast<char>(random() % 5);
    claims += kTls.match(as_bytes(head), kToServer, Transport::kTcp) == Match::kYes;
  }
  EXPECT_LE(claims, 4);
}

}  // namespace
}  // namespace weir
