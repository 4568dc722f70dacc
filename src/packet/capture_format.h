// What the two capture formats share: integers of either byte order, and the bound of a record.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "packet/byte_source.h"
#include "packet/packet.h"

namespace weir {

enum class ReadResult : std::uint8_t { kFrame, kEnd, kError };

// No captured frame is larger: Linux builds GSO packets of at most 512 KiB, and the largest snap
// length that tools ask for is 256 KiB. A larger claim is a damaged file, and is never allocated.
inline constexpr std::uint32_t kMaxRecordBytes = 1 << 20;

struct ByteOrder {
  bool swapped = false;  // against this machine

  std::uint16_t u16(const std::uint8_t* p) const {
    std::uint16_t v;
    std::memcpy(&v, p, sizeof v);
    return swapped ? __builtin_bswap16(v) : v;
  }
  std::uint32_t u32(const std::uint8_t* p) const {
    std::uint32_t v;
    std::memcpy(&v, p, sizeof v);
    return swapped ? __builtin_bswap32(v) : v;
  }
  std::uint64_t u64(const std::uint8_t* p) const {
    std::uint64_t v;
    std::memcpy(&v, p, sizeof v);
    return swapped ? __builtin_bswap64(v) : v;
  }
};

// Why a record cannot be read: what is wrong, where. Made once, when reading ends.
std::string damage(const char* what, std::uint64_t offset);
std::string cut_off(const char* what, std::uint64_t offset, std::uint64_t needed,
                    std::uint64_t present);

}  // namespace weir
