#include "protocol/kafka_walk.h"

#include <algorithm>

namespace weir {
namespace {

// offset 64 | length 32 | epoch 32 | magic 8 | then, of magic 2:
// crc 32 | attributes 16 | last 32 | times 64 64 | producer 64 16 32 | count 32
constexpr std::size_t kBatchHead = 61, kBatchPrefix = 12, kOldHead = 18, kMagicAt = 16;
constexpr std::size_t kAttributesAt = 21, kCountAt = 57, kOldAttributesAt = 17;
constexpr std::uint16_t kCompressionMask = 7, kControl = 0x20;

bool applies(const KafkaRow& row, int version) { return version >= row.from && version <= row.to; }

std::size_t size_of(KafkaType type) {
  switch (type) {
    case KafkaType::kInt8:
      return 1;
    case KafkaType::kInt16:
      return 2;
    case KafkaType::kInt32:
      return 4;
    case KafkaType::kInt64:
      return 8;
    default:
      return KafkaTopics::kIdBytes;
  }
}

std::int64_t number_of(Bytes bytes) {
  std::int64_t number = static_cast<std::int8_t>(bytes[0]);
  for (const std::uint8_t byte : bytes.subspan(1)) number = number * 256 + byte;
  return number;
}

}  // namespace

// Reads from what there is of a body. What a step has read counts when it has ended well.
struct KafkaWalk::Cursor {
  Bytes bytes;
  std::uint64_t left;  // of the body, from the beginning of `bytes` on
  std::size_t at = 0;
  std::uint64_t skip = 0;  // behind `at`, not needed

  std::uint64_t remaining() const { return left - at; }
  bool has(std::size_t count) const { return bytes.size() - at >= count; }
  Bytes take(std::size_t count) {
    at += count;
    return bytes.subspan(at - count, count);
  }
  Step varint(std::uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      if (!has(1)) return Step::kMore;
      const std::uint8_t byte = bytes[at++];
      out |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return Step::kOk;
    }
    return Step::kMalformed;
  }
  // How long the next text, bytes or array is; nothing where it is null. `width` of the number
  // where it is not compact.
  Step length(bool flexible, std::size_t width, std::uint64_t& out, bool& null) {
    if (flexible) {
      const Step step = varint(out);
      null = out == 0;
      if (!null) --out;
      return step;
    }
    if (!has(width)) return Step::kMore;
    const std::int64_t number = number_of(take(width));
    null = number < 0;
    out = null ? 0 : static_cast<std::uint64_t>(number);
    return number < -1 ? Step::kMalformed : Step::kOk;
  }
};

void KafkaWalk::begin(std::span<const KafkaRow> rows, std::int16_t version, bool flexible,
                      bool may_fall_back) {
  rows_ = rows;
  version_ = version;
  flexible_ = flexible;
  may_fall_back_ = may_fall_back;
  over_ = false;
  depth_ = 0;
  levels_[0] = {0, 0, rows.size(), 1, true};
  tags_ = records_ = 0;
}

KafkaWalk::Result KafkaWalk::advance(Bytes bytes, std::uint64_t left, KafkaReport& report) {
  Cursor cursor{bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left))),
                left};
  for (;;) {
    const std::size_t before = cursor.at;
    switch (step(cursor, report)) {
      case Step::kDone:
        return {End::kDone, cursor.at};
      case Step::kMalformed:
        return {End::kMalformed, before};
      case Step::kMore:
        if (cursor.bytes.size() == left) return {End::kMalformed, before};
        return {End::kMore, before};
      case Step::kOk:
        break;
    }
    if (cursor.skip == 0) continue;
    if (cursor.skip > cursor.remaining()) return {End::kMalformed, cursor.at};
    const std::size_t there = cursor.bytes.size() - cursor.at;
    if (cursor.skip > there) {
      return {End::kSkip, cursor.bytes.size(), cursor.skip - there, there};
    }
    cursor.at += static_cast<std::size_t>(cursor.skip);
    cursor.skip = 0;
  }
}

KafkaWalk::Step KafkaWalk::step(Cursor& cursor, KafkaReport& report) {
  if (over_) return Step::kDone;
  if (records_ > 0) return read_batch(cursor, report);
  if (tags_ > 0) return read_tag(cursor);
  Level& here = level();
  if (here.row == here.end) return end_structure(cursor);
  const KafkaRow& row = rows_[here.row];
  if (!applies(row, version_)) {
    here.row += 1u + row.inside;
    return Step::kOk;
  }
  switch (row.type) {
    case KafkaType::kText:
      return read_text(row, cursor, report);
    case KafkaType::kArray:
    case KafkaType::kList:
      return enter(row, cursor);
    default:
      return read_value(row, cursor, report);
  }
}

