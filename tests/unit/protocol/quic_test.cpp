#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <random>
#include <string>

#include "contract/drive.h"
#include "protocol/quic_packet.h"
#include "protocol/registry.h"
#include "unit/protocol/tls_builder.h"

namespace weir {
namespace {

using Direction::kToClient;
using Direction::kToServer;
using test::big_endian;
using test::counted;
using test::Drive;
using test::kSelects13;
using test::OwnedMessage;
using test::server_hello;
using test::server_name;

constexpr std::uint32_t kVersion1 = 1, kVersion2 = 0x6b3343cf;
const std::string kFirstId = "\x83\x94\xc8\xf0\x3e\x51\x57\x08", kClientId = "client";
constexpr std::size_t kLeastDatagram = 1200;

std::string variable(std::uint64_t number) { return big_endian(number | 0x4000, 2); }
std::string crypto(std::uint64_t offset, std::string_view data) {
  return '\6' + variable(offset) + variable(data.size()) + std::string(data);
}
std::string close_frame(std::uint64_t error) {
  return '\x1c' + variable(error) + variable(6) + variable(0);
}

std::string hex(const auto& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) out += {kDigits[byte >> 4], kDigits[byte & 15]};
  return out;
}

// One end of a connection: seals Initial packets as its side does.
class End {
 public:
  End(Direction direction, std::uint32_t version, const std::string& first_id = kFirstId)
      : version_(version) {
    InitialKeys other;
    const bool client = direction == kToServer;
    EXPECT_TRUE(derive_initial_keys(*initial_secrets(version), as_bytes(first_id),
                                    client ? keys_ : other, client ? other : keys_));
    destination_ = client ? first_id : kClientId;
    source_ = client ? kClientId : "srv";
  }

  std::string packet(const std::string& frames, std::uint8_t number,
                     const std::string& token = {}) {
    const unsigned type = version_ == kVersion2 ? 1 : 0;
    const std::string plain = frames + std::string(frames.size() < 16 ? 16 : 0, '\0');
    std::string header = static_cast<char>(0xc0 | type << 4) + big_endian(version_, 4) +
                         counted(destination_, 1) + counted(source_, 1) + variable(token.size()) +
                         token + variable(1 + plain.size() + 16);
    const std::size_t number_at = header.size();
    header += static_cast<char>(number);
    std::string whole = header + sealed(header, plain, number);
    std::array<std::uint8_t, 5> mask;
    EXPECT_TRUE(header_mask(keys_, as_bytes(whole).subspan(number_at + 4, 16), mask));
    whole[0] = static_cast<char>(whole[0] ^ (mask[0] & 0x0f));
    whole[number_at] = static_cast<char>(whole[number_at] ^ mask[1]);
    return whole;
  }
  // One packet, filled up to what a client's datagram must have.
  std::string datagram(const std::string& frames, std::uint8_t number,
                       const std::string& token = {}) {
    const std::size_t around = packet(std::string(20, '\0'), number, token).size() - 20;
    const std::size_t room = kLeastDatagram - around;
    return packet(frames + std::string(room - std::min(room, frames.size()), '\0'), number, token);
  }

 private:
  std::string sealed(const std::string& header, const std::string& plain, std::uint8_t number) {
    std::array<std::uint8_t, 12> nonce = keys_.iv;
    nonce[11] = static_cast<std::uint8_t>(nonce[11] ^ number);
    std::string out(plain.size() + 16, '\0');
    auto* const at = reinterpret_cast<unsigned char*>(out.data());
    const auto bytes = [](const std::string& s) {
      return reinterpret_cast<const unsigned char*>(s.data());
    };
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int size = 0;
    EXPECT_EQ(
        1, EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, keys_.key.data(), nonce.data()));
    EVP_EncryptUpdate(context, nullptr, &size, bytes(header), static_cast<int>(header.size()));
    EVP_EncryptUpdate(context, at, &size, bytes(plain), static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(context, at + size, &size);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, at + plain.size());
    EVP_CIPHER_CTX_free(context);
    return out;
  }

