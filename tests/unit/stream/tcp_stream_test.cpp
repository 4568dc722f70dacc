#include "stream/tcp_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weir {
namespace {

// Writes down what the stream tells: text of a side as it is, a gap as [length], a FIN as |.
class Recorder : public StreamSink {
 public:
  void on_bytes(Side side, const Chunk& chunk) noexcept override {
    text[index(side)] += as_text(chunk.data);
    const std::uint64_t missing = chunk.length - chunk.data.size();
    if (missing > 0) text[index(side)] += "<" + std::to_string(missing) + ">";
    last = chunk;
    order += side == Side::kA ? 'a' : 'b';
  }
  void on_gap(Side side, std::uint64_t, std::uint64_t length, Nanos) noexcept override {
    text[index(side)] += "[" + std::to_string(length) + "]";
  }
  void on_fin(Side side, std::uint64_t, Nanos) noexcept override { text[index(side)] += "|"; }
  std::uint64_t unwanted(Side) const noexcept override { return skip; }

  std::string text[2], order;
  Chunk last;
  std::uint64_t skip = 0;
};

struct Segment {
  Side from = Side::kA;
  std::uint32_t sequence = 0, acknowledgment = 0;
  bool ack = true;
  std::string_view payload = {};
  bool syn = false, fin = false, rst = false;
  Nanos time = 0;
  std::uint32_t cut = 0;  // bytes beyond the payload that were not captured
  std::uint16_t window = 1000;
};

class TcpStreamTest : public testing::Test {
 protected:
  TcpStream::Verdict send(const Segment& segment) {
    Packet packet;
    packet.time = segment.time ? segment.time : (now_ += kMillisecond);
    now_ = packet.time;
    packet.payload = as_bytes(segment.payload);
    packet.payload_bytes = static_cast<std::uint32_t>(segment.payload.size()) + segment.cut;
    packet.tcp.sequence = segment.sequence;
    packet.tcp.acknowledgment = segment.acknowledgment;
    packet.tcp.window = segment.window;
    packet.tcp.syn = segment.syn;
    packet.tcp.ack = segment.ack;
    packet.tcp.fin = segment.fin;
    packet.tcp.rst = segment.rst;
    return stream_.on_packet(segment.from, packet, shared_, sink_);
  }
  // A is the client, its first byte is 101; B's is 501.
  void handshake() {
    send({.from = Side::kA, .sequence = 100, .ack = false, .syn = true});
    send({.from = Side::kB, .sequence = 500, .acknowledgment = 101, .syn = true});
    send({.from = Side::kA, .sequence = 101, .acknowledgment = 501});
  }
  const std::string& a() const { return sink_.text[0]; }
  const std::string& b() const { return sink_.text[1]; }

  SegmentPool pool_{1 << 20};
  TcpHealth totals_;
  Ledger ledger_;
  StreamShared shared_{pool_, totals_, ledger_};
  Recorder sink_;
  TcpStream stream_;
  Nanos now_ = kSecond;
};

TEST_F(TcpStreamTest, DeliversInOrderAndMeasuresTheHandshake) {
  handshake();
  send({.sequence = 101, .acknowledgment = 501, .payload = "ask"});
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 104, .payload = "answer"});
  EXPECT_EQ(a(), "ask");
  EXPECT_EQ(b(), "answer");
  EXPECT_EQ(stream_.handshake_ns(), 2 * kMillisecond);
  Side opener = Side::kB;
  EXPECT_TRUE(stream_.opener(opener));
  EXPECT_EQ(opener, Side::kA);
}

TEST_F(TcpStreamTest, PutsReorderedSegmentsInOrder) {
  handshake();
  send({.sequence = 107, .acknowledgment = 501, .payload = "ghi"});
  send({.sequence = 104, .acknowledgment = 501, .payload = "def"});
  EXPECT_EQ(a(), "");
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc"});
  EXPECT_EQ(a(), "abcdefghi");
  EXPECT_EQ(totals_.out_of_order_segments.get(), 2u);
  EXPECT_EQ(pool_.waiting_bytes(), 0u);
}

TEST_F(TcpStreamTest, KeepsTheFirstCopyOfOverlappingBytes) {
  handshake();
  send({.sequence = 105, .acknowledgment = 501, .payload = "EFG"});
  send({.sequence = 103, .acknowledgment = 501, .payload = "cdefghij"});
  send({.sequence = 101, .acknowledgment = 501, .payload = "ABCDX"});
  EXPECT_EQ(a(), "ABcdEFGhij");
}

TEST_F(TcpStreamTest, DropsRetransmissionsAndCountsThem) {
  handshake();
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc"});
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc"});
  send({.sequence = 101, .acknowledgment = 501, .payload = "abcdef"});
  EXPECT_EQ(a(), "abcdef");
  EXPECT_EQ(totals_.retransmitted_segments.get(), 1u);
  EXPECT_EQ(ledger_.get(Count::kStreamFilteredRetransmitted), 6u);
}

