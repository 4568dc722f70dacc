#include "protocol/registry.h"

#include <algorithm>
#include <array>

namespace weir {

std::span<const Protocol* const> protocols() {
  static constexpr std::array<const Protocol*, 11> kProtocols{&kHttp,  &kHttp2,    &kDns,   &kMysql,
                                                              &kRedis, &kPostgres, &kKafka, &kTls,
                                                              &kQuic,  &kMongo,    &kAmqp};
  return kProtocols;
}

const Protocol* find_protocol(std::string_view name) {
  for (const Protocol* protocol : protocols()) {
    if (protocol->name == name) return protocol;
  }
  return nullptr;
}

std::size_t protocol_index(const Protocol& protocol) {
  const auto all = protocols();
  return static_cast<std::size_t>(std::find(all.begin(), all.end(), &protocol) - all.begin());
}

}  // namespace weir
