#include "output/push_round.h"

#include <zlib.h>

#include <new>

namespace weir {

std::string gzip(std::string_view text) {
  constexpr int kGzip = 16, kMemory = 8;
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, MAX_WBITS + kGzip, kMemory,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  out.shrink_to_fit();
  return out;
}

void push_round(SeriesSet& set, Nanos time, Push& push) {
  const bool text = push.protocol() == PushProtocol::kTextImport;
  set.encode_round(time, [&](std::string_view body, std::size_t samples) {
    push.submit(text ? gzip(body) : std::string(body), samples);
  });
}

}  // namespace weir
