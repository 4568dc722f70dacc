#include "packet/capture_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <thread>

#include "base/fd.h"
#include "capture_builder.h"
#include "says.h"

namespace weir {
namespace {

using namespace build;

// Puts another file in place of standard input, for a test's lifetime.
class StandardInput {
 public:
  explicit StandardInput(int fd) : saved_(::dup(STDIN_FILENO)) { ::dup2(fd, STDIN_FILENO); }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;
  ~StandardInput() { ::dup2(saved_.get(), STDIN_FILENO); }

 private:
  Fd saved_;
};

// Through a pipe, a few bytes at a time.
Reading read_piped(const Wire& bytes, std::size_t step) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const Fd out(ends[0]);
  std::thread writer([&bytes, step, in = Fd(ends[1])] {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      const auto size = std::min(step, bytes.size() - at);
      if (::write(in.get(), bytes.data() + at, size) != static_cast<ssize_t>(size)) return;
    }
  });
  Reading reading;
  {
    const StandardInput replaced(out.get());
    reading = read_path("-");
  }
  writer.join();
  return reading;
}

Wire three_records() {
  FileBytes file = pcap();
  record(file, 1'700'000'000, 5, Wire(60, 'a'));
  record(file, 1'700'000'001, 6, Wire(1500, 'b'), 9000);
  record(file, 1'700'000'002, 7, Wire(3, 'c'));
  return file.bytes();
}

TEST(CaptureFileTest, ReadsAllFourKindsOfPcap) {
  for (const bool big : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      FileBytes file = pcap({.big_endian = big, .nanoseconds = nanoseconds, .link_type = 113});
      record(file, 1'700'000'000, 123'456, Wire(60, 'a'), 1000);
      const Reading got = read_bytes(file.bytes());
      ASSERT_EQ(got.frames.size(), 1U);
      EXPECT_EQ(got.end, ReadResult::kEnd);
      EXPECT_EQ(got.frames[0].time,
                1'700'000'000 * kSecond + 123'456 * (nanoseconds ? 1 : kMicrosecond));
      EXPECT_EQ(got.frames[0].wire_bytes, 1000U);
      EXPECT_EQ(got.frames[0].link_type, 113);
      EXPECT_EQ(got.frames[0].data, Wire(60, 'a'));
    }
  }
}

TEST(CaptureFileTest, LinkTypeIsFreeOfItsFlags) {
  FileBytes file = pcap({.link_type = 0x54000001});
  record(file, 1, 0, Wire(60, 'a'));
  EXPECT_EQ(read_bytes(file.bytes()).frames.at(0).link_type, 1);
}

TEST(CaptureFileTest, TimesGoBeyond2038AndTolerateOddFractions) {
  FileBytes file = pcap();
  record(file, 0xffffffff, 1'500'000, Wire(60, 'a'));
  EXPECT_EQ(read_bytes(file.bytes()).frames.at(0).time,
            Nanos{0xffffffff} * kSecond + 1500 * kMillisecond);
}

TEST(CaptureFileTest, TheWayItComesMakesNoDifference) {
  const Wire whole = three_records();
  for (const std::size_t size : {whole.size(), whole.size() - 1, whole.size() - 10, std::size_t{40},
                                 std::size_t{24}, std::size_t{20}, std::size_t{3}}) {
    const Wire bytes = cut(whole, size);
    const Reading mapped = read_bytes(bytes);
    const Reading zipped = read_bytes(gzip(bytes));
    EXPECT_EQ(zipped.frames, mapped.frames);
    EXPECT_EQ(zipped.end, mapped.end);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
      const Reading piped = read_piped(bytes, step);
      EXPECT_EQ(piped.frames, mapped.frames);
      EXPECT_EQ(piped.end, mapped.end);
    }
    EXPECT_EQ(read_piped(gzip(bytes), 5).frames, mapped.frames);
  }
}

TEST(CaptureFileTest, CutRecordComesAfterAllBeforeIt) {
  const Wire whole = three_records();
  const Reading got = read_bytes(cut(whole, whole.size() - 1));
  EXPECT_EQ(got.frames.size(), 2U);
  EXPECT_EQ(got.end, ReadResult::kError);
  EXPECT_TRUE(says(got.error, "capture"));  // the file's name
  EXPECT_TRUE(says(got.error, "at byte 1616 is cut off: 18 of 19 bytes are there"));
}

TEST(CaptureFileTest, AbsurdLengthIsDamageNotMemory) {
  FileBytes file = pcap();
  record(file, 1, 0, Wire(60, 'a'));
  file.u32(1).u32(0).u32(0xfffffff0).u32(0xfffffff0).raw(Wire(100, 'x'));
  const Reading got = read_bytes(file.bytes());
  EXPECT_EQ(got.frames.size(), 1U);
  EXPECT_EQ(got.end, ReadResult::kError);
  EXPECT_TRUE(says(got.error, "impossible length at byte 100"));
}

TEST(CaptureFileTest, LargeRecordsAndManyOfThem) {
  FileBytes file = pcap();
  for (std::uint32_t i = 0; i < 20; ++i) {
    record(file, i, 0, Wire(524'288, static_cast<std::uint8_t>(i)));
  }
  const Reading mapped = read_bytes(file.bytes());
  ASSERT_EQ(mapped.frames.size(), 20U);
  EXPECT_EQ(mapped.frames[19].data, Wire(524'288, 19));
  EXPECT_EQ(read_bytes(gzip(file.bytes())).frames, mapped.frames);
}

TEST(CaptureFileTest, GzipMembersFollowEachOther) {
  const Wire whole = three_records();
  const Wire parts = gzip(cut(whole, 100)) + gzip({whole.begin() + 100, whole.end()});
  EXPECT_EQ(read_bytes(parts).frames, read_bytes(whole).frames);
  const Reading padded = read_bytes(parts + Wire(512, 0));
  EXPECT_EQ(padded.frames.size(), 3U);
  EXPECT_EQ(padded.end, ReadResult::kEnd);
}

TEST(CaptureFileTest, DamagedGzipIsSaid) {
  const Wire zipped = gzip(three_records());
  const Reading cut_off = read_bytes(cut(zipped, zipped.size() - 4));
  EXPECT_EQ(cut_off.frames.size(), 3U);
  EXPECT_EQ(cut_off.end, ReadResult::kError);
  EXPECT_TRUE(says(cut_off.error, "compressed data is cut off"));
  Wire flipped = zipped;
  flipped[zipped.size() - 6] ^= 0xff;  // the checksum
  EXPECT_TRUE(says(read_bytes(flipped).error, "damaged"));
}

TEST(CaptureFileTest, WhatIsNoCaptureIsNamed) {
  EXPECT_TRUE(says(read_bytes(text("\x7f"
                                   "ELF and more"))
                       .error,
                   "neither pcap nor pcapng: it begins with 7f 45 4c 46"));
  EXPECT_TRUE(says(read_bytes({}).error, "it is empty"));
  EXPECT_TRUE(says(read_bytes(gzip({})).error, "it is empty"));
  EXPECT_TRUE(says(read_path("/nonexistent/x.pcap").error, "/nonexistent/x.pcap: No such file"));
  EXPECT_TRUE(says(read_path(testing::TempDir()).error, "Is a directory"));
  EXPECT_TRUE(says(read_bytes(pcap({.version = 3}).bytes()).error, "version 3"));
}

TEST(CaptureFileTest, HeaderAloneIsAnEmptyCapture) {
  const Reading got = read_bytes(pcap().bytes());
  EXPECT_TRUE(got.frames.empty());
  EXPECT_EQ(got.end, ReadResult::kEnd);
}

TEST(CaptureFileTest, OnlyAMappedFileIsMapped) {
  const FileOnDisk plain(three_records());
  const FileOnDisk zipped(gzip(three_records()));
  EXPECT_EQ((*CaptureFile::open(plain.path()))->mapped_bytes(), three_records().size());
  EXPECT_EQ((*CaptureFile::open(zipped.path()))->mapped_bytes(), 0U);
}

TEST(CaptureFileTest, WaitingEndsWhenToldToStop) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const Fd out(ends[0]);
  const Fd in(ends[1]);
  const Fd stop(::eventfd(0, EFD_CLOEXEC));
  const Wire bytes = three_records();
  const auto part = bytes.size() - 10;
  ASSERT_EQ(::write(in.get(), bytes.data(), part), static_cast<ssize_t>(part));
  const StandardInput replaced(out.get());
  auto file = CaptureFile::open("-", stop.get());
  ASSERT_TRUE(file);
  Frame frame;
  EXPECT_EQ((*file)->next(frame), ReadResult::kFrame);
  EXPECT_EQ((*file)->next(frame), ReadResult::kFrame);
  ASSERT_EQ(::eventfd_write(stop.get(), 1), 0);
  EXPECT_EQ((*file)->next(frame), ReadResult::kEnd);
  EXPECT_EQ((*file)->error().context, "");
}

}  // namespace
}  // namespace weir