  std::uint32_t version_;
  InitialKeys keys_;
  std::string destination_, source_;
};

std::string hello(std::string_view name = "q.test", std::size_t padding = 0) {
  return test::client_hello(server_name(name) + test::alpn({"h3"}) +
                            test::offered_versions({0x0304}) +
                            (padding ? test::extension(21, std::string(padding, 'p')) : ""));
}
const std::string kAnswer = server_hello(0x1301, kSelects13);
// Of which nothing can be read, behind another in the same datagram.
std::string handshake_packet() {
  return "\xe0" + big_endian(kVersion1, 4) + counted(kClientId, 1) + counted("srv", 1) +
         variable(100) + std::string(100, 'h');
}

class Talk : public Drive {
 public:
  Talk() : Drive(kQuic, Transport::kUdp) {}
};

TEST(Quic, KeysAreThoseOfTheRfcs) {
  InitialKeys client, server;
  ASSERT_TRUE(derive_initial_keys(*initial_secrets(kVersion1), as_bytes(kFirstId), client, server));
  EXPECT_EQ(hex(client.key), "1f369613dd76d5467730efcbe3b1a22d");
  EXPECT_EQ(hex(client.iv), "fa044b2f42a3fd3b46fb255c");
  EXPECT_EQ(hex(client.header), "9f50449e04a0e810283a1e9933adedd2");
  EXPECT_EQ(hex(server.key), "cf3a5331653c364c88f0f379b6067e37");
  ASSERT_TRUE(derive_initial_keys(*initial_secrets(kVersion2), as_bytes(kFirstId), client, server));
  EXPECT_EQ(hex(client.key), "8b1a0bc121284290a29e0971b5cd045d");
  EXPECT_EQ(hex(client.header), "45b95e15235d6f45a6b19cbcb0294ba9");
}

TEST(Quic, BothVersionsTellTheirHandshake) {
  for (const std::uint32_t version : {kVersion1, kVersion2}) {
    Talk talk;
    const std::string asked = End(kToServer, version).datagram(crypto(0, hello()), 0);
    talk.client(asked);
    talk.server(End(kToClient, version).packet(crypto(0, kAnswer), 0) + handshake_packet());
    ASSERT_EQ(talk.messages().size(), 2u);
    EXPECT_EQ(talk.messages()[0].field("tls.client.server_name"), "q.test");
    EXPECT_EQ(talk.messages()[0].field("weir.tls.client.alpn"), "h3");
    EXPECT_EQ(talk.messages()[0].field("weir.quic.version"), version == kVersion1 ? "1" : "2");
    EXPECT_EQ(talk.messages()[0].field("tls.client.ja3").size(), 32u);
    EXPECT_EQ(talk.messages()[1].field("tls.protocol.version"), "1.3");
    EXPECT_EQ(talk.messages()[1].field("tls.cipher"), "TLS_AES_128_GCM_SHA256");
    EXPECT_EQ(talk.messages()[1].field("tls.resumed"), "0");
    EXPECT_TRUE(talk.violations().empty());
  }
}

TEST(Quic, APreSharedKeyThatIsAcceptedResumes) {
  Talk talk;
  talk.client(End(kToServer, kVersion1).datagram(crypto(0, hello()), 0));
  const std::string accepts = test::extension(41, test::numbers({0}));
  talk.server(
      End(kToClient, kVersion1).packet(crypto(0, server_hello(0x1302, kSelects13 + accepts)), 0));
  EXPECT_EQ(talk.messages().at(1).field("tls.resumed"), "1");
}

