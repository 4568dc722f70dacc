#include "packet/pcapng.h"

#include <gtest/gtest.h>

#include <limits>

#include "capture_builder.h"
#include "says.h"

namespace weir {
namespace {

using namespace build;

TEST(PcapngTest, ReadsBothByteOrders) {
  for (const bool big : {false, true}) {
    FileBytes file(big);
    section(file);
    interface(file, {.link_type = 276, .name = "eth0", .resolution = std::uint8_t{9}});
    enhanced(file, {.ticks = 1'700'000'000'123'456'789, .wire_bytes = 99, .frame = Wire(61, 'a')});
    const Reading got = read_bytes(file.bytes());
    ASSERT_EQ(got.frames.size(), 1U) << got.error;
    EXPECT_EQ(got.end, ReadResult::kEnd);
    EXPECT_EQ(got.frames[0].time, 1'700'000'000'123'456'789);
    EXPECT_EQ(got.frames[0].wire_bytes, 99U);
    EXPECT_EQ(got.frames[0].link_type, 276);
    EXPECT_EQ(got.frames[0].data, Wire(61, 'a'));
  }
}

TEST(PcapngTest, ReadsSimpleAndOldPackets) {
  FileBytes file;
  section(file);
  interface(file, {.snap_length = 50});
  FileBytes old;
  old.u16(0).u16(3).u32(0).u32(5'000'000).u32(10).u32(20).raw(Wire(10, 'o'));
  block(file, 2, old.bytes());
  block(file, 3, FileBytes().u32(6).raw(Wire(6, 's')).bytes());
  block(file, 3, FileBytes().u32(70).raw(Wire(50, 'S')).bytes());
  const Reading got = read_bytes(file.bytes());
  ASSERT_EQ(got.frames.size(), 3U) << got.error;
  EXPECT_EQ(got.frames[0].time, 5 * kSecond);
  EXPECT_EQ(got.frames[0].data, Wire(10, 'o'));
  EXPECT_EQ(got.frames[0].wire_bytes, 20U);
  EXPECT_EQ(got.frames[1].data, Wire(6, 's'));
  EXPECT_EQ(got.frames[1].time, 5 * kSecond);  // the last time known
  EXPECT_EQ(got.frames[2].data, Wire(50, 'S'));
  EXPECT_EQ(got.frames[2].wire_bytes, 70U);
}

TEST(PcapngTest, StepsOverWhatCarriesNoPacket) {
  FileBytes file;
  section(file);
  block(file, 0x0bad, Wire(3'000'000, 1));  // more than would be buffered
  interface(file);
  block(file, 4, Wire(40, 2));
  block(file, 5, Wire(16, 3));
  enhanced(file, {.frame = Wire(60, 'a')});
  for (const Wire& bytes : {file.bytes(), gzip(file.bytes())}) {
    const Reading got = read_bytes(bytes);
    EXPECT_EQ(got.frames.size(), 1U);
    EXPECT_EQ(got.end, ReadResult::kEnd) << got.error;
  }
}

TEST(PcapngTest, SectionsHaveTheirOwnOrderAndInterfaces) {
  FileBytes little;
  section(little);
  interface(little, {.link_type = 1, .name = "eth0"});
  interface(little, {.link_type = 101, .name = "tun0"});
  enhanced(little, {.interface = 1, .frame = Wire(60, 'a')});
  FileBytes big(true);
  section(big);
  interface(big, {.link_type = 101, .name = "tun0"});
  interface(big, {.link_type = 113, .name = "any"});
  enhanced(big, {.interface = 0, .frame = Wire(60, 'b')});
  enhanced(big, {.interface = 1, .frame = Wire(60, 'c')});
  const Reading got = read_bytes(little.bytes() + big.bytes());
  ASSERT_EQ(got.frames.size(), 3U) << got.error;
  EXPECT_EQ(got.frames[0].link_type, 101);
  EXPECT_EQ(got.frames[1].link_type, 101);
  EXPECT_EQ(got.frames[2].link_type, 113);
  EXPECT_EQ(got.frames[0].interface_id, got.frames[1].interface_id);  // the same tun0
  EXPECT_NE(got.frames[2].interface_id, got.frames[1].interface_id);
}

TEST(PcapngTest, InterfacesOfOneSectionAreDistinct) {
  FileBytes file;
  section(file);
  interface(file, {.name = "eth0"});
  interface(file, {.name = "eth0"});  // of another host
  enhanced(file, {.interface = 0, .frame = Wire(60, 'a')});
  enhanced(file, {.interface = 1, .frame = Wire(60, 'b')});
  const Reading got = read_bytes(file.bytes());
  ASSERT_EQ(got.frames.size(), 2U);
  EXPECT_NE(got.frames[0].interface_id, got.frames[1].interface_id);
}

TEST(PcapngTest, TimesOfEveryResolution) {
  constexpr Nanos kMost = std::numeric_limits<Nanos>::max();
  EXPECT_EQ(pcapng_time(1'500'000, 6, 0), 1500 * kMillisecond);
  EXPECT_EQ(pcapng_time(15, 1, 0), 1500 * kMillisecond);
  EXPECT_EQ(pcapng_time(1500, 3, -1), 500 * kMillisecond);
  EXPECT_EQ(pcapng_time(3, 0, 0), 3 * kSecond);
  EXPECT_EQ(pcapng_time(1'234'567'890'123, 12, 0), 1'234'567'890);
  EXPECT_EQ(pcapng_time(~std::uint64_t{0}, 28, 0), 1);  // 10^-28 s
  EXPECT_EQ(pcapng_time(~std::uint64_t{0}, 127, 0), 0);
  EXPECT_EQ(pcapng_time(0x180, 0x80 | 8, 0), 1500 * kMillisecond);
  EXPECT_EQ(pcapng_time(std::uint64_t{3} << 31, 0x80 | 32, 7), 8500 * kMillisecond);
  EXPECT_EQ(pcapng_time(~std::uint64_t{0}, 0xff, 0), 0);
  EXPECT_EQ(pcapng_time(~std::uint64_t{0}, 0, 0), kMost);
  EXPECT_EQ(pcapng_time(1, 6, std::numeric_limits<std::int64_t>::max()), kMost);
  EXPECT_EQ(pcapng_time(1, 6, std::numeric_limits<std::int64_t>::min()),
            std::numeric_limits<Nanos>::min());
}

TEST(PcapngTest, InterfaceOptionsSetTheTime) {
  FileBytes file;
  section(file);
  interface(file, {.resolution = std::uint8_t{3}, .offset_seconds = 1'700'000'000});
  enhanced(file, {.ticks = 250, .frame = Wire(60, 'a')});
  EXPECT_EQ(read_bytes(file.bytes()).frames.at(0).time,
            1'700'000'000 * kSecond + 250 * kMillisecond);
}

TEST(PcapngTest, DamageEndsTheFileWithItsPlace) {
  const auto damaged = [](auto&& spoil) {
    FileBytes file;
    section(file);
    interface(file);
    enhanced(file, {.frame = Wire(60, 'a')});
    spoil(file);
    const Reading got = read_bytes(file.bytes());
    EXPECT_EQ(got.frames.size(), 1U);
    EXPECT_EQ(got.end, ReadResult::kError);
    return got.error;
  };
  EXPECT_TRUE(says(damaged([](FileBytes& f) { f.u32(6).u32(0xfffffffc).raw(Wire(50, 0)); }),
                   "impossible length at byte 144"));
  EXPECT_TRUE(says(damaged([](FileBytes& f) { f.u32(6).u32(8).u32(8); }), "impossible length"));
  EXPECT_TRUE(
      says(damaged([](FileBytes& f) { f.u32(6).u32(33).raw(Wire(29, 0)); }), "impossible length"));
  EXPECT_TRUE(
      says(damaged([](FileBytes& f) { f.u32(99).u32(64).raw(Wire(20, 0)); }), "cut off: 28 of 64"));
  EXPECT_TRUE(says(damaged([](FileBytes& f) { f.u32(6).u32(32).raw(Wire(20, 0)).u32(36); }),
                   "different lengths"));
  EXPECT_TRUE(
      says(damaged([](FileBytes& f) { enhanced(f, {.interface = 1, .frame = Wire(60, 0)}); }),
           "not declared"));
  EXPECT_TRUE(
      says(damaged([](FileBytes& f) {
             block(f, 6, FileBytes().u32(0).u32(0).u32(0).u32(61).u32(61).raw(Wire(60, 0)).bytes());
           }),
           "longer than its block"));
  EXPECT_TRUE(says(damaged([](FileBytes& f) { f.raw({1, 2, 3}); }), "cut off: 3 of 12"));
}

}  // namespace
}  // namespace weir
