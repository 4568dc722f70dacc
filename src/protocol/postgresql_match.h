// Whether bytes are PostgreSQL, and where its next frame begins.
#pragma once

#include "protocol/decoder.h"

namespace weir {

// As Protocol::match, over TCP.
Match match_postgres(Bytes head, Direction direction);

// As Decoder::resync. `fresh`: a packet begins here, and so may a frame.
std::size_t find_postgres(Bytes bytes, Direction direction, bool fresh);

}  // namespace weir
