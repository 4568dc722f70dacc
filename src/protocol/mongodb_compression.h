// The beginning of a compressed MongoDB message, out of the beginning of its compressed bytes. What
// it becomes is bounded by the room, whatever the bytes claim.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace weir {

enum class MongoCompressor : std::uint8_t { kNone = 0, kSnappy = 1, kZlib = 2, kZstd = 3 };

// Empty where there is no such compressor.
std::string_view mongo_compressor_name(std::uint8_t compressor);

// Whether `compressed` may begin what becomes `size` bytes.
bool may_be_compressed(std::uint8_t compressor, Bytes compressed, std::uint32_t size);

// As much as there is and fits; empty where it makes no sense. `room` is written to.
Bytes uncompress_beginning(std::uint8_t compressor, Bytes compressed,
                           std::span<std::uint8_t> room) noexcept;

}  // namespace weir