// Some clients send the pieces of their ClientHello in any order, with others between them.
TEST(Quic, CryptoFramesComeInAnyOrder) {
  const std::string message = hello("any.order.test");
  std::minstd_rand random(2);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> frames;
    for (std::size_t at = 0; at < message.size();) {
      const std::size_t size = std::min<std::size_t>(1 + random() % 40, message.size() - at);
      frames.push_back(crypto(at, message.substr(at, size)) + (random() % 2 ? "\1" : ""));
      at += size;
    }
    std::shuffle(frames.begin(), frames.end(), random);
    frames.push_back(frames[0]);  // one twice
    std::string all;
    for (const std::string& frame : frames) all += frame;
    Talk talk;
    talk.client(End(kToServer, kVersion1).datagram(all, 0));
    talk.server(End(kToClient, kVersion1).packet(crypto(0, kAnswer), 0));
    ASSERT_EQ(talk.messages().size(), 2u);
    EXPECT_EQ(talk.messages()[0].field("tls.client.server_name"), "any.order.test");
  }
}

TEST(Quic, AClientHelloInTwoDatagramsIsOneRequest) {
  const std::string message = hello("large.test", 1300);
  End client(kToServer, kVersion1);
  const std::string first = client.datagram(crypto(0, message.substr(0, 900)), 0),
                    second = client.datagram(crypto(900, message.substr(900)), 1);
  for (const bool swapped : {false, true}) {
    Talk talk;
    talk.client(swapped ? second : first);
    talk.client(swapped ? first : second);
    talk.server(End(kToClient, kVersion1).packet(crypto(0, kAnswer), 0));
    ASSERT_EQ(talk.messages().size(), 2u);
    EXPECT_EQ(talk.messages()[0].field("tls.client.server_name"), "large.test");
  }
}

TEST(Quic, WithAPartOfTheClientHelloMissingTheRequestSaysSo) {
  Talk talk;
  talk.client(End(kToServer, kVersion1).datagram(crypto(0, hello("x", 900).substr(0, 500)), 0));
  talk.server(End(kToClient, kVersion1).packet(crypto(0, kAnswer), 0));
  ASSERT_EQ(talk.messages().size(), 2u);
  EXPECT_EQ(talk.messages()[0].quality, Quality::kGap);
  EXPECT_EQ(talk.messages()[1].field("tls.protocol.version"), "1.3");
}

std::string retry_packet(const std::string& id) {
  return "\xf0" + big_endian(kVersion1, 4) + counted(kClientId, 1) + counted(id, 1) + "token" +
         std::string(16, 't');
}

// The id that the server chooses may be shorter than a client's must be, or none.
TEST(Quic, ARetryIsPartOfTheHandshake) {
  for (const bool captured : {true, false}) {
    for (const std::string id : {"", "4444", "eight---", "twenty--------------"}) {
      Talk talk;
      talk.client(End(kToServer, kVersion1).datagram(crypto(0, hello()), 0));
      if (captured) talk.server(retry_packet(id));
      talk.client(End(kToServer, kVersion1, id).datagram(crypto(0, hello()), 1, "token"));
      talk.server(End(kToClient, kVersion1, id).packet(crypto(0, kAnswer), 0));
      ASSERT_EQ(talk.messages().size(), 2u) << id << captured;
      EXPECT_EQ(talk.messages()[1].field("weir.quic.retry"), "1");
      EXPECT_EQ(talk.messages()[1].status, Status::kOk);
    }
  }
}

TEST(Quic, AHelloRetryRequestIsPartOfTheHandshake) {
  Talk talk;
  End client(kToServer, kVersion1), server(kToClient, kVersion1);
  const std::string retry = server_hello(0x1301, kSelects13, 0x0303, test::kHelloRetry);
  talk.client(client.datagram(crypto(0, hello()), 0));
  talk.server(server.packet(crypto(0, retry), 0));
  talk.client(client.datagram(crypto(hello().size(), hello()), 1));
  talk.server(server.packet(crypto(retry.size(), kAnswer), 1));
  ASSERT_EQ(talk.messages().size(), 2u);
  EXPECT_EQ(talk.messages()[1].field("weir.tls.hello_retry"), "1");
}

