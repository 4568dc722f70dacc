// How much some bytes are like a DNS message: for the choice of a connection's protocol, and to
// find the next message after a loss.
#pragma once

#include "base/bytes.h"
#include "protocol/decoder.h"
#include "protocol/dns_message.h"

namespace weir {

bool is_dns_opcode(std::uint8_t opcode);

// What was found in a message without its length prefix. QR has to agree with the direction.
struct DnsLikeness {
  bool possible = false;  // header and first question can be read
  bool usual = false;     // and are what servers and resolvers send, and their look-alikes do not
  bool whole = false;     // every record that the header counts is there, and nothing else
};
DnsLikeness examine_dns(Bytes message, Direction direction);

// Protocol::match.
Match match_dns(Bytes head, Direction direction, Transport transport);

// Whether the first bytes, a message with its length prefix, exclude DNS.
bool may_begin_dns(Bytes bytes, Direction direction);

// Whether a message with its length prefix stands here, for bytes in a stream whose messages have
// been lost sight of; true where the end of the bytes forbids to tell.
bool may_resume_dns(Bytes bytes, Direction direction);

}  // namespace weir
