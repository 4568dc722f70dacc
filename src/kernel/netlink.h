// Netlink: questions to the kernel's routing netlink, its events, and the attributes in both.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"

namespace weir {

struct NetlinkMessage {
  std::uint16_t type = 0;  // RTM_*
  Bytes payload;           // behind the message header; valid during the visit
};

struct NetlinkAttribute {
  std::uint16_t type = 0;  // without the flag bits
  Bytes value;

  // Native byte order; 0 when the value is shorter.
  std::uint32_t u32() const;
  std::string_view text() const;  // up to its final zero byte
};

// The bytes of a fixed header, to ask with; a view of `header`.
template <class Header>
Bytes header_bytes(const Header& header) {
  return {reinterpret_cast<const std::uint8_t*>(&header), sizeof header};
}

// The attributes from `offset` of a payload (the size of its fixed header, aligned).
std::vector<NetlinkAttribute> netlink_attributes(Bytes payload, std::size_t offset);

class Netlink {
 public:
  using Visit = std::function<void(const NetlinkMessage&)>;

  // `groups`: RTMGRP_* bits whose events to receive; 0 for a socket that only asks.
  static Result<Netlink> open(std::uint32_t groups);

  int fd() const { return socket_.get(); }
  // Asks for all objects of a kind and waits for the answer. On a socket without groups only.
  // `header`: the fixed header that this kind is asked for with (RTM_GETQDISC: a tcmsg), and
  // attributes behind it.
  Result<> dump(std::uint16_t type, Bytes header, const Visit& visit);
  // Of a kind whose header is an ifinfomsg or shorter (RTM_GETLINK, RTM_GETADDR).
  Result<> dump(std::uint16_t type, const Visit& visit);
  // Asks for one object, likewise; fails where the kernel has none.
  Result<> ask(std::uint16_t type, Bytes header, const Visit& visit);
  // The events that are waiting; does not block. False when some were lost (the queue was full):
  // whoever keeps state by them has to start from a new dump.
  Result<bool> receive(const Visit& visit);

 private:
  explicit Netlink(Fd socket);

  Result<> request(std::uint16_t type, std::uint16_t flags, Bytes header, const Visit& visit);

  Fd socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace weir
