#include "packet/copy_verdicts.h"

#include <arpa/inet.h>

#include <cassert>
#include <cstring>

#include "abi/flow_hash.h"

namespace weir {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;

std::uint64_t end_hash(const Endpoint& end, std::uint64_t seed) {
  std::uint32_t words[4];
  std::memcpy(words, end.address.bytes.data(), sizeof words);
  return flow_hash_end(words, htons(end.port), seed);
}

// The kernel may look meanwhile.
void store(__u64& to, std::uint64_t value) { __atomic_store_n(&to, value, __ATOMIC_RELAXED); }

}  // namespace

CopyVerdicts::CopyVerdicts(std::span<copy_verdict> slots, std::uint64_t seed, bool tunnels)
    : slots_(slots), seed_(seed), tunnels_(tunnels) {
  assert(slots.size() == COPY_VERDICT_SLOTS);
}

CopyVerdicts::Name CopyVerdicts::name(const Endpoint& from, const Endpoint& to,
                                      Transport transport) const noexcept {
  return flow_hash_directional(end_hash(from, seed_), end_hash(to, seed_),
                               transport == Transport::kTcp ? kTcp : kUdp);
}

void CopyVerdicts::tell(Name name, const Verdict& verdict) noexcept {
  copy_verdict& slot = slots_[name % COPY_VERDICT_SLOTS];
  const std::uint64_t skip =
      verdict.skip_bytes == 0 ? 0 : std::uint64_t{verdict.skip_end} << 32 | verdict.skip_bytes;
  const std::uint64_t birth = verdict.birth & COPY_VERDICT_BIRTH_MASK;
  const std::uint64_t how = verdict.limit | (verdict.opaque ? COPY_VERDICT_OPAQUE : 0) |
                            birth << COPY_VERDICT_BIRTH_SHIFT;
  store(slot.skip, skip);
  store(slot.how, how);
  store(slot.key, name ^ skip ^ how);
}

void CopyVerdicts::forget(Name name) noexcept {
  copy_verdict& slot = slots_[name % COPY_VERDICT_SLOTS];
  if ((slot.key ^ slot.skip ^ slot.how) == name) store(slot.key, ~slot.key);
}

std::size_t CopyVerdicts::place_of(const Endpoint& server) const noexcept {
  return end_hash(server, seed_) % kServers;
}

void CopyVerdicts::spare(const Endpoint& server, Nanos now) noexcept {
  servers_[place_of(server)] = {server, now + kSpared};
  ++spared_count_;
}

bool CopyVerdicts::spared(const Endpoint& server, Nanos now) const noexcept {
  const Server& known = servers_[place_of(server)];
  return now < known.until && known.endpoint == server;
}

}  // namespace weir
