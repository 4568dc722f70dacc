// The bytes of a series that never change: its name and labels, as remote write and as the text
// format have them. Labels come in the order of their names, those without a value are left out
// (they mean the same), values become well-formed UTF-8 and are cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir {

// `name` is a valid label name and no other label of the series has it.
struct SeriesLabel {
  std::string_view name, value;
};

// Of a label's value, in UTF-8.
inline constexpr std::size_t kMaxLabelValueBytes = 1024;

// `name{a="b",c="d"} `, to be followed by a number.
void append_text_series(std::string& out, std::string_view name,
                        std::span<const SeriesLabel> labels);

// A whole TimeSeries of a WriteRequest with one sample, of which the last kSampleBytes are to be
// written by write_sample().
void append_remote_write_series(std::string& out, std::string_view name,
                                std::span<const SeriesLabel> labels);

inline constexpr std::size_t kSampleBytes = 15;

// `at`: the last kSampleBytes of a series. `milliseconds` since the epoch, from 0 to 2^42 (the year
// 2109).
void write_sample(char* at, double value, std::int64_t milliseconds);

}  // namespace weir
