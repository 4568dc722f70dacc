#include "packet/capture_files.h"

#include <gtest/gtest.h>

#include "capture_builder.h"
#include "says.h"

namespace weir {
namespace {

using namespace build;

// One record per time, its data the letter.
Wire at_seconds(std::initializer_list<std::uint32_t> seconds, char letter) {
  FileBytes file = pcap();
  for (const auto second : seconds)
    record(file, second, 0, Wire(20, static_cast<std::uint8_t>(letter)));
  return file.bytes();
}

std::string letters(const Reading& reading) {
  std::string out;
  for (const auto& frame : reading.frames) out += static_cast<char>(frame.data.at(0));
  return out;
}

Reading read_files(const std::vector<std::string>& paths) {
  auto files = CaptureFiles::open(paths);
  EXPECT_TRUE(files);
  return read_all(*files);
}

TEST(CaptureFilesTest, MergesByTimeTiesInOrder) {
  const FileOnDisk a(at_seconds({1, 4, 4, 9}, 'a'));
  const FileOnDisk b(at_seconds({2, 4, 8}, 'b'));
  const FileOnDisk c(at_seconds({1, 4, 10}, 'c'));
  EXPECT_EQ(letters(read_files({a.path(), b.path(), c.path()})), "acbaabcbac");
  EXPECT_EQ(letters(read_files({c.path(), b.path(), a.path()})), "cabcbaabac");
}

TEST(CaptureFilesTest, EachSightingHasItsOwnInterface) {
  const FileOnDisk a(at_seconds({1, 3}, 'a'));
  const FileOnDisk b(at_seconds({2, 4}, 'b'));
  const Reading got = read_files({a.path(), b.path()});
  ASSERT_EQ(letters(got), "abab");
  EXPECT_NE(got.frames[0].interface_id, got.frames[1].interface_id);
  EXPECT_EQ(got.frames[0].interface_id, got.frames[2].interface_id);
}

TEST(CaptureFilesTest, RotatedFilesContinueEachOther) {
  const FileOnDisk eth1(at_seconds({1, 3}, 'a'), "eth0.pcap");
  const FileOnDisk lan1(at_seconds({1, 3}, 'b'), "lan0.pcap");
  const FileOnDisk eth2(at_seconds({5, 7}, 'c'), "eth0.pcap2");
  const FileOnDisk lan2(at_seconds({4, 6}, 'd'), "lan0.pcap2");
  const auto rename = [](const FileOnDisk& file, const std::string& name) {
    const std::string to = testing::TempDir() + name;
    std::rename(file.path().c_str(), to.c_str());
    return to;
  };
  const std::string id = std::to_string(::getpid());
  const std::vector<std::string> paths = {
      rename(eth1, "eth0-" + id + ".pcap1"), rename(lan1, "lan0-" + id + ".pcap1"),
      rename(eth2, "eth0-" + id + ".pcap2"), rename(lan2, "lan0-" + id + ".pcap2")};
  const Reading got = read_files(paths);
  for (const auto& path : paths) std::remove(path.c_str());
  ASSERT_EQ(letters(got), "ababdcdc");
  EXPECT_EQ(got.frames[0].interface_id, got.frames[5].interface_id);
  EXPECT_EQ(got.frames[1].interface_id, got.frames[4].interface_id);
  EXPECT_NE(got.frames[0].interface_id, got.frames[1].interface_id);
}

TEST(CaptureFilesTest, InterfacesOfAFileStayApart) {
  FileBytes file;
  section(file);
  interface(file);
  interface(file);
  enhanced(file, {.interface = 1, .ticks = 1'000'000, .frame = Wire(20, 'x')});
  enhanced(file, {.interface = 0, .ticks = 3'000'000, .frame = Wire(20, 'y')});
  const FileOnDisk a(file.bytes());
  const FileOnDisk b(at_seconds({2, 4}, 'b'));
  const Reading got = read_files({a.path(), b.path()});
  ASSERT_EQ(letters(got), "xbyb");
  EXPECT_NE(got.frames[0].interface_id, got.frames[1].interface_id);
  EXPECT_NE(got.frames[0].interface_id, got.frames[2].interface_id);
  EXPECT_NE(got.frames[1].interface_id, got.frames[2].interface_id);
}

TEST(CaptureFilesTest, DamageInOneFileDoesNotHideTheOthers) {
  const Wire whole = at_seconds({1, 3}, 'a');
  const FileOnDisk a(cut(whole, whole.size() - 1), "first");
  const FileOnDisk b(at_seconds({2, 4}, 'b'), "second");
  const FileOnDisk c(cut(whole, whole.size() - 2), "third");
  const Reading got = read_files({a.path(), b.path(), c.path()});
  EXPECT_EQ(letters(got), "aabb");
  EXPECT_EQ(got.end, ReadResult::kError);
  EXPECT_TRUE(says(got.error, "first"));
  EXPECT_TRUE(says(got.error, "third"));
}

TEST(CaptureFilesTest, WhatCannotBeOpenedIsSaidAtOnce) {
  const FileOnDisk a(at_seconds({1}, 'a'));
  EXPECT_TRUE(says(CaptureFiles::open({a.path(), "/nonexistent"}).error().text(), "/nonexistent"));
  EXPECT_TRUE(says(CaptureFiles::open({"-", "-"}).error().text(), "standard input"));
}

}  // namespace
}  // namespace weir
