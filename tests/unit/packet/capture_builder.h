// Capture files built from their bytes, and put on disk for a test's lifetime.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "packet/capture_file.h"
#include "packet_builder.h"

namespace weir::build {

// Integers in the byte order of the file that is being built.
class FileBytes {
 public:
  explicit FileBytes(bool big_endian = false) : big_(big_endian) {}

  FileBytes& u16(std::uint32_t value) { return integer(value, 2); }
  FileBytes& u32(std::uint32_t value) { return integer(value, 4); }
  FileBytes& u64(std::uint64_t value) { return integer(value, 8); }
  FileBytes& raw(const Wire& bytes) {
    bytes_ = std::move(bytes_) + bytes;
    return *this;
  }
  FileBytes& pad() {
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
    return *this;
  }
  const Wire& bytes() const { return bytes_; }
  bool big() const { return big_; }

 private:
  FileBytes& integer(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      const int shift = 8 * (big_ ? size - 1 - i : i);
      bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
    return *this;
  }

  bool big_;
  Wire bytes_;
};

struct PcapHeader {
  bool big_endian = false, nanoseconds = false;
  std::uint32_t link_type = 1;
  std::uint32_t version = 2;
};
inline FileBytes pcap(const PcapHeader& h = {}) {
  FileBytes out(h.big_endian);
  out.u32(h.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4).u16(h.version).u16(4).u32(0).u32(0).u32(262144);
  out.u32(h.link_type);
  return out;
}
inline void record(FileBytes& out, std::uint32_t seconds, std::uint32_t fraction, const Wire& frame,
                   std::uint32_t wire_bytes = 0) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  out.u32(seconds).u32(fraction).u32(size).u32(wire_bytes != 0 ? wire_bytes : size).raw(frame);
}

// Blocks of a pcapng file.
inline void block(FileBytes& out, std::uint32_t type, const Wire& body) {
  const auto size = static_cast<std::uint32_t>(12 + (body.size() + 3) / 4 * 4);
  out.u32(type).u32(size).raw(body).pad().u32(size);
}
inline void section(FileBytes& out) {
  FileBytes body(out.big());
  body.u32(0x1a2b3c4d).u16(1).u16(0).u64(~std::uint64_t{0});
  block(out, 0x0a0d0d0a, body.bytes());
}
struct Interface {
  std::uint32_t link_type = 1;
  std::uint32_t snap_length = 0;
  std::string name = {};
  std::optional<std::uint8_t> resolution = {};
  std::optional<std::uint64_t> offset_seconds = {};
};
inline void interface(FileBytes& out, const Interface& i = {}) {
  FileBytes body(out.big());
  body.u16(i.link_type).u16(0).u32(i.snap_length);
  if (!i.name.empty()) {
    body.u16(2).u16(static_cast<std::uint32_t>(i.name.size())).raw(text(i.name)).pad();
  }
  if (i.resolution) body.u16(9).u16(1).raw({*i.resolution}).pad();
  if (i.offset_seconds) body.u16(14).u16(8).u64(*i.offset_seconds);
  body.u16(0).u16(0);
  block(out, 1, body.bytes());
}
struct Enhanced {
  std::uint32_t interface = 0;
  std::uint64_t ticks = 0;
  std::uint32_t wire_bytes = 0;
  Wire frame = {};
};
inline void enhanced(FileBytes& out, const Enhanced& e) {
  FileBytes body(out.big());
  const auto size = static_cast<std::uint32_t>(e.frame.size());
  body.u32(e.interface).u32(static_cast<std::uint32_t>(e.ticks >> 32));
  body.u32(static_cast<std::uint32_t>(e.ticks)).u32(size);
  body.u32(e.wire_bytes != 0 ? e.wire_bytes : size).raw(e.frame);
  block(out, 6, body.bytes());
}

inline Wire gzip(const Wire& data) {
  z_stream zlib{};
  EXPECT_EQ(::deflateInit2(&zlib, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Wire out(data.size() + 1024);
  zlib.next_in = const_cast<Bytef*>(data.data());
  zlib.avail_in = static_cast<uInt>(data.size());
  zlib.next_out = out.data();
  zlib.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&zlib, Z_FINISH), Z_STREAM_END);
  const std::size_t size = zlib.total_out;
  ::deflateEnd(&zlib);
  return cut(out, size);
}

// A file that goes with its owner.
class FileOnDisk {
 public:
  explicit FileOnDisk(const Wire& bytes, const std::string& name = "capture") {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    static int count = 0;
    path_ = testing::TempDir() + "weir-" + std::to_string(::getpid()) + "-" + test->name() + "-" +
            std::to_string(count++) + "-" + name;
    std::ofstream out(path_, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  FileOnDisk(const FileOnDisk&) = delete;
  FileOnDisk& operator=(const FileOnDisk&) = delete;
  ~FileOnDisk() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Everything a file gave, copied.
struct Reading {
  struct Seen {
    Nanos time;
    std::uint32_t interface_id, wire_bytes;
    std::uint16_t link_type;
    Wire data;
    bool operator==(const Seen&) const = default;
  };
  std::vector<Seen> frames;
  ReadResult end = ReadResult::kFrame;
  std::string error;  // why it ended, or why it could not be opened
};
template <class File>
Reading read_all(File& file) {
  Reading out;
  Frame frame;
  while ((out.end = file.next(frame)) == ReadResult::kFrame) {
    out.frames.push_back({frame.time, frame.interface_id, frame.wire_bytes, frame.link_type,
                          Wire(frame.data.begin(), frame.data.end())});
  }
  out.error = file.error().text();
  EXPECT_EQ(file.next(frame), out.end);
  return out;
}
inline Reading read_path(const std::string& path) {
  auto file = CaptureFile::open(path);
  if (file) return read_all(**file);
  Reading out;
  out.end = ReadResult::kError;
  out.error = file.error().text();
  return out;
}
inline Reading read_bytes(const Wire& bytes) {
  const FileOnDisk file(bytes);
  return read_path(file.path());
}

}  // namespace weir::build
