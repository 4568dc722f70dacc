#include "packet/pcapng.h"

#include <algorithm>
#include <limits>

namespace weir {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kOldPacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint32_t kMinBlockBytes = 12;
constexpr std::uint32_t kMinSectionBytes = 28;
constexpr std::size_t kMaxInterfaces = 65536;  // of all sections
constexpr std::size_t kMaxNameBytes = 256;
// Room for options beside the largest packet.
constexpr std::uint32_t kMaxBlockBytes = kMaxRecordBytes + 65536;

constexpr std::uint16_t kOptionEnd = 0;
constexpr std::uint16_t kOptionName = 2;
constexpr std::uint16_t kOptionResolution = 9;
constexpr std::uint16_t kOptionOffset = 14;

using Wide = __int128;

std::uint64_t power_of_ten(unsigned exponent) {
  std::uint64_t value = 1;
  while (exponent-- > 0) value *= 10;
  return value;
}

bool is_wanted(std::uint32_t type) {
  return type == kEnhancedPacket || type == kSimplePacket || type == kOldPacket ||
         type == kInterfaceDescription;
}

}  // namespace

Nanos pcapng_time(std::uint64_t ticks, std::uint8_t resolution, std::int64_t offset_seconds) {
  const unsigned exponent = resolution & 0x7f;
  Wide nanos = 0;
  if ((resolution & 0x80) != 0) {
    if (exponent < 94) nanos = (Wide{ticks} * kSecond) >> exponent;  // 2^64 * 10^9 < 2^94
  } else if (exponent <= 9) {
    nanos = Wide{ticks} * power_of_ten(9 - exponent);
  } else if (exponent <= 28) {
    nanos = ticks / power_of_ten(exponent - 9);
  }
  nanos += Wide{offset_seconds} * kSecond;
  return static_cast<Nanos>(std::clamp<Wide>(nanos, std::numeric_limits<Nanos>::min(),
                                             std::numeric_limits<Nanos>::max()));
}

bool Pcapng::recognises(Bytes head) {
  return head.size() >= kMagicBytes && load_be32(head.data()) == kSectionHeader;
}

ReadResult Pcapng::next(ByteSource& source, Frame& frame, std::string& problem) noexcept {
  for (;;) {
    Block block;
    const ReadResult result = next_block(source, block, problem);
    if (result != ReadResult::kFrame) return result;
    if (block.type != kInterfaceDescription) {
      return read_packet(block, frame, problem) ? ReadResult::kFrame : ReadResult::kError;
    }
    if (!add_interface(block, problem)) return ReadResult::kError;
  }
}

ReadResult Pcapng::next_block(ByteSource& source, Block& block, std::string& problem) {
  for (;;) {
    block.offset = source.offset();
    const Bytes head = source.peek(8);
    if (head.empty()) return ReadResult::kEnd;
    if (head.size() < 8) {
      problem = cut_off("pcapng block", block.offset, kMinBlockBytes, head.size());
      return ReadResult::kError;
    }
    block.type = order_.u32(head.data());
    if (block.type == kSectionHeader || !in_section_) {  // reads the same in both byte orders
      if (!begin_section(source, problem)) return ReadResult::kError;
      continue;
    }
    const std::uint32_t size = order_.u32(head.data() + 4);
    if (size < kMinBlockBytes || size % 4 != 0 ||
        (is_wanted(block.type) && size > kMaxBlockBytes)) {
      problem = damage("pcapng block claims an impossible length", block.offset);
      return ReadResult::kError;
    }
    if (!is_wanted(block.type)) {
      if (!step_over(source, size, problem)) return ReadResult::kError;
      continue;
    }
    const Bytes whole = source.peek(size);
    if (whole.size() < size) {
      problem = cut_off("pcapng block", block.offset, size, whole.size());
      return ReadResult::kError;
    }
    if (order_.u32(whole.data() + size - 4) != size) {
      problem = damage("pcapng block begins and ends with different lengths", block.offset);
      return ReadResult::kError;
    }
    source.consume(size);
    block.body = whole.subspan(8, size - kMinBlockBytes);
    return ReadResult::kFrame;
  }
}

