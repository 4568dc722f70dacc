// The messages of Prometheus remote write 1.0 by their public field numbers
// (https://prometheus.io/docs/specs/prw/remote_write_spec/).
#pragma once

#include <cstdint>
#include <protozero/types.hpp>

namespace weir::remote_write {

enum class WriteRequest : protozero::pbf_tag_type { kTimeseries = 1 };          // repeated
enum class TimeSeries : protozero::pbf_tag_type { kLabels = 1, kSamples = 2 };  // both repeated
enum class Label : protozero::pbf_tag_type { kName = 1, kValue = 2 };           // strings
enum class Sample : protozero::pbf_tag_type { kValue = 1, kTimestamp = 2 };     // double, int64 ms

// The value that ends a series: a NaN of these bits.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002;

}  // namespace weir::remote_write
