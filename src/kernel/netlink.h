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

// The attributes from `offset` of a payload (the size of its fixed header, aligned).
std::vector<NetlinkAttribute> netlink_attributes(Bytes payload, std::size_t offset);

class Netlink {
 public:
  using Visit = std::function<void(const NetlinkMessage&)>;

  // `groups`: RTMGRP_* bits whose events to receive; 0 for a socket that only asks.
  static Result<Netlink> open(std::uint32_t groups);

  int fd() const { return socket_.get(); }
  // Asks for all objects of a kind (RTM_GETLINK, RTM_GETADDR) and waits for the answer. On a socket
  // without groups only.
  Result<> dump(std::uint16_t type, const Visit& visit);
  // The same with a fixed header that says more about what is asked for (tcmsg).
  Result<> dump(std::uint16_t type, Bytes fixed_header, const Visit& visit);
  // The events that are waiting; does not block. False when some were lost (the queue was full):
  // whoever keeps state by them has to start from a new dump.
  Result<bool> receive(const Visit& visit);

 private:
  explicit Netlink(Fd socket);

  Fd socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace weir