bool Pcapng::begin_section(ByteSource& source, std::string& problem) {
  const std::uint64_t offset = source.offset();
  const Bytes head = source.peek(kMinSectionBytes);
  if (head.size() < kMinSectionBytes) {
    problem = cut_off("pcapng section header", offset, kMinSectionBytes, head.size());
    return false;
  }
  order_.swapped = ByteOrder{}.u32(head.data() + 8) != kByteOrderMagic;
  const std::uint32_t size = order_.u32(head.data() + 4);
  if (order_.u32(head.data() + 8) != kByteOrderMagic || size < kMinSectionBytes || size % 4 != 0) {
    problem = damage("pcapng section header is damaged", offset);
    return false;
  }
  if (const auto major = order_.u16(head.data() + 12); major != 1) {
    problem = "pcapng version " + std::to_string(major) + " is not supported (only version 1 is)";
    return false;
  }
  interfaces_.clear();
  alike_.clear();
  in_section_ = true;
  return step_over(source, size, problem);
}

bool Pcapng::step_over(ByteSource& source, std::uint32_t size, std::string& problem) {
  const std::uint64_t offset = source.offset();
  if (source.skip(size - 4)) {
    const Bytes trailer = source.peek(4);
    if (trailer.size() == 4) {
      if (order_.u32(trailer.data()) != size) {
        problem = damage("pcapng block begins and ends with different lengths", offset);
        return false;
      }
      source.consume(4);
      return true;
    }
  }
  problem = cut_off("pcapng block", offset, size, source.offset() - offset + source.peek(4).size());
  return false;
}

bool Pcapng::add_interface(const Block& block, std::string& problem) {
  if (block.body.size() < 8) {
    problem = damage("pcapng interface description is too short", block.offset);
    return false;
  }
  Interface interface;
  interface.link_type = order_.u16(block.body.data());
  interface.snap_length = order_.u32(block.body.data() + 4);
  std::string name;
  read_options(block.body.subspan(8), interface, name);
  const Kind kind{std::move(name), interface.link_type};
  const auto next_id = static_cast<std::uint32_t>(ids_.size());
  interface.id = ids_.emplace(std::pair{kind, alike_[kind]++}, next_id).first->second;
  if (ids_.size() > kMaxInterfaces || interfaces_.size() == kMaxInterfaces) {
    problem = damage("pcapng file declares more than 65536 interfaces", block.offset);
    return false;
  }
  interfaces_.push_back(interface);
  return true;
}

void Pcapng::read_options(Bytes options, Interface& interface, std::string& name) const {
  while (options.size() >= 4) {
    const std::uint16_t code = order_.u16(options.data());
    const std::size_t length = order_.u16(options.data() + 2);
    if (code == kOptionEnd || length > options.size() - 4) return;
    const Bytes value = options.subspan(4, length);
    if (code == kOptionName) {
      name = as_text(value.first(std::min(length, kMaxNameBytes)));
    } else if (code == kOptionResolution && length >= 1) {
      interface.resolution = value[0];
    } else if (code == kOptionOffset && length >= 8) {
      interface.offset_seconds = static_cast<std::int64_t>(order_.u64(value.data()));
    }
    options = options.subspan(4 + std::min(options.size() - 4, (length + 3) / 4 * 4));
  }
}

bool Pcapng::read_packet(const Block& block, Frame& frame, std::string& problem) {
  const std::uint8_t* p = block.body.data();
  const bool simple = block.type == kSimplePacket;
  const std::size_t header = simple ? 4 : 20;
  if (block.body.size() < header) {
    problem = damage("pcapng packet block is too short", block.offset);
    return false;
  }
  std::uint32_t number = 0;
  if (!simple) number = block.type == kOldPacket ? order_.u16(p) : order_.u32(p);
  if (number >= interfaces_.size()) {
    problem = damage("pcapng packet of an interface that was not declared", block.offset);
    return false;
  }
  const Interface& interface = interfaces_[number];
  const std::uint32_t wire = order_.u32(p + header - 4);
  std::size_t captured = block.body.size() - header;
  if (!simple) {
    const std::size_t claimed = order_.u32(p + 12);
    if (claimed > std::min<std::size_t>(captured, kMaxRecordBytes)) {
      problem = damage("pcapng packet is longer than its block", block.offset);
      return false;
    }
    captured = claimed;
    const std::uint64_t ticks = (std::uint64_t{order_.u32(p + 4)} << 32) | order_.u32(p + 8);
    last_time_ = pcapng_time(ticks, interface.resolution, interface.offset_seconds);
  } else {  // the block is padded, and only the snap length says by how much it was cut
    captured = std::min<std::size_t>(captured, wire);
    if (interface.snap_length != 0)
      captured = std::min<std::size_t>(captured, interface.snap_length);
  }
  frame.time = last_time_;
  frame.interface_id = interface.id;
  frame.wire_bytes = std::max(wire, static_cast<std::uint32_t>(captured));
  frame.link_type = interface.link_type;
  frame.ether_type = 0;
  frame.data = block.body.subspan(header, captured);
  return true;
}

}  // namespace weir
