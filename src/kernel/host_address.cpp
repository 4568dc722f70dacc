#include "kernel/host_address.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>

#include "kernel/netlink.h"

namespace weir {
namespace {

// Somewhere that the default route leads to and hardly any other: the first addresses of the upper
// half of IPv4 and of global IPv6. Nothing is sent there.
constexpr std::array<std::uint8_t, 4> kFarIpv4 = {128, 0, 0, 1};
constexpr std::array<std::uint8_t, 16> kFarIpv6 = {0x20, 0, 0, 0, 0, 0, 0, 0,
                                                   0,    0, 0, 0, 0, 0, 0, 1};

std::string address_text(int family, Bytes address) {
  char text[INET6_ADDRSTRLEN];
  if (address.size() != (family == AF_INET ? 4U : 16U)) return {};
  return inet_ntop(family, address.data(), text, sizeof text) == nullptr ? "" : text;
}

// The more it tells of its host, the higher; 0: nothing.
int rank_of(const ifaddrmsg& header, std::uint32_t flags) {
  constexpr std::uint32_t kUnusable = IFA_F_TENTATIVE | IFA_F_DADFAILED;
  constexpr std::uint32_t kPassing = IFA_F_SECONDARY | IFA_F_DEPRECATED;  // temporary IPv6, too
  if (header.ifa_scope >= RT_SCOPE_HOST || (flags & kUnusable) != 0) return 0;
  const bool global = header.ifa_scope == RT_SCOPE_UNIVERSE || header.ifa_scope == RT_SCOPE_SITE;
  const int lasting = (flags & kPassing) == 0 ? 1 : 0;
  if (header.ifa_family == AF_INET) return (global ? 5 : 3) + lasting;
  return header.ifa_family == AF_INET6 && global ? 1 + lasting : 0;
}

template <class Header>
bool read_header(Bytes payload, Header& header) {
  if (payload.size() < sizeof header) return false;
  std::memcpy(&header, payload.data(), sizeof header);
  return true;
}

// RTM_GETROUTE for one address.
template <std::size_t size>
std::vector<std::uint8_t> route_question(int family, const std::array<std::uint8_t, size>& to) {
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(family);
  header.rtm_dst_len = static_cast<unsigned char>(8 * size);
  rtattr attribute{};
  attribute.rta_len = static_cast<unsigned short>(sizeof attribute + size);
  attribute.rta_type = RTA_DST;
  const Bytes parts[] = {header_bytes(header), header_bytes(attribute), {to.data(), size}};
  std::vector<std::uint8_t> question;
  for (const Bytes part : parts) question.insert(question.end(), part.begin(), part.end());
  return question;
}

}  // namespace

std::string_view HostAddresses::of(std::uint32_t ifindex) const {
  const auto own = own_.find(ifindex);
  return own == own_.end() ? default_ : own->second.text;
}

void HostAddresses::add(Bytes payload) {
  ifaddrmsg header{};
  if (!read_header(payload, header)) return;
  std::uint32_t flags = header.ifa_flags;
  Bytes address;
  for (const auto& attribute : netlink_attributes(payload, sizeof header)) {
    // On a point-to-point link IFA_ADDRESS is the other end's and IFA_LOCAL this one's.
    if (attribute.type == IFA_LOCAL) address = attribute.value;
    if (attribute.type == IFA_ADDRESS && address.empty()) address = attribute.value;
    if (attribute.type == IFA_FLAGS) flags = attribute.u32();
  }
  const int rank = rank_of(header, flags);
  std::string text = rank > 0 ? address_text(header.ifa_family, address) : "";
  if (text.empty()) return;
  Choice& choice = own_[header.ifa_index];
  if (rank > choice.rank) choice = {rank, std::move(text)};
}

void HostAddresses::add_route(Bytes payload) {
  rtmsg header{};
  if (!read_header(payload, header) || header.rtm_type != RTN_UNICAST) return;
  for (const auto& attribute : netlink_attributes(payload, sizeof header)) {
    if (attribute.type != RTA_PREFSRC) continue;
    const Bytes source = attribute.value;
    const bool link_local = source.size() == 16 && source[0] == 0xfe && (source[1] & 0xc0) == 0x80;
    const std::string text = address_text(header.rtm_family, source);
    if (!text.empty() && !link_local) default_ = text;
  }
}

Result<HostAddresses> HostAddresses::read() {
  auto netlink = Netlink::open(0);
  if (!netlink) return tl::unexpected<Error>(netlink.error());
  HostAddresses addresses;
  const Result<> listed = netlink->dump(RTM_GETADDR, [&](const NetlinkMessage& message) {
    if (message.type == RTM_NEWADDR) addresses.add(message.payload);
  });
  if (!listed) return tl::unexpected<Error>(listed.error());
  const auto take = [&](const NetlinkMessage& message) {
    if (message.type == RTM_NEWROUTE) addresses.add_route(message.payload);
  };
  // Without a default route the answer is an error. IPv4 comes last and stands.
  static_cast<void>(netlink->ask(RTM_GETROUTE, route_question(AF_INET6, kFarIpv6), take));
  static_cast<void>(netlink->ask(RTM_GETROUTE, route_question(AF_INET, kFarIpv4), take));
  return addresses;
}

}  // namespace weir
