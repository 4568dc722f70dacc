#include "record/name_servers.h"

namespace weir {

std::vector<IpAddress> public_name_servers() {
  static constexpr std::uint8_t kServers[][4] = {
      {223, 5, 5, 5}, {223, 6, 6, 6}, {114, 114, 114, 114}, {114, 114, 115, 115},
      {8, 8, 8, 8},   {8, 8, 4, 4},   {1, 1, 1, 1},         {1, 0, 0, 1}};
  std::vector<IpAddress> servers;
  for (const auto& server : kServers) servers.push_back(IpAddress::v4(server));
  return servers;
}

}  // namespace weir
