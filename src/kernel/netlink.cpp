#include "kernel/netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

namespace weir {
namespace {

// The kernel fills up to 32 KiB per message of a dump when there is room.
constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr int kEventQueueBytes = 1 << 20;

constexpr std::size_t align4(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

enum class Walk { kMore, kDone, kFailed };

// Visits the messages of one datagram; kFailed leaves the reason in `error`.
Walk walk(Bytes datagram, const Netlink::Visit& visit, int& error) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) break;
    const Bytes payload = datagram.subspan(sizeof header, header.nlmsg_len - sizeof header);
    if (header.nlmsg_type == NLMSG_DONE) return Walk::kDone;
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr problem{};
      if (payload.size() >= sizeof problem.error) {
        std::memcpy(&problem.error, payload.data(), sizeof problem.error);
      }
      error = -problem.error;
      return error == 0 ? Walk::kDone : Walk::kFailed;
    }
    if (header.nlmsg_type >= NLMSG_MIN_TYPE) visit({header.nlmsg_type, payload});
    const std::size_t step = align4(header.nlmsg_len);
    if (step >= datagram.size()) break;
    datagram = datagram.subspan(step);
  }
  return Walk::kMore;
}

}  // namespace

std::uint32_t NetlinkAttribute::u32() const {
  std::uint32_t number = 0;
  if (value.size() >= sizeof number) std::memcpy(&number, value.data(), sizeof number);
  return number;
}

std::string_view NetlinkAttribute::text() const {
  const std::string_view all = as_text(value);
  return all.substr(0, all.find('\0'));
}

std::vector<NetlinkAttribute> netlink_attributes(Bytes payload, std::size_t offset) {
  std::vector<NetlinkAttribute> attributes;
  if (offset > payload.size()) return attributes;
  Bytes rest = payload.subspan(offset);
  while (rest.size() >= sizeof(rtattr)) {
    rtattr header{};
    std::memcpy(&header, rest.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > rest.size()) break;
    attributes.push_back({static_cast<std::uint16_t>(header.rta_type & NLA_TYPE_MASK),
                          rest.subspan(sizeof header, header.rta_len - sizeof header)});
    const std::size_t step = align4(header.rta_len);
    if (step >= rest.size()) break;
    rest = rest.subspan(step);
  }
  return attributes;
}

Netlink::Netlink(Fd socket) : socket_(std::move(socket)), buffer_(kBufferBytes) {}

Result<Netlink> Netlink::open(std::uint32_t groups) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return system_failure("ask the kernel about the network: open a netlink socket");
  // Best effort: a full queue is noticed and answered by a new dump.
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kEventQueueBytes, sizeof kEventQueueBytes);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_failure("ask the kernel about the network: bind a netlink socket");
  }
  return Netlink(std::move(fd));
}

Result<> Netlink::dump(std::uint16_t type, const Visit& visit) {
  const ifinfomsg all{};
  return dump(type, header_bytes(all), visit);
}

Result<> Netlink::dump(std::uint16_t type, Bytes header, const Visit& visit) {
  return request(type, NLM_F_REQUEST | NLM_F_DUMP, header, visit);
}

Result<> Netlink::ask(std::uint16_t type, Bytes header, const Visit& visit) {
  // The acknowledgement ends the answer.
  return request(type, NLM_F_REQUEST | NLM_F_ACK, header, visit);
}

Result<> Netlink::request(std::uint16_t type, std::uint16_t flags, Bytes header,
                          const Visit& visit) {
  nlmsghdr start{};
  start.nlmsg_len = static_cast<std::uint32_t>(sizeof start + header.size());
  start.nlmsg_type = type;
  start.nlmsg_flags = flags;
  const Bytes head = header_bytes(start);
  std::vector<std::uint8_t> message(head.begin(), head.end());
  message.insert(message.end(), header.begin(), header.end());
  if (::send(fd(), message.data(), message.size(), 0) < 0) {
    return system_failure("ask the kernel about the network");
  }
  for (;;) {
    const ssize_t size = ::recv(fd(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure("read the kernel's answer about the network");
    int error = 0;
    const Walk result = walk(Bytes(buffer_.data(), static_cast<std::size_t>(size)), visit, error);
    if (result == Walk::kDone) return {};
    if (result == Walk::kFailed) {
      return system_failure("ask the kernel about the network", error);
    }
  }
}

Result<bool> Netlink::receive(const Visit& visit) {
  bool complete = true;
  for (;;) {
    const ssize_t size = ::recv(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size >= 0) {
      int error = 0;
      walk(Bytes(buffer_.data(), static_cast<std::size_t>(size)), visit, error);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return complete;
    } else if (errno == ENOBUFS) {
      complete = false;
    } else if (errno != EINTR) {
      return system_failure("read the kernel's interface events");
    }
  }
}

}  // namespace weir
