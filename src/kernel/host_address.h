// HostAddresses: which address of this host tells of an interface.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace weir {

class HostAddresses {
 public:
  // As they are now. It asks the kernel for the list of them and for two routes: cheap enough to be
  // done anew each interval.
  static Result<HostAddresses> read();

  // The interface's own IPv4 address, else its own IPv6 address, else the one that this host sends
  // from by its default route, else "unknown". Loopback and IPv6 link-local addresses tell of no
  // host: they do not count. Valid as long as this object.
  std::string_view of(std::uint32_t ifindex) const;

  // The payload of an RTM_NEWADDR message.
  void add(Bytes payload);
  // The payload of an RTM_NEWROUTE message, which tells from where to send.
  void add_route(Bytes payload);

 private:
  struct Choice {
    int rank = 0;
    std::string text;
  };

  std::map<std::uint32_t, Choice> own_;  // by interface
  std::string default_ = "unknown";
};

}  // namespace weir
