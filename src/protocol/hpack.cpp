#include "protocol/hpack.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

namespace weir {
namespace {

// Larger dynamic tables are remembered in part.
constexpr std::size_t kMaxTable = 65536;
constexpr std::uint8_t kSetMaxTable[] = {0x3f, 0xe1, 0xff, 0x03};  // the size update that says so
// Stands for a name from a lost entry. No header has it.
constexpr std::uint8_t kUnknownName = '?';
constexpr std::uint8_t kAddUnknownName[] = {0x40, 1, kUnknownName};

constexpr std::size_t kFirstMethod = 1, kLastScheme = 7, kFirstStatus = 8, kLastStatus = 14;

// One representation, RFC 7541 section 6.
struct Representation {
  enum class Kind : std::uint8_t { kIndexed, kAdded, kSizeUpdate, kNotAdded };
  Kind kind = Kind::kIndexed;
  std::size_t number = 0;  // the index (0: the name is there), or the size
  Bytes name;              // as it is encoded, with its length; where number is 0
  Bytes value;             // likewise
};

enum class Read : std::uint8_t { kOk, kIncomplete, kInvalid };

Read read_number(Bytes& bytes, unsigned prefix_bits, std::size_t& number) {
  constexpr unsigned kMaxShift = 21;
  const std::uint8_t mask = static_cast<std::uint8_t>((1u << prefix_bits) - 1);
  if (bytes.empty()) return Read::kIncomplete;
  number = bytes[0] & mask;
  bytes = bytes.subspan(1);
  if (number < mask) return Read::kOk;
  for (unsigned shift = 0; shift <= kMaxShift; shift += 7) {
    if (bytes.empty()) return Read::kIncomplete;
    const std::uint8_t byte = bytes[0];
    bytes = bytes.subspan(1);
    number += std::size_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return Read::kOk;
  }
  return Read::kInvalid;
}

Read read_string(Bytes& bytes, Bytes& string) {
  const Bytes whole = bytes;
  std::size_t length = 0;
  const Read result = read_number(bytes, 7, length);
  if (result != Read::kOk) return result;
  if (length > bytes.size()) return Read::kIncomplete;
  bytes = bytes.subspan(length);
  string = whole.first(whole.size() - bytes.size());
  return Read::kOk;
}

Read read_representation(Bytes& bytes, Representation& out) {
  using Kind = Representation::Kind;
  if (bytes.empty()) return Read::kIncomplete;
  const std::uint8_t first = bytes[0];
  unsigned bits = 4;
  out.kind = Kind::kNotAdded;
  if (first & 0x80) {
    out.kind = Kind::kIndexed;
    bits = 7;
  } else if (first & 0x40) {
    out.kind = Kind::kAdded;
    bits = 6;
  } else if (first & 0x20) {
    out.kind = Kind::kSizeUpdate;
    bits = 5;
  }
  Read result = read_number(bytes, bits, out.number);
  if (result != Read::kOk || out.kind == Kind::kSizeUpdate) return result;
  if (out.kind == Kind::kIndexed) return out.number == 0 ? Read::kInvalid : Read::kOk;
  if (out.number == 0) result = read_string(bytes, out.name);
  return result == Read::kOk ? read_string(bytes, out.value) : result;
}

// Of a name that is spelled out: lower case, and no more than a name may have.
bool is_plausible_name(Bytes string) {
  if (string[0] & 0x80) return string.size() > 1;  // by Huffman's code
  const std::string_view name = as_text(string).substr(1);
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return c > 0x20 && c < 0x7f && !(c >= 'A' && c <= 'Z');
  });
}

}  // namespace

void Hpack::Delete::operator()(nghttp2_hd_inflater* inflater) const {
  nghttp2_hd_inflate_del(inflater);
}

void Hpack::lose() {
  inflater_.reset();
  rest_ = {};
  lost_ = true;
}

bool Hpack::create() {
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) return false;
  inflater_.reset(inflater);
  // The encoder says when it uses more than it may from the start. Where that may have been missed,
  // its table is taken to be large: it refers to nothing that is no longer in it.
  if (nghttp2_hd_inflate_change_table_size(inflater, kMaxTable) != 0) return false;
  HpackField none;
  bool emitted = false;
  return !lost_ || feed(kSetMaxTable, none, emitted);
}

void Hpack::begin(Bytes block) { rest_ = block; }

bool Hpack::feed(Bytes bytes, HpackField& field, bool& emitted) {
  while (!bytes.empty()) {
    nghttp2_nv pair;
    int flags = 0;
    const auto taken =
        nghttp2_hd_inflate_hd2(inflater_.get(), &pair, &flags, bytes.data(), bytes.size(), 0);
    if (taken < 0) return false;
    if (taken == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(taken));
    if (flags & NGHTTP2_HD_INFLATE_EMIT) {
      emitted = true;
      field.name = {reinterpret_cast<const char*>(pair.name), pair.namelen};
      field.value = {reinterpret_cast<const char*>(pair.value), pair.valuelen};
    }
  }
  return true;
}

Hpack::Result Hpack::next(HpackField& field) {
  if (!inflater_ && !create()) return Result::kInvalid;
  while (!rest_.empty()) {
    const Bytes before = rest_;
    Representation next;
    if (read_representation(rest_, next) != Read::kOk) return Result::kInvalid;
    const Bytes whole = before.first(before.size() - rest_.size());
    const bool known = next.number <= nghttp2_hd_inflate_get_num_table_entries(inflater_.get());
    bool emitted = false;
    using Kind = Representation::Kind;
    if (next.kind == Kind::kSizeUpdate) {
      const Bytes update = next.number > kMaxTable ? Bytes(kSetMaxTable) : whole;
      if (!feed(update, field, emitted)) return Result::kInvalid;
    } else if (known) {
      if (!feed(whole, field, emitted) || !emitted) return Result::kInvalid;
      const bool nameless = field.name.size() == 1 && field.name[0] == kUnknownName;
      return nameless ? Result::kUnknown : Result::kField;
    } else if (next.kind != Kind::kAdded) {
      return Result::kUnknown;
    } else {
      if (!feed(kAddUnknownName, field, emitted) || !feed(next.value, field, emitted)) {
        return Result::kInvalid;
      }
      return Result::kUnknown;
    }
  }
  nghttp2_nv none;
  int flags = 0;
  if (nghttp2_hd_inflate_hd2(inflater_.get(), &none, &flags, nullptr, 0, 1) < 0) {
    return Result::kInvalid;
  }
  nghttp2_hd_inflate_end_headers(inflater_.get());
  return Result::kEnd;
}

HpackShape hpack_shape(Bytes block) {
  HpackShape shape;
  while (!block.empty()) {
    Representation next;
    const Read result = read_representation(block, next);
    if (result == Read::kInvalid) return {};
    if (result == Read::kIncomplete) {
      shape.valid = true;
      return shape;
    }
    if (!next.name.empty() && !is_plausible_name(next.name)) return {};
    if (next.kind == Representation::Kind::kSizeUpdate) continue;
    shape.request |= next.number >= kFirstMethod && next.number <= kLastScheme;
    shape.response |= next.number >= kFirstStatus && next.number <= kLastStatus;
  }
  shape.valid = shape.whole = true;
  return shape;
}

}  // namespace weir
