// Reads remote-write requests with protobuf's own classes, for tests.
#pragma once

#include <data/remote_write.pb.h>
#include <gtest/gtest.h>
#include <snappy.h>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// One sample, its series as `name{a="b",c="d"}`, in the order of the labels on the wire.
struct ReadSample {
  std::string series;
  double value;
  std::int64_t milliseconds;

  bool stale() const { return std::bit_cast<std::uint64_t>(value) == 0x7ff0000000000002; }
};

inline std::vector<ReadSample> read_remote_write(std::string_view body) {
  std::string raw;
  EXPECT_TRUE(snappy::Uncompress(body.data(), body.size(), &raw));
  remote_write_test::WriteRequest request;
  EXPECT_TRUE(request.ParseFromString(raw));
  std::vector<ReadSample> samples;
  for (const auto& series : request.timeseries()) {
    std::string name, labels, before;
    for (const auto& label : series.labels()) {
      EXPECT_LT(before, label.name());  // strictly in order
      before = label.name();
      if (label.name() == "__name__") {
        name = label.value();
      } else {
        labels += (labels.empty() ? "" : ",") + label.name() + "=\"" + label.value() + "\"";
      }
    }
    EXPECT_EQ(series.samples_size(), 1);
    for (const auto& sample : series.samples()) {
      samples.push_back({name + "{" + labels + "}", sample.value(), sample.timestamp()});
    }
  }
  return samples;
}

}  // namespace weir
