// Time in weir: nanoseconds since the Unix epoch (UTC) as the packet's or the kernel's clock gave
// them. A duration is the difference of two times of one clock.
#pragma once

#include <cstdint>
#include <string>

namespace weir {

using Nanos = std::int64_t;

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

// CLOCK_REALTIME now.
Nanos wall_clock_now();
// CLOCK_MONOTONIC now: for intervals of this process.
Nanos monotonic_now();

// Appends RFC 3339 in UTC with nanoseconds: 2025-07-06T12:36:51.498096950Z.
void append_rfc3339(std::string& out, Nanos time);

}  // namespace weir