TEST(Quic, ARefusalNamesTheAlertAndItsSender) {
  Talk talk;
  talk.client(End(kToServer, kVersion1).datagram(crypto(0, hello()), 0));
  talk.server(End(kToClient, kVersion1).packet(close_frame(0x100 + 120), 0));
  ASSERT_EQ(talk.messages().size(), 2u);
  EXPECT_EQ(talk.messages()[1].status, Status::kError);
  EXPECT_EQ(talk.messages()[1].field("error.type"), "no_application_protocol");
  EXPECT_EQ(talk.messages()[1].field("weir.tls.alert.sender"), "server");
}

TEST(Quic, AVersionThatIsNotSpokenIsNegotiated) {
  Talk talk;
  talk.client(End(kToServer, kVersion2).datagram(crypto(0, hello()), 0));
  talk.server("\xc0" + big_endian(0, 4) + counted(kClientId, 1) + counted(kFirstId, 1) +
              big_endian(kVersion1, 4) + big_endian(0x1a2a3a4a, 4));
  ASSERT_EQ(talk.messages().size(), 2u);
  EXPECT_EQ(talk.messages()[1].field("error.type"), "version_negotiation");
  EXPECT_EQ(talk.messages()[1].field("weir.quic.server.versions"), "1");
  talk.client(End(kToServer, kVersion1).datagram(crypto(0, hello()), 0));
  talk.server(End(kToClient, kVersion1).packet(crypto(0, kAnswer), 0));
  ASSERT_EQ(talk.messages().size(), 4u);
  EXPECT_EQ(talk.messages()[3].status, Status::kOk);
}

TEST(Quic, PacketsInOneDatagramAreAllRead) {
  End client(kToServer, kVersion1);
  const std::string message = hello("both.test", 400);
  Talk talk;
  talk.client(client.packet(crypto(0, message.substr(0, 300)), 0) +
              client.datagram(crypto(300, message.substr(300)), 1));
  talk.server(End(kToClient, kVersion1).packet(crypto(0, kAnswer), 0) + handshake_packet());
  ASSERT_EQ(talk.messages().size(), 2u);
  EXPECT_EQ(talk.messages()[0].field("tls.client.server_name"), "both.test");
}

TEST(Quic, IsKnownByTheClientsFirstPacketAlone) {
  const std::string first = End(kToServer, kVersion1).datagram(crypto(0, hello()), 0);
  const auto match = [](const std::string& datagram, Direction direction) {
    return kQuic.match(as_bytes(datagram), direction, Transport::kUdp);
  };
  EXPECT_EQ(match(first, kToServer), Match::kYes);
  EXPECT_NE(match(first, kToClient), Match::kYes);
  // Any bit of it that is changed, or left away, is seen.
  std::minstd_rand random(4);
  for (int round = 0; round < 300; ++round) {
    std::string other = first;
    const std::size_t at = random() % other.size();
    if (round % 3 == 0) {
      other.resize(at);
    } else {
      other[at] = static_cast<char>(other[at] ^ 1 << random() % 8);
    }
    EXPECT_EQ(match(other, kToServer), Match::kNo) << round << ' ' << at;
  }
}

TEST(Quic, HostileLengthsEndInAVerdict) {
  std::minstd_rand random(6);
  End client(kToServer, kVersion1), server(kToClient, kVersion1);
  for (int round = 0; round < 500; ++round) {
    std::string frames = crypto(0, hello());
    for (int i = 0; i < 4; ++i) frames[random() % 60] = static_cast<char>(random() >> 8);
    Talk talk;
    talk.client(client.datagram(frames, 0));
    talk.client(client.datagram(crypto(random() % 0x3fff, std::string(600, 'x')), 1));
    talk.server(server.packet(frames, 0));
    talk.close_both();
    EXPECT_TRUE(talk.violations().empty()) << round;
  }
}

}  // namespace
}  // namespace weir
