// Netlink payloads made of their parts.
#pragma once

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace weir {

using Octets = std::vector<std::uint8_t>;

template <class Value>
Octets octets_of(const Value& value) {
  Octets octets(sizeof value);
  std::memcpy(octets.data(), &value, sizeof value);
  return octets;
}

inline Octets attribute(unsigned type, const Octets& value) {
  rtattr header{};
  header.rta_len = static_cast<unsigned short>(sizeof header + value.size());
  header.rta_type = static_cast<unsigned short>(type);
  Octets octets = octets_of(header);
  octets.insert(octets.end(), value.begin(), value.end());
  octets.resize((octets.size() + 3) / 4 * 4);
  return octets;
}

inline Octets text(std::string_view value) {
  Octets octets(value.begin(), value.end());
  octets.push_back(0);
  return octets;
}

// A fixed header and attributes behind it; without a header, the value of a nested attribute.
inline Octets joined(Octets message, const std::vector<Octets>& attributes) {
  for (const auto& one : attributes) message.insert(message.end(), one.begin(), one.end());
  return message;
}

inline Octets link(std::uint8_t family, int index, const std::vector<Octets>& attributes) {
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_index = index;
  header.ifi_type = ARPHRD_ETHER;
  header.ifi_flags = IFF_UP;
  return joined(octets_of(header), attributes);
}

// Every beginning of a message, each in memory of its own size, so that an over-read is noticed.
template <class Visit>
void each_truncation(const Octets& whole, const Visit& visit) {
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    visit(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

}  // namespace weir
