#include "protocol/mysql_compression.h"

#include <zlib.h>
#include <zstd.h>

namespace weir {
namespace {

constexpr std::uint8_t kZlibMark = 0x78, kZstdMark = 0x28, kZstdSecond = 0xb5;
// A packet packed with a larger window is not read.
constexpr int kMaxWindowLog = 23;

}  // namespace

struct MysqlInflater::Zlib {
  z_stream stream{};
  bool usable = false;

  Zlib() : usable(inflateInit(&stream) == Z_OK) {}
  ~Zlib() {
    if (usable) inflateEnd(&stream);
  }
  Zlib(const Zlib&) = delete;
  Zlib& operator=(const Zlib&) = delete;
};

struct MysqlInflater::Zstd {
  ZSTD_DStream* stream = ZSTD_createDStream();

  Zstd() {
    if (stream) ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, kMaxWindowLog);
  }
  ~Zstd() { ZSTD_freeDStream(stream); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;
};

MysqlInflater::MysqlInflater() = default;
MysqlInflater::~MysqlInflater() = default;

bool MysqlInflater::begins(Bytes payload) {
  if (payload[0] == kZstdMark) return payload[1] == kZstdSecond;
  return payload[0] == kZlibMark && load_be16(payload.data()) % 31 == 0;
}

bool MysqlInflater::begin(std::uint8_t first) {
  is_zstd_ = first == kZstdMark;
  if (is_zstd_) {
    if (!zstd_) zstd_ = std::make_unique<Zstd>();
    return zstd_->stream && !ZSTD_isError(ZSTD_DCtx_reset(zstd_->stream, ZSTD_reset_session_only));
  }
  if (first != kZlibMark) return false;
  if (!zlib_) zlib_ = std::make_unique<Zlib>();
  return zlib_->usable && inflateReset(&zlib_->stream) == Z_OK;
}

MysqlInflater::Result MysqlInflater::run(Bytes& in, std::span<std::uint8_t> out,
                                         std::size_t& produced) {
  if (is_zstd_) {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t left = ZSTD_decompressStream(zstd_->stream, &to, &from);
    if (ZSTD_isError(left)) return Result::kBroken;
    in = in.subspan(from.pos);
    produced = to.pos;
    return left == 0 ? Result::kEnd : Result::kOk;
  }
  z_stream& stream = zlib_->stream;
  stream.next_in = const_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_NO_FLUSH);
  in = in.subspan(in.size() - stream.avail_in);
  produced = out.size() - stream.avail_out;
  if (result == Z_STREAM_END) return Result::kEnd;
  return result == Z_OK || result == Z_BUF_ERROR ? Result::kOk : Result::kBroken;
}

}  // namespace weir
