#include "packet/pcap.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr std::uint32_t kMicrosecondMagic = 0xa1b2c3d4;
constexpr std::uint32_t kNanosecondMagic = 0xa1b23c4d;
constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kRecordHeaderBytes = 16;

}  // namespace

bool Pcap::recognises(Bytes head) {
  if (head.size() < kMagicBytes) return false;
  const std::uint32_t magic = ByteOrder{}.u32(head.data());
  const std::uint32_t swapped = ByteOrder{true}.u32(head.data());
  return magic == kMicrosecondMagic || magic == kNanosecondMagic || swapped == kMicrosecondMagic ||
         swapped == kNanosecondMagic;
}

bool Pcap::begin(ByteSource& source, std::string& problem) {
  const Bytes header = source.peek(kFileHeaderBytes);
  if (header.size() < kFileHeaderBytes) {
    problem = cut_off("pcap file header", 0, kFileHeaderBytes, header.size());
    return false;
  }
  const std::uint32_t magic = ByteOrder{}.u32(header.data());
  order_.swapped = magic != kMicrosecondMagic && magic != kNanosecondMagic;
  nanoseconds_ = order_.u32(header.data()) == kNanosecondMagic;
  minor_version_ = order_.u16(header.data() + 6);
  if (const auto major = order_.u16(header.data() + 4); major != 2) {
    problem = "pcap version " + std::to_string(major) + " is not supported (only version 2 is)";
    return false;
  }
  // The upper half says whether frames end with a checksum, and nothing of their beginning.
  link_type_ = static_cast<std::uint16_t>(order_.u32(header.data() + 20) & 0xffff);
  source.consume(kFileHeaderBytes);
  return true;
}

ReadResult Pcap::next(ByteSource& source, Frame& frame, std::string& problem) noexcept {
  const Bytes header = source.peek(kRecordHeaderBytes);
  if (header.size() < kRecordHeaderBytes) [[unlikely]] {
    if (header.empty()) return ReadResult::kEnd;
    problem = cut_off("pcap record", source.offset(), kRecordHeaderBytes, header.size());
    return ReadResult::kError;
  }
  const std::uint32_t seconds = order_.u32(header.data());
  const std::uint32_t fraction = order_.u32(header.data() + 4);
  std::uint32_t captured = order_.u32(header.data() + 8);
  std::uint32_t wire = order_.u32(header.data() + 12);
  // Before version 2.3 the lengths stood the other way round; of 2.3 both kinds exist.
  if (minor_version_ < 3 || (minor_version_ == 3 && captured > wire)) std::swap(captured, wire);
  if (captured > kMaxRecordBytes) [[unlikely]] {
    problem = damage("pcap record claims an impossible length", source.offset());
    return ReadResult::kError;
  }
  const std::size_t size = kRecordHeaderBytes + captured;
  const Bytes record = source.peek(size);
  if (record.size() < size) [[unlikely]] {
    problem = cut_off("pcap record", source.offset(), size, record.size());
    return ReadResult::kError;
  }
  source.consume(size);
  // A fraction of a second or more is somebody's error, and is taken as it stands.
  frame.time = Nanos{seconds} * kSecond + Nanos{fraction} * (nanoseconds_ ? 1 : kMicrosecond);
  frame.interface_id = 0;
  frame.wire_bytes = std::max(wire, captured);
  frame.link_type = link_type_;
  frame.ether_type = 0;
  frame.data = record.subspan(kRecordHeaderBytes);
  return ReadResult::kFrame;
}

}  // namespace weir