TEST_F(TcpStreamTest, GivesUpWhatWasAcknowledgedThoughNothingCameBehindIt) {
  handshake();
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 101, .payload = "abc"});
  send({.sequence = 101, .acknowledgment = 509});
  EXPECT_TRUE(stream_.waiting());
  stream_.on_time(stream_.deadline() - 1, false, shared_, sink_);
  EXPECT_EQ(b(), "abc");
  stream_.on_time(stream_.deadline(), false, shared_, sink_);
  EXPECT_EQ(b(), "abc[5]");
  EXPECT_FALSE(stream_.waiting());
}

TEST_F(TcpStreamTest, AResetTellsWhatItsSenderHadReceived) {
  handshake();
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 101, .payload = "abc"});
  EXPECT_EQ(send({.sequence = 101, .acknowledgment = 509, .rst = true}),
            TcpStream::Verdict::kReset);
  stream_.on_time(now_, true, shared_, sink_);
  EXPECT_EQ(b(), "abc[5]");
}

TEST_F(TcpStreamTest, KnowsALostFinByItsAcknowledgment) {
  handshake();
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 101, .payload = "abc"});
  send({.sequence = 101, .acknowledgment = 505});
  EXPECT_FALSE(stream_.waiting());  // it may have been a byte
  send({.sequence = 101, .acknowledgment = 505, .fin = true});
  EXPECT_EQ(stream_.on_time(stream_.deadline(), false, shared_, sink_),
            TcpStream::Verdict::kFinished);
  EXPECT_EQ(b(), "abc|");
}

TEST_F(TcpStreamTest, FollowsTheSequenceNumbersThroughTheirWrap) {
  send({.sequence = 0xfffffffd, .ack = false, .syn = true});
  send({.sequence = 0xfffffffe, .ack = false, .payload = "abcd"});
  send({.sequence = 5, .ack = false, .payload = "hij"});
  send({.sequence = 2, .ack = false, .payload = "efg"});
  EXPECT_EQ(a(), "abcdefghij");
}

TEST_F(TcpStreamTest, ReportsALossThatWasAcknowledgedSoon) {
  handshake();
  send({.sequence = 104, .acknowledgment = 501, .payload = "def"});
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 107});
  EXPECT_EQ(a(), "");
  EXPECT_EQ(stream_.deadline(), kSecond + 4 * kMillisecond + TcpStream::kReorderWait);
  (void)stream_.on_time(stream_.deadline(), false, shared_, sink_);
  EXPECT_EQ(a(), "[3]def");
}

TEST_F(TcpStreamTest, WaitsLongerForARetransmission) {
  handshake();
  send({.sequence = 104, .acknowledgment = 501, .payload = "def"});
  (void)stream_.on_time(now_ + 5 * kSecond, false, shared_, sink_);
  EXPECT_EQ(a(), "");
  (void)stream_.on_time(now_ + TcpStream::kHoleWait, false, shared_, sink_);
  EXPECT_EQ(a(), "[3]def");
}

TEST_F(TcpStreamTest, GivesUpAHoleWhenTooMuchWaitsBehindIt) {
  handshake();
  const std::string block(60000, 'x');
  for (std::uint32_t i = 0; i < 30; ++i) {
    send({.sequence = 201 + i * 60000, .acknowledgment = 501, .payload = block});
  }
  EXPECT_EQ(a().substr(0, 6), "[100]x");
  EXPECT_LE(pool_.waiting_bytes(), TcpStream::kMaxQueuedBytes + block.size());
}

TEST_F(TcpStreamTest, HoldsAnAnswerUntilItsQuestionIsThere) {
  handshake();
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 104, .payload = "answer"});
  EXPECT_EQ(b(), "");
  send({.sequence = 101, .acknowledgment = 501, .payload = "ask"});
  EXPECT_EQ(sink_.order, "ab");
  EXPECT_EQ(b(), "answer");
}

TEST_F(TcpStreamTest, ReportsTheQuestionAsAGapWhenItNeverComes) {
  handshake();
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 104, .payload = "answer"});
  (void)stream_.on_time(now_ + TcpStream::kReorderWait, false, shared_, sink_);
  EXPECT_EQ(a(), "[3]");
  EXPECT_EQ(b(), "answer");
}

TEST_F(TcpStreamTest, EndsWhenBothSidesHave) {
  handshake();
  EXPECT_EQ(send({.sequence = 101, .acknowledgment = 501, .payload = "x", .fin = true}),
            TcpStream::Verdict::kOk);
  EXPECT_EQ(send({.from = Side::kB, .sequence = 501, .acknowledgment = 103, .payload = "late"}),
            TcpStream::Verdict::kOk);
  EXPECT_EQ(send({.from = Side::kB, .sequence = 505, .acknowledgment = 103, .fin = true}),
            TcpStream::Verdict::kFinished);
  EXPECT_EQ(a(), "x|");
  EXPECT_EQ(b(), "late|");
}

TEST_F(TcpStreamTest, DeliversAFinOnlyBehindAllData) {
  handshake();
  send({.sequence = 104, .acknowledgment = 501, .fin = true});
  EXPECT_EQ(a(), "");
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc"});
  EXPECT_EQ(a(), "abc|");
}