KafkaWalk::Step KafkaWalk::read_value(const KafkaRow& row, Cursor& cursor, KafkaReport& report) {
  if (row.type == KafkaType::kBytes || row.type == KafkaType::kRecords) {
    std::uint64_t length = 0;
    bool null = false;
    const Step step = cursor.length(flexible_, 4, length, null);
    if (step != Step::kOk) return step;
    if (length > cursor.remaining()) return Step::kMalformed;
    ++level().row;
    if (row.type == KafkaType::kRecords) {
      records_ = length;
      report.on_records(length);
    } else {
      cursor.skip = length;
    }
    return Step::kOk;
  }
  const std::size_t size = size_of(row.type);
  if (!cursor.has(size)) return Step::kMore;
  const Bytes bytes = cursor.take(size);
  ++level().row;
  if (row.role == KafkaRole::kNone) return Step::kOk;
  if (row.type == KafkaType::kUuid) {
    report.on_topic_id(bytes);
    return Step::kOk;
  }
  const std::int64_t number = number_of(bytes);
  report.on_number(row.role, number);
  over_ = may_fall_back_ && row.role == KafkaRole::kError && number == kKafkaUnsupportedVersion;
  return Step::kOk;
}

KafkaWalk::Step KafkaWalk::read_text(const KafkaRow& row, Cursor& cursor, KafkaReport& report) {
  std::uint64_t length = 0;
  bool null = false;
  const Step step = cursor.length(flexible_, 2, length, null);
  if (step != Step::kOk) return step;
  if (length > cursor.remaining()) return Step::kMalformed;
  const std::size_t shown =
      row.role == KafkaRole::kNone
          ? 0
          : static_cast<std::size_t>(std::min<std::uint64_t>(length, KafkaReport::kMostText));
  if (!cursor.has(shown)) return Step::kMore;
  const std::string_view text = as_text(cursor.take(shown));
  if (!null && row.role != KafkaRole::kNone) report.on_text(row.role, text);
  cursor.skip = length - shown;
  ++level().row;
  return Step::kOk;
}

KafkaWalk::Step KafkaWalk::enter(const KafkaRow& row, Cursor& cursor) {
  std::uint64_t count = 0;
  bool null = false;
  const Step step = cursor.length(flexible_, 4, count, null);
  if (step != Step::kOk) return step;
  // No element is empty.
  if (count > cursor.remaining() || depth_ + 1 == kMostLevels) return Step::kMalformed;
  const std::size_t first = level().row + 1;
  level().row = first + row.inside;
  if (count == 0) return Step::kOk;
  ++depth_;
  level() = {first, first, first + row.inside, count, row.type == KafkaType::kArray};
  return Step::kOk;
}

KafkaWalk::Step KafkaWalk::end_structure(Cursor& cursor) {
  if (flexible_ && level().structure) {
    std::uint64_t tags = 0;
    const Step step = cursor.varint(tags);
    if (step != Step::kOk) return step;
    if (tags > cursor.remaining()) return Step::kMalformed;
    tags_ = tags;
    if (tags > 0) return Step::kOk;
  }
  return close_element();
}

KafkaWalk::Step KafkaWalk::read_tag(Cursor& cursor) {
  std::uint64_t tag = 0, size = 0;
  Step step = cursor.varint(tag);
  if (step == Step::kOk) step = cursor.varint(size);
  if (step != Step::kOk) return step;
  cursor.skip = size;
  return --tags_ > 0 ? Step::kOk : close_element();
}

KafkaWalk::Step KafkaWalk::close_element() {
  if (depth_ == 0) {
    over_ = true;
    return Step::kOk;
  }
  if (--level().left > 0) {
    level().row = level().begin;
  } else {
    --depth_;
  }
  return Step::kOk;
}

KafkaWalk::Step KafkaWalk::read_batch(Cursor& cursor, KafkaReport& report) {
  const auto needed = static_cast<std::size_t>(std::min<std::uint64_t>(records_, kBatchHead));
  if (!cursor.has(needed)) return Step::kMore;
  const std::uint8_t* head = cursor.bytes.data() + cursor.at;
  const std::uint64_t size =
      needed < kOldHead ? 0 : kBatchPrefix + std::uint64_t{load_be32(head + 8)};
  const std::uint8_t magic = needed < kOldHead ? 0 : head[kMagicAt];
  const std::size_t least = magic < 2 ? kOldHead : kBatchHead;
  if (size < least || size > records_ || magic > 2) {
    // The last one may be cut where the server had to stop.
    cursor.skip = records_;
    records_ = 0;
    return Step::kOk;
  }
  if (magic == 2) {
    const std::uint16_t attributes = load_be16(head + kAttributesAt);
    const std::uint32_t count = load_be32(head + kCountAt);
    report.on_batch((attributes & kControl) == 0 ? count : 0, attributes & kCompressionMask);
  } else {
    const int compression = head[kOldAttributesAt] & kCompressionMask;
    report.on_batch(compression == 0 ? std::optional<std::uint32_t>(1) : std::nullopt, compression);
  }
  cursor.skip = size;
  records_ -= size;
  return Step::kOk;
}

}  // namespace weir
