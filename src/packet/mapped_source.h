// MappedSource: a regular file mapped into memory. Pages are asked for ahead of the reader and
// given back behind it, so that a large file does not stay resident. The file must not shrink
// meanwhile.
#pragma once

#include "base/fd.h"
#include "packet/byte_source.h"

namespace weir {

class MappedSource final : public ByteSource {
 public:
  // `size` > 0. The descriptor is not needed afterwards. Null where the file cannot be mapped.
  static std::unique_ptr<ByteSource> map(const Fd& fd, std::uint64_t size);
  ~MappedSource() override;

  std::uint64_t mapped_bytes() const override { return size_; }

 private:
  MappedSource(std::uint8_t* base, std::uint64_t size);
  Bytes refill(std::size_t count) noexcept override;

  std::uint8_t* base_;
  std::uint64_t size_;
  std::uint64_t released_ = 0;  // pages before this were given back
};

}  // namespace weir
