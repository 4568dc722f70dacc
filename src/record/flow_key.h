// FlowKey: a connection's two ends in canonical order, so that both directions find one entry.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "record/address.h"

namespace weir {

// Which end of the key a packet comes from. Not a role: the client may be either.
enum class Side : std::uint8_t { kA, kB };

constexpr Side opposite(Side side) { return side == Side::kA ? Side::kB : Side::kA; }
constexpr std::size_t index(Side side) { return static_cast<std::size_t>(side); }

class FlowKey {
 public:
  // Fills `from` with the side that `source` is.
  FlowKey(const Endpoint& source, const Endpoint& destination, Transport transport, Side& from) {
    const bool swap = destination < source;
    from = swap ? Side::kB : Side::kA;
    pack(swap ? destination : source, swap ? source : destination, transport);
  }

  Endpoint end(Side side) const {
    Endpoint endpoint;
    std::memcpy(endpoint.address.bytes.data(), words_ + 2 * index(side), 16);
    endpoint.port = static_cast<std::uint16_t>(words_[4] >> (16 * index(side)));
    return endpoint;
  }

  friend bool operator==(const FlowKey& a, const FlowKey& b) {
    return ((a.words_[0] ^ b.words_[0]) | (a.words_[1] ^ b.words_[1]) |
            (a.words_[2] ^ b.words_[2]) | (a.words_[3] ^ b.words_[3]) |
            (a.words_[4] ^ b.words_[4])) == 0;
  }

  // Well mixed in all bits; not keyed: tables that use it bound their size.
  std::uint64_t hash() const {
    const std::uint64_t a = fold(words_[1] ^ 0x9e3779b97f4a7c15u, words_[3] ^ 0xd6e8feb86659fd93u);
    const std::uint64_t b = fold(words_[0] ^ 0xa0761d6478bd642fu, words_[2] ^ 0xe7037ed1a0b428dbu);
    return fold(a ^ b ^ words_[4], 0x8ebc6af09c88c6e3u);
  }

 private:
  static std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  void pack(const Endpoint& a, const Endpoint& b, Transport transport) {
    std::memcpy(words_, a.address.bytes.data(), 16);
    std::memcpy(words_ + 2, b.address.bytes.data(), 16);
    words_[4] = a.port | (std::uint64_t{b.port} << 16) |
                (std::uint64_t{static_cast<std::uint8_t>(transport)} << 32);
  }

  std::uint64_t words_[5];
};

}  // namespace weir
