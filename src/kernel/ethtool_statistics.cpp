#include "kernel/ethtool_statistics.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

namespace weir {
namespace {

bool ask(int fd, const std::string& interface, void* request) {
  ifreq call{};
  if (interface.empty() || interface.size() >= sizeof call.ifr_name) return false;
  std::memcpy(call.ifr_name, interface.data(), interface.size());
  call.ifr_data = static_cast<char*>(request);
  return ::ioctl(fd, SIOCETHTOOL, &call) == 0;
}

std::size_t count_of(int fd, const std::string& interface) {
  ethtool_sset_info info{};
  info.cmd = ETHTOOL_GSSET_INFO;
  info.sset_mask = std::uint64_t{1} << ETH_SS_STATS;
  std::uint32_t count = 0;  // the answer stands behind the request
  std::array<std::uint8_t, sizeof info + sizeof count> request{};
  std::memcpy(request.data(), &info, sizeof info);
  if (!ask(fd, interface, request.data())) return 0;
  std::memcpy(&info, request.data(), sizeof info);
  std::memcpy(&count, request.data() + sizeof info, sizeof count);
  return info.sset_mask != 0 ? count : 0;
}

}  // namespace

// Many kernels write as many as the driver has at that moment, whatever was asked for; the
// number changes with the queues. So there is always room for the most there can be. Pages that
// nothing is written to cost nothing.
EthtoolStatistics::EthtoolStatistics(Fd socket)
    : socket_(std::move(socket)),
      names_(std::make_unique_for_overwrite<std::uint8_t[]>(sizeof(ethtool_gstrings) +
                                                            kMost * ETH_GSTRING_LEN)),
      values_(std::make_unique_for_overwrite<std::uint8_t[]>(sizeof(ethtool_stats) +
                                                             kMost * sizeof(std::uint64_t))) {}

Result<EthtoolStatistics> EthtoolStatistics::open() {
  Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_failure("ask drivers for their statistics: open a socket");
  return EthtoolStatistics(std::move(socket));
}

std::size_t EthtoolStatistics::read(const std::string& interface) {
  const std::size_t count = count_of(socket_.get(), interface);
  if (count == 0 || count > kMost) return 0;
  ethtool_gstrings names{};
  names.cmd = ETHTOOL_GSTRINGS;
  names.string_set = ETH_SS_STATS;
  names.len = static_cast<std::uint32_t>(count);
  std::memcpy(names_.get(), &names, sizeof names);
  ethtool_stats values{};
  values.cmd = ETHTOOL_GSTATS;
  values.n_stats = static_cast<std::uint32_t>(count);
  std::memcpy(values_.get(), &values, sizeof values);
  if (!ask(socket_.get(), interface, names_.get())) return 0;
  if (!ask(socket_.get(), interface, values_.get())) return 0;
  std::memcpy(&names, names_.get(), sizeof names);
  std::memcpy(&values, values_.get(), sizeof values);
  // Where the driver's number has changed in between, names and values would not belong together.
  return names.len == count && values.n_stats == count ? count : 0;
}

std::string_view EthtoolStatistics::name(std::size_t position) const {
  const auto* text = reinterpret_cast<const char*>(names_.get()) + sizeof(ethtool_gstrings) +
                     position * ETH_GSTRING_LEN;
  return {text, ::strnlen(text, ETH_GSTRING_LEN)};
}

std::uint64_t EthtoolStatistics::value(std::size_t position) const {
  std::uint64_t number = 0;
  std::memcpy(&number, values_.get() + sizeof(ethtool_stats) + position * sizeof number,
              sizeof number);
  return number;
}

}  // namespace weir
