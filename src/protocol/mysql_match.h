// How a MySQL connection is recognised, in its beginning, in its middle and after a loss.
#pragma once

#include "protocol/decoder.h"

namespace weir {

// A greeting, a login, a command, the beginning of an answer. What follows a first packet that is
// there as a whole has to fit too.
Match match_mysql_plain(Bytes head, Direction direction);
// Likewise, wrapped into packets of the compressed protocol.
Match match_mysql_compressed(Bytes head, Direction direction);
Match match_mysql(Bytes head, Direction direction);

// Whether packets numbered from `first` on follow each other: kYes when there are two at least.
Match match_mysql_chain(Bytes bytes, std::uint8_t first);

}  // namespace weir
