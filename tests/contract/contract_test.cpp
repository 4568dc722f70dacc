// The laws of the decoder contract, held against every registered protocol: over its golden
// conversations, and over what loss, damage and malice make of them.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <random>

#include "contract/drive.h"
#include "contract/golden.h"
#include "protocol/registry.h"

namespace {

// Live heap bytes of this thread while a decoder is being watched.
thread_local bool watching = false;
thread_local std::int64_t live_bytes = 0;

void* counted(void* block) {
  if (block == nullptr) std::abort();
  if (watching) live_bytes += static_cast<std::int64_t>(malloc_usable_size(block));
  return block;
}

void uncounted(void* block) {
  if (watching) live_bytes -= static_cast<std::int64_t>(malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void operator delete(void* block) noexcept { uncounted(block); }
void operator delete(void* block, std::size_t) noexcept { uncounted(block); }

namespace weir::test {
namespace {

using Violations = std::vector<std::string>;

constexpr Direction kBoth[] = {Direction::kToServer, Direction::kToClient};
constexpr std::int64_t kMaxDecoderBytes = 1 << 20;

std::vector<Conversation> golden() { return load_golden(GOLDEN_DIR); }

class Contract : public testing::TestWithParam<Conversation> {
 protected:
  const Conversation& talk() const { return GetParam(); }
  Drive fresh(Chunking chunking = whole()) const {
    return Drive(*talk().protocol, talk().transport, Limits{}, std::move(chunking));
  }
  Drive played(Chunking chunking = whole()) const {
    Drive drive = fresh(std::move(chunking));
    talk().feed(drive);
    drive.close_both();
    return drive;
  }
  Match match(const Protocol& protocol, std::string_view head, Direction direction) const {
    return protocol.match(as_bytes(head.substr(0, Protocol::kMatchBytes)), direction,
                          talk().transport);
  }
};

TEST_P(Contract, DecodesItsGoldenConversation) {
  const Drive drive = played();
  EXPECT_EQ(drive.violations(), Violations{});
  EXPECT_EQ(drive.invalid_count(), 0u);
  EXPECT_EQ(drive.messages().size(), talk().messages) << drive.dump();
  for (const OwnedMessage& message : drive.messages()) {
    EXPECT_NE(message.end, Message::kOpenEnd) << message.text();
    for (const auto& [name, value] : message.fields) {
      const auto& declared = talk().protocol->fields;
      EXPECT_TRUE(std::any_of(declared.begin(), declared.end(),
                              [&, &key = name](const Field* field) { return field->name == key; }))
          << name << " is not declared";
    }
  }
}

TEST_P(Contract, SameMessagesWhateverTheChunking) {
  const Drive reference = played();
  for (unsigned seed = 0; seed < 64; ++seed) {
    const Drive drive = played(seed == 0 ? one_byte() : random_chunks(seed, 1 + seed * 2));
    EXPECT_EQ(drive.dump(), reference.dump()) << "seed " << seed;
    EXPECT_EQ(drive.violations(), Violations{});
    EXPECT_EQ(drive.invalid_count(), 0u);
    for (Direction direction : kBoth) {
      EXPECT_EQ(drive.switched_at(direction), reference.switched_at(direction));
    }
  }
}

TEST_P(Contract, OnlyItsProtocolClaimsIt) {
  for (Direction direction : kBoth) {
    const std::string head = talk().head(direction);
    if (head.empty()) continue;
    const Match own = match(*talk().protocol, head, direction);
    EXPECT_TRUE(own == Match::kYes || own == Match::kMaybe);
    for (std::size_t size = 1; size <= head.size(); ++size) {
      const std::string_view part = std::string_view(head).substr(0, size);
      // A datagram is whole or it is not the protocol's.
      if (talk().transport == Transport::kTcp) {
        EXPECT_NE(match(*talk().protocol, part, direction), Match::kNo) << size;
      }
      for (const Protocol* other : protocols()) {
        if (other == talk().protocol) continue;
        const Match theirs = match(*other, part, direction);
        EXPECT_NE(theirs, Match::kYes) << other->name << " after " << size;
        if (size == head.size() && own == Match::kMaybe) {
          EXPECT_NE(theirs, Match::kMaybe) << other->name;
        }
      }
    }
  }
}

// Cut off anywhere, closed in any way.
TEST_P(Contract, TruncationEndsInAVerdict) {
  std::size_t total = 0;
  for (const Conversation::Line& line : talk().lines) total += line.bytes.size();
  const std::size_t stride = 1 + total / 512;
  for (std::size_t cut = 0; cut < total; cut += stride) {
    Drive drive = fresh(random_chunks(static_cast<unsigned>(cut), 50));
    std::size_t left = cut;
    for (const Conversation::Line& line : talk().lines) {
      const std::size_t size = std::min(left, line.bytes.size());
      if (size != 0) drive.feed(line.direction, line.bytes.substr(0, size));
      left -= size;
    }
    drive.close_both(static_cast<Close>(cut % 4));
    EXPECT_EQ(drive.violations(), Violations{}) << "after " << cut;
    EXPECT_LE(drive.messages().size(), talk().messages);
  }
}

TEST_P(Contract, DamageEndsInAVerdict) {
  std::minstd_rand random(1);
  for (int round = 0; round < 2000; ++round) {
    Conversation damaged = talk();
    for (int flips = 1 + round % 3; flips > 0; --flips) {
      std::string& bytes = damaged.lines[random() % damaged.lines.size()].bytes;
      if (bytes.empty()) continue;
      char& byte = bytes[random() % bytes.size()];
      byte = static_cast<char>(byte ^ (1 << random() % 8));
    }
    Drive drive = fresh(random_chunks(static_cast<unsigned>(round), 200));
    damaged.feed(drive);
    drive.close_both();
    ASSERT_EQ(drive.violations(), Violations{}) << "round " << round;
  }
}

// Bytes missing in a direction's first message: its last one is found all the same.
TEST_P(Contract, AfterAGapTheNextFrameIsFound) {
  if (talk().transport == Transport::kUdp) return;
  const Drive reference = played();
  for (Direction direction : kBoth) {
    std::vector<OwnedMessage> messages;
    for (const OwnedMessage& message : reference.messages()) {
      if (message.direction == direction) messages.push_back(message);
    }
    if (messages.size() < 3) continue;
    const OwnedMessage& first = messages.front();
    const OwnedMessage& last = messages.back();
    for (std::uint64_t begin = first.begin; begin < first.end; ++begin) {
      const std::uint64_t end = begin + 1 + (begin * 7) % (first.end - begin);
      Drive drive = fresh(random_chunks(static_cast<unsigned>(begin), 100));
      std::uint64_t offset = 0;
      for (const Conversation::Line& line : talk().lines) {
        if (line.direction != direction) {
          drive.feed(line.direction, line.bytes);
          continue;
        }
        const auto clip = [&](std::uint64_t at) {
          return static_cast<std::size_t>(
              std::clamp<std::uint64_t>(at, offset, offset + line.bytes.size()) - offset);
        };
        drive.feed(direction, line.bytes.substr(0, clip(begin)));
        if (clip(end) > clip(begin)) drive.lose(direction, clip(end) - clip(begin));
        drive.feed(direction, line.bytes.substr(clip(end)));
        offset += line.bytes.size();
      }
      drive.close_both();
      EXPECT_EQ(drive.violations(), Violations{});
      EXPECT_TRUE(std::any_of(drive.messages().begin(), drive.messages().end(),
                              [&](const OwnedMessage& message) {
                                return message.direction == direction &&
                                       message.begin == last.begin;
                              }))
          << "without [" << begin << ", " << end << "):\n"
          << drive.dump(direction);
    }
  }
}

// One side talks without end and is never answered; the decoder stays small.
TEST_P(Contract, MemoryIsBounded) {
  const bool udp = talk().transport == Transport::kUdp;
  for (Direction direction : kBoth) {
    std::string bytes = talk().head(direction);
    if (bytes.empty()) continue;
    while (!udp && bytes.size() < 16384) bytes += bytes;
    live_bytes = 0;
    watching = true;
    {
      Drive drive = fresh();
      for (int round = 0; round < (udp ? 20000 : 256); ++round) {
        drive.feed(direction, bytes);
        drive.forget_messages();
      }
      EXPECT_LT(live_bytes, kMaxDecoderBytes);
      EXPECT_EQ(drive.violations(), Violations{});
    }
    watching = false;
  }
}

// What is no protocol at all is not held for long, and every start that never ends is given up.
TEST_P(Contract, EndlessNonsenseIsNotHeld) {
  if (talk().transport == Transport::kUdp) return;
  std::minstd_rand random(7);
  std::string noise(1 << 20, 'a');
  for (char& c : noise) c = static_cast<char>(random() % 256);
  for (Direction direction : kBoth) {
    const std::string head = talk().head(direction);
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{5}, head.size() / 2}) {
      for (const std::string& rest : {noise, std::string(1 << 20, 'a'), std::string(1 << 20, '\n'),
                                      std::string(1 << 20, '\0'), std::string(1 << 20, '1')}) {
        Drive drive = fresh([](std::size_t left) { return std::min<std::size_t>(left, 1460); });
        drive.feed(direction, head.substr(0, size) + rest);
        EXPECT_EQ(drive.violations(), Violations{});
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, Contract, testing::ValuesIn(golden()),
                         [](const auto& test) { return test.param.name; });

TEST(ContractSuite, EveryProtocolHasAGoldenConversation) {
  const std::vector<Conversation> all = golden();
  for (const Protocol* protocol : protocols()) {
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const Conversation& conversation) {
      return conversation.protocol == protocol;
    })) << protocol->name;
  }
}

}  // namespace
}  // namespace weir::test
