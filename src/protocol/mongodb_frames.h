// The frames of MongoDB: their heads, and whether bytes look like one. For decoding, recognising
// and finding one's way again alike.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "protocol/decoder.h"

namespace weir {

inline constexpr std::size_t kMongoHead = 16;
inline constexpr std::size_t kMongoCompressedHead = 9;    // behind it, of a compressed message
inline constexpr std::uint32_t kMongoLongest = 64 << 20;  // servers take 48 MB

enum class MongoCode : std::uint32_t {
  kReply = 1,
  kUpdate = 2001,
  kInsert = 2002,
  kQuery = 2004,
  kGetMore = 2005,
  kDelete = 2006,
  kKillCursors = 2007,
  kCompressed = 2012,
  kMessage = 2013,
};

struct MongoHead {
  std::uint32_t length = 0;  // of all, this head included
  std::uint32_t id = 0, answers = 0;
  MongoCode code{};
};

// `bytes` hold kMongoHead bytes. False where they are none that goes in this direction.
bool read_mongo_head(Bytes bytes, Direction direction, MongoHead& head);
// Whether a message of this code, compressed or not, goes in this direction.
bool is_mongo_code(std::uint32_t code, Direction direction);

enum class MongoFit : std::uint8_t {
  kNo,    // is none
  kMore,  // what there is of it fits
  kWell,  // fits, and so may other things
  kSure,  // and nothing else looks like this
};

// The message that begins here, of which `bytes` may be the beginning.
MongoFit check_mongo(Bytes bytes, Direction direction);

}  // namespace weir
