// The list of protocols weir knows, tightest match first.
#pragma once

#include <span>
#include <string_view>

#include "protocol/decoder.h"

namespace weir {

extern const Protocol kHttp;
extern const Protocol kHttp2;
extern const Protocol kDns;
extern const Protocol kRedis;
extern const Protocol kMysql;
extern const Protocol kPostgres;
extern const Protocol kKafka;
extern const Protocol kTls;
extern const Protocol kQuic;
extern const Protocol kMongo;
extern const Protocol kAmqp;

std::span<const Protocol* const> protocols();

// Null when there is no such protocol.
const Protocol* find_protocol(std::string_view name);

// Position in protocols().
std::size_t protocol_index(const Protocol& protocol);

}  // namespace weir
