#include "protocol/mongodb_compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "protocol/mongodb_bson.h"

namespace weir {
namespace {

constexpr int kMostWindow = 23;  // bits; what zstd keeps of it is as long as the message at most
constexpr std::size_t kMostVarint = 5;

// The length that stands in front of snappy's bytes; how many bytes it takes, 0 for none.
std::size_t read_varint(Bytes bytes, std::uint32_t& out) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < kMostVarint; ++i) {
    value |= std::uint64_t{bytes[i] & 0x7fu} << (7 * i);
    if (bytes[i] >= 0x80) continue;
    out = static_cast<std::uint32_t>(value);
    return value <= 0xffffffff ? i + 1 : 0;
  }
  return 0;
}

// https://github.com/google/snappy/blob/main/format_description.txt. The library takes all or
// nothing.
Bytes unsnap(Bytes in, std::span<std::uint8_t> room) {
  std::uint32_t total = 0;
  std::size_t at = read_varint(in, total);
  if (at == 0) return {};
  const std::size_t most = std::min<std::size_t>(room.size(), total);
  std::size_t size = 0;
  while (at < in.size() && size < most) {
    const std::uint8_t tag = in[at++];
    const std::size_t kind = tag & 3u;
    std::size_t length = tag >> 2;
    // A literal's length beyond 60, or a copy's offset, follows in so many bytes.
    const std::size_t extra = kind == 0 ? (length < 60 ? 0 : length - 59) : kind == 3 ? 4 : kind;
    if (in.size() - at < extra) break;
    std::size_t number = 0;
    for (std::size_t i = 0; i < extra; ++i) number |= std::size_t{in[at + i]} << (8 * i);
    at += extra;
    if (kind == 0) {
      length = (extra == 0 ? length : number) + 1;
      const std::size_t count = std::min({length, in.size() - at, most - size});
      std::memcpy(room.data() + size, in.data() + at, count);
      size += count;
      at += count;
      continue;
    }
    std::size_t offset = number;
    if (kind == 1) {
      offset = (std::size_t{tag & 0xe0u} << 3) | number;
      length = (length & 7) + 4;
    } else {
      ++length;
    }
    if (offset == 0 || offset > size) return {};
    const std::size_t count = std::min(length, most - size);
    // They may overlap.
    for (std::size_t i = 0; i < count; ++i) room[size + i] = room[size + i - offset];
    size += count;
  }
  return room.first(size);
}

// What a thread keeps of zlib and zstd, so that a message takes no memory.
struct Workspace {
  Workspace() { inflating = inflateInit(&stream) == Z_OK; }
  ~Workspace() {
    if (inflating) inflateEnd(&stream);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  struct Free {
    void operator()(ZSTD_DCtx* freed) const { ZSTD_freeDCtx(freed); }
  };
  z_stream stream{};
  bool inflating = false;
  std::unique_ptr<ZSTD_DCtx, Free> context;
};

Workspace& workspace() {
  thread_local Workspace space;
  return space;
}

Bytes inflate_beginning(Bytes in, std::span<std::uint8_t> room) {
  Workspace& space = workspace();
  if (!space.inflating || inflateReset(&space.stream) != Z_OK) return {};
  space.stream.next_in = const_cast<Bytef*>(in.data());  // is not written to
  space.stream.avail_in = static_cast<uInt>(in.size());
  space.stream.next_out = room.data();
  space.stream.avail_out = static_cast<uInt>(room.size());
  const int result = inflate(&space.stream, Z_SYNC_FLUSH);
  if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return {};
  return room.first(room.size() - space.stream.avail_out);
}

Bytes unzstd(Bytes in, std::span<std::uint8_t> room) {
  Workspace& space = workspace();
  if (!space.context) {
    space.context.reset(ZSTD_createDCtx());
    if (!space.context) return {};
    ZSTD_DCtx_setParameter(space.context.get(), ZSTD_d_windowLogMax, kMostWindow);
  }
  ZSTD_DCtx_reset(space.context.get(), ZSTD_reset_session_only);
  ZSTD_inBuffer from{in.data(), in.size(), 0};
  ZSTD_outBuffer to{room.data(), room.size(), 0};
  while (from.pos < from.size && to.pos < to.size) {
    const std::size_t before = from.pos + to.pos;
    const std::size_t result = ZSTD_decompressStream(space.context.get(), &to, &from);
    if (ZSTD_isError(result)) return {};
    if (result == 0 || from.pos + to.pos == before) break;
  }
  return room.first(to.pos);
}

}  // namespace

std::string_view mongo_compressor_name(std::uint8_t compressor) {
  constexpr std::string_view kNames[] = {"noop", "snappy", "zlib", "zstd"};
  return compressor < std::size(kNames) ? kNames[compressor] : std::string_view{};
}

bool may_be_compressed(std::uint8_t compressor, Bytes compressed, std::uint32_t size) {
  switch (static_cast<MongoCompressor>(compressor)) {
    case MongoCompressor::kNone:
      return true;
    case MongoCompressor::kSnappy: {
      std::uint32_t said = 0;
      const std::size_t taken = read_varint(compressed, said);
      return taken == 0 ? compressed.size() < kMostVarint : said == size;
    }
    case MongoCompressor::kZlib:
      if (!compressed.empty() && (compressed[0] & 0x0f) != 8) return false;
      return compressed.size() < 2 || load_be16(compressed.data()) % 31 == 0;
    case MongoCompressor::kZstd: {
      constexpr std::uint8_t kMagic[] = {0x28, 0xb5, 0x2f, 0xfd};
      return std::equal(compressed.begin(),
                        compressed.begin() +
                            static_cast<std::ptrdiff_t>(std::min(compressed.size(), sizeof kMagic)),
                        kMagic);
    }
  }
  return false;
}

Bytes uncompress_beginning(std::uint8_t compressor, Bytes compressed,
                           std::span<std::uint8_t> room) noexcept {
  switch (static_cast<MongoCompressor>(compressor)) {
    case MongoCompressor::kNone:
      return compressed;
    case MongoCompressor::kSnappy:
      return unsnap(compressed, room);
    case MongoCompressor::kZlib:
      return inflate_beginning(compressed, room);
    case MongoCompressor::kZstd:
      return unzstd(compressed, room);
  }
  return {};
}

}  // namespace weir
