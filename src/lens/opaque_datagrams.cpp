#include "lens/opaque_datagrams.h"

namespace weir {
namespace {

constexpr Nanos kLookInterval = kSecond;

}  // namespace

void OpaqueDatagrams::on_unknown(CopyVerdicts& verdicts, const Packet& packet) noexcept {
  const auto name = verdicts.name(packet.source, packet.destination, Transport::kUdp);
  Direction& direction = place_of(name);
  const bool stale = direction.until == 0 && packet.time - direction.since > kKeptBack;
  if (direction.name != name || stale) {
    release(verdicts, direction);
    direction.name = name;
    direction.since = packet.time;
  }
  if (direction.until != 0 || ++direction.unknown < kEnough) return;
  verdicts.tell(name, {.opaque = true});
  direction.until = packet.time + kKeptBack;
  ++kept_back_;
}

void OpaqueDatagrams::on_known(CopyVerdicts& verdicts, const Packet& packet) noexcept {
  const Endpoint ends[] = {packet.source, packet.destination};
  for (const int from : {0, 1}) {
    const auto name = verdicts.name(ends[from], ends[1 - from], Transport::kUdp);
    if (Direction& direction = place_of(name); direction.name == name) release(verdicts, direction);
  }
}

void OpaqueDatagrams::on_time(CopyVerdicts& verdicts, Nanos now) noexcept {
  if (kept_back_ == 0 || now < next_look_) return;
  next_look_ = now + kLookInterval;
  for (Direction& direction : directions_) {
    if (direction.until != 0 && now >= direction.until) release(verdicts, direction);
  }
}

void OpaqueDatagrams::release(CopyVerdicts& verdicts, Direction& direction) noexcept {
  if (direction.until != 0) {
    verdicts.forget(direction.name);
    --kept_back_;
  }
  direction = {};
}

}  // namespace weir
