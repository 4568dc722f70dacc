#include "record/interface_sample.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "record/json.h"

namespace weir {
namespace {

InterfaceSample sample() {
  InterfaceSample made;
  made.time = 1751805411498096950;
  made.interval_ns = 2 * kSecond;
  made.index = 2;
  made.name = "eth0";
  made.state = "up";
  made.ingress = {.frames = 3, .bytes = 70000, .wire_packets = 50, .wire_bytes = 73102};
  made.ingress_rate = {.frames = 1.5, .bytes = 35000, .wire_packets = 25, .wire_bytes = 36551};
  made.active = true;
  return made;
}

std::string json_of(const InterfaceSample& sample) {
  std::string out;
  append_json(out, sample);
  return out;
}

TEST(InterfaceSampleJson, IsAsDocumented) {
  EXPECT_EQ(json_of(sample()),
            R"({"lens":"interfaces","time":"2025-07-06T12:36:51.498096950Z","interface":"eth0",)"
            R"("ifindex":2,"state":"up","interval_ns":2000000000,)"
            R"("ingress":{"frames":3,"frame_bytes":70000,"wire_packets":50,"wire_bytes":73102,)"
            R"("frames_per_second":1.5,"frame_bytes_per_second":35000,)"
            R"("wire_packets_per_second":25,"wire_bytes_per_second":36551},)"
            R"("egress":{"frames":0,"frame_bytes":0,"wire_packets":0,"wire_bytes":0,)"
            R"("frames_per_second":0,"frame_bytes_per_second":0,)"
            R"("wire_packets_per_second":0,"wire_bytes_per_second":0},"active":true})");
}

TEST(InterfaceSampleJson, StaysJsonWhateverTheNameAndTheNumbers) {
  InterfaceSample odd = sample();
  odd.name = "a\"\\\x01\xff";
  odd.ingress.bytes = UINT64_MAX;
  odd.ingress_rate.bytes = 1.7e300;
  odd.device.emplace();
  const auto parsed = nlohmann::json::parse(json_of(odd));
  EXPECT_EQ(parsed["interface"], "a\"\\\u0001\u00ff");
  EXPECT_EQ(parsed["ingress"]["frame_bytes"], UINT64_MAX);
  EXPECT_EQ(parsed["device"]["rx_packets"], 0);
}

}  // namespace
}  // namespace weir
