#include "metrics/series_labels.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <protozero/pbf_builder.hpp>
#include <vector>

#include "metrics/label_values.h"
#include "metrics/remote_write_fields.h"
#include "record/utf8.h"

namespace weir {
namespace {

// A time stamp is always as many bytes, so that it can be written in its place.
constexpr std::size_t kTimestampBytes = 6;
constexpr std::int64_t kWidestTimestamp = std::int64_t{1} << 41;

std::vector<SeriesLabel> in_order(std::span<const SeriesLabel> labels) {
  std::vector<SeriesLabel> sorted;
  sorted.reserve(labels.size() + 1);
  for (const SeriesLabel& label : labels) {
    if (!label.value.empty()) sorted.push_back(label);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const SeriesLabel& a, const SeriesLabel& b) { return a.name < b.name; });
  return sorted;
}

std::string valid_value(std::string_view value) {
  std::string valid;
  append_utf8(valid, value.substr(0, kMaxLabelValueBytes));
  if (valid.size() <= kMaxLabelValueBytes) return valid;
  std::size_t end = kMaxLabelValueBytes;
  while (end > 0 && (static_cast<unsigned char>(valid[end]) & 0xc0U) == 0x80) --end;
  valid.resize(end);
  return valid;
}

}  // namespace

void append_text_series(std::string& out, std::string_view name,
                        std::span<const SeriesLabel> labels) {
  out += name;
  char before = '{';
  for (const SeriesLabel& label : in_order(labels)) {
    out += before;
    append_label(out, label.name, valid_value(label.value));
    before = ',';
  }
  if (before == ',') out += '}';
  out += ' ';
}

void append_remote_write_series(std::string& out, std::string_view name,
                                std::span<const SeriesLabel> labels) {
  std::vector<SeriesLabel> sorted = in_order(labels);
  const SeriesLabel own{"__name__", name};
  sorted.insert(std::lower_bound(sorted.begin(), sorted.end(), own,
                                 [](const auto& a, const auto& b) { return a.name < b.name; }),
                own);
  protozero::pbf_builder<remote_write::WriteRequest> request(out);
  protozero::pbf_builder<remote_write::TimeSeries> series(request,
                                                          remote_write::WriteRequest::kTimeseries);
  for (const SeriesLabel& label : sorted) {
    protozero::pbf_builder<remote_write::Label> message(series, remote_write::TimeSeries::kLabels);
    message.add_string(remote_write::Label::kName, label.name.data(), label.name.size());
    message.add_string(remote_write::Label::kValue, valid_value(label.value));
  }
  protozero::pbf_builder<remote_write::Sample> sample(series, remote_write::TimeSeries::kSamples);
  sample.add_double(remote_write::Sample::kValue, 0);
  sample.add_int64(remote_write::Sample::kTimestamp, kWidestTimestamp);
}

void write_sample(char* at, double value, std::int64_t milliseconds) {
  static_assert(std::endian::native == std::endian::little, "as a double stands in protobuf");
  std::memcpy(at, &value, sizeof value);
  char* byte = at + sizeof value + 1;  // behind the timestamp's tag
  auto rest = static_cast<std::uint64_t>(milliseconds);
  for (std::size_t i = 0; i + 1 < kTimestampBytes; ++i, rest >>= 7U) {
    *byte++ = static_cast<char>(rest | 0x80U);
  }
  *byte = static_cast<char>(rest & 0x7fU);
}

}  // namespace weir
