// MysqlInflater: the payload of one packet of MySQL's compressed protocol, zlib or zstd, unpacked
// piece by piece. Each packet stands by itself; the memory is kept from one to the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/bytes.h"

namespace weir {

// length, sequence number, unpacked length (0: not packed)
inline constexpr std::size_t kMysqlCompressedHeader = 7;

class MysqlInflater {
 public:
  enum class Result : std::uint8_t { kOk, kEnd, kBroken };

  MysqlInflater();
  ~MysqlInflater();

  // Whether `payload`, two bytes at least, is packed in a way that can be read.
  static bool begins(Bytes payload);
  // Before a packet's first byte, which is `first`. False when the way is not known.
  bool begin(std::uint8_t first);
  // Takes from the front of `in`, and puts `produced` bytes into `out`. kOk: call again, with more
  // input when there is none left and `out` was not filled.
  Result run(Bytes& in, std::span<std::uint8_t> out, std::size_t& produced);

 private:
  struct Zlib;
  struct Zstd;

  std::unique_ptr<Zlib> zlib_;
  std::unique_ptr<Zstd> zstd_;
  bool is_zstd_ = false;
};

}  // namespace weir
