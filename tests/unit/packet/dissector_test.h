// What the dissector's tests share: one frame in, one packet out.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "packet/dissector.h"
#include "packet_builder.h"

namespace weir {

class DissectorTest : public testing::Test {
 protected:
  using Wire = build::Wire;

  Dissection dissect(const Wire& bytes, const build::Captured& captured = {}) {
    bytes_ = bytes;  // packet_ points into it
    return dissector_.dissect(build::frame(bytes_, captured), packet_);
  }
  Dissection link(std::uint16_t link_type, const Wire& bytes) {
    return dissect(bytes, {.link_type = link_type});
  }
  // A TCP segment with a payload that is easy to recognise, in IPv4 and in IPv6.
  static Wire segment4() {
    return build::ipv4({.payload = build::tcp({.payload = build::text("hello")})});
  }
  static Wire segment6() {
    return build::ipv6({.payload = build::tcp({.payload = build::text("hello")})});
  }
  // The last frame was one of those.
  bool is_hello(bool v4 = true) const {
    return packet_.transport == Transport::kTcp && as_text(packet_.payload) == "hello" &&
           packet_.payload_bytes == 5 && packet_.source.port == 40000 &&
           packet_.destination.port == 80 && packet_.source.address.is_v4() == v4;
  }
  std::string source() const {
    std::string out;
    append_address(out, packet_.source.address);
    return out;
  }
  std::string payload() const { return std::string(as_text(packet_.payload)); }

  Dissector dissector_;
  Packet packet_;
  Wire bytes_;
};

}  // namespace weir