TEST_F(TcpStreamTest, TellsAResetFromANonsenseOne) {
  handshake();
  EXPECT_EQ(send({.sequence = 0x70000000, .rst = true}), TcpStream::Verdict::kOk);
  EXPECT_EQ(send({.sequence = 101, .rst = true}), TcpStream::Verdict::kReset);
  EXPECT_EQ(totals_.resets.get(), 1u);
}

TEST_F(TcpStreamTest, TellsANewConnectionOfTheSameEnds) {
  handshake();
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc"});
  EXPECT_EQ(send({.sequence = 100, .ack = false, .syn = true}), TcpStream::Verdict::kOk);
  EXPECT_EQ(send({.sequence = 9000, .ack = false, .syn = true}), TcpStream::Verdict::kReplaced);
}

TEST_F(TcpStreamTest, TellsANewConnectionWhoseSynWasNotSeen) {
  handshake();
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc"});
  TcpStream::Verdict verdict = TcpStream::Verdict::kOk;
  for (std::uint32_t i = 0; i < 5 && verdict == TcpStream::Verdict::kOk; ++i) {
    verdict = send({.sequence = 0x40000000 + i, .acknowledgment = 7, .payload = "x"});
  }
  EXPECT_EQ(verdict, TcpStream::Verdict::kReplaced);
}

TEST_F(TcpStreamTest, JoinsInTheMiddle) {
  send({.sequence = 7000, .acknowledgment = 9000, .payload = "ask"});
  send({.from = Side::kB, .sequence = 9000, .acknowledgment = 7003, .payload = "answer"});
  EXPECT_EQ(a(), "ask");
  EXPECT_EQ(b(), "answer");
  EXPECT_FALSE(stream_.started());
}

TEST_F(TcpStreamTest, SeesThatTheFirstAnswerIsMissingWhenJoinedInTheMiddle) {
  send({.sequence = 7000, .acknowledgment = 9000, .payload = "one"});
  send({.sequence = 7003, .acknowledgment = 9006, .payload = "two"});
  send({.from = Side::kB, .sequence = 9006, .acknowledgment = 7006, .payload = "answer"});
  (void)stream_.on_time(now_ + TcpStream::kReorderWait, false, shared_, sink_);
  EXPECT_EQ(b(), "[6]answer");
}

TEST_F(TcpStreamTest, TakesTheSynAckThatTheClientAcknowledges) {
  send({.sequence = 100, .ack = false, .syn = true});
  send({.from = Side::kB, .sequence = 800, .acknowledgment = 101, .syn = true});
  send({.from = Side::kB, .sequence = 500, .acknowledgment = 101, .syn = true});
  send({.sequence = 101, .acknowledgment = 501});
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 101, .payload = "hello"});
  EXPECT_EQ(b(), "hello");
}

TEST_F(TcpStreamTest, SaysHowMuchOfASegmentWasCutOff) {
  handshake();
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc", .cut = 7});
  EXPECT_EQ(a(), "abc<7>");
  EXPECT_TRUE(sink_.last.cut);
  send({.sequence = 111, .acknowledgment = 501, .payload = "d"});
  EXPECT_EQ(a(), "abc<7>d");
}

TEST_F(TcpStreamTest, KeepsNoBytesThatNobodyWants) {
  handshake();
  sink_.skip = 6;
  send({.sequence = 104, .acknowledgment = 501, .payload = "def"});
  EXPECT_EQ(pool_.waiting_bytes(), 3u);
  send({.sequence = 101, .acknowledgment = 501, .payload = "abc"});
  EXPECT_EQ(a(), "abc<3>");
  EXPECT_FALSE(sink_.last.cut);
}

TEST_F(TcpStreamTest, CountsAZeroWindowAndDuplicateAcknowledgments) {
  handshake();
  send({.from = Side::kB, .sequence = 504, .acknowledgment = 101, .payload = "xyz"});
  for (int i = 0; i < 3; ++i) send({.sequence = 101, .acknowledgment = 501});
  send({.sequence = 101, .acknowledgment = 501, .window = 0});
  send({.sequence = 101, .acknowledgment = 501, .window = 0});
  EXPECT_EQ(totals_.duplicate_acks.get(), 4u);
  EXPECT_EQ(totals_.zero_windows.get(), 1u);
}

TEST_F(TcpStreamTest, SurvivesAcknowledgmentsThatMakeNoSense) {
  handshake();
  // Each side acknowledges what the other never sent.
  send({.sequence = 101, .acknowledgment = 600, .payload = "abc"});
  send({.from = Side::kB, .sequence = 501, .acknowledgment = 200, .payload = "def"});
  (void)stream_.on_time(now_ + kSecond, true, shared_, sink_);
  EXPECT_FALSE(stream_.waiting());
  EXPECT_NE(a().find("abc"), std::string::npos);
  EXPECT_NE(b().find("def"), std::string::npos);
}

}  // namespace
}  // namespace weir
