// Hpack: reads the header blocks of one direction of an HTTP/2 connection (RFC 7541). libnghttp2
// keeps the dynamic table and undoes the Huffman code. It would fail for good on an entry that it
// does not know; so each representation is measured first, and what refers to an entry from before
// a loss is kept from it. References count from the newest entry, and an entry's place in the
// table does not depend on those that are older: what was added since the loss is found again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"

struct nghttp2_hd_inflater;

namespace weir {

struct HpackField {
  std::string_view name, value;  // valid until the next call
};

class Hpack {
 public:
  enum class Result : std::uint8_t {
    kField,
    kUnknown,  // a field whose name, or whose name and value, only a lost entry tells
    kEnd,      // of the block
    kInvalid,  // the table is lost: call lose()
  };

  // A whole block, to be read by next() until kEnd or kInvalid. It must outlive that.
  void begin(Bytes block);
  Result next(HpackField& field);

  // Header blocks were missed.
  void lose();

 private:
  struct Delete {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };

  bool feed(Bytes bytes, HpackField& field, bool& emitted);
  bool create();

  std::unique_ptr<nghttp2_hd_inflater, Delete> inflater_;  // once there is a block
  Bytes rest_;
  bool lost_ = false;  // and the inflater is yet to be made
};

// What the walk over a header block says without any table.
struct HpackShape {
  bool valid = false;     // well formed as far as it is there
  bool whole = false;     // to its end
  bool request = false;   // has a field that only requests have
  bool response = false;  // has a status
};
HpackShape hpack_shape(Bytes block);

}  // namespace weir
