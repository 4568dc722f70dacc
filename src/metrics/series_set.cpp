#include "metrics/series_set.h"

#include <fmt/format.h>
#include <snappy-sinksource.h>
#include <snappy.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>
#include <utility>

#include "metrics/remote_write_fields.h"

namespace weir {
namespace {

constexpr std::size_t kBlockBytes = 256u << 10U;
constexpr std::size_t kBlockRows = 2048;
constexpr std::uint32_t kNone = UINT32_MAX;
// A number, a blank, a time stamp and the line's end.
constexpr std::size_t kMaxTail = 64;

char* put_number(char* at, char* end, double value) {
  constexpr double kExact = 9007199254740992;  // integers below it are exact
  if (std::trunc(value) == value && std::fabs(value) < kExact) {
    return std::to_chars(at, end, static_cast<std::int64_t>(value)).ptr;
  }
  if (std::isfinite(value)) return std::to_chars(at, end, value).ptr;
  const std::string_view text = std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  return std::copy(text.begin(), text.end(), at);
}

// What a request is compressed from, piece by piece.
class Pieces final : public snappy::Source {
 public:
  void add(std::string_view piece) {
    pieces_.push_back(piece);
    left_ += piece.size();
  }
  void clear() {
    pieces_.clear();
    next_ = left_ = 0;
  }
  std::size_t Available() const override { return left_; }
  const char* Peek(std::size_t* length) override {
    *length = left_ == 0 ? 0 : pieces_[next_].size();
    return left_ == 0 ? nullptr : pieces_[next_].data();
  }
  void Skip(std::size_t count) override {
    left_ -= count;
    while (count > 0) {
      const std::size_t step = std::min(count, pieces_[next_].size());
      pieces_[next_].remove_prefix(step);
      if (pieces_[next_].empty()) ++next_;
      count -= step;
    }
  }

 private:
  std::vector<std::string_view> pieces_;
  std::size_t next_ = 0, left_ = 0;
};

}  // namespace

// Records behind one another: whole TimeSeries messages, or what stands before the numbers of text.
struct SeriesSet::Block {
  struct Row {
    double value;
    std::uint32_t end;    // of the record in `bytes`
    std::uint32_t entry;  // kNone: removed
  };
  std::string bytes;
  std::vector<Row> rows;
  std::size_t removed = 0;

  void append(std::string_view record, double value, std::uint32_t entry) {
    bytes += record;
    rows.push_back({value, static_cast<std::uint32_t>(bytes.size()), entry});
  }
  std::string_view record(std::size_t row) const {
    const std::size_t begin = row == 0 ? 0 : rows[row - 1].end;
    return std::string_view(bytes).substr(begin, rows[row].end - begin);
  }
  void write_samples(std::int64_t milliseconds) {
    for (const Row& row : rows) {
      write_sample(bytes.data() + row.end - kSampleBytes, row.value, milliseconds);
    }
  }
  // `ending` is what follows each number.
  void append_lines(std::string& out, std::string_view ending) const {
    char tail[kMaxTail];
    std::uint32_t begin = 0;
    for (const Row& row : rows) {
      if (row.entry != kNone) {
        out.append(bytes, begin, row.end - begin);
        char* end = put_number(tail, tail + sizeof tail, row.value);
        out.append(tail, std::copy(ending.begin(), ending.end(), end));
      }
      begin = row.end;
    }
  }
};

SeriesSet::SeriesSet(Form form, const Limits& limits)
    : form_(form), limits_(limits), free_entry_(kNone) {}

SeriesSet::~SeriesSet() = default;

SeriesSet::Family SeriesSet::family(std::string name, std::string type, std::string help) {
  FamilyColumn column;
  column.name = std::move(name);
  column.type = std::move(type);
  column.help = std::move(help);
  families_.push_back(std::move(column));
  return static_cast<Family>(families_.size() - 1);
}

std::optional<SeriesSet::Handle> SeriesSet::add(Family family,
                                                std::span<const SeriesLabel> labels) {
  if (size_ >= limits_.max_series) {
    ++refused_;
    return std::nullopt;
  }
  FamilyColumn& column = families_[static_cast<std::size_t>(family)];
  scratch_.clear();
  if (form_ == Form::kText) {
    append_text_series(scratch_, column.name, labels);
  } else {
    append_remote_write_series(scratch_, column.name, labels);
  }
  std::uint32_t entry = free_entry_;
  if (entry == kNone) {
    entry = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({});
  } else {
    free_entry_ = entries_[entry].round;
  }
  Block& block = block_with_room(column, scratch_.size());
  entries_[entry] = {&block, static_cast<std::uint32_t>(block.rows.size()), round_};
  block.append(scratch_, 0, entry);
  ++size_;
  return static_cast<Handle>(entry);
}

void SeriesSet::set(Handle series, double value) noexcept {
  const Entry& entry = entries_[static_cast<std::size_t>(series)];
  assert(entry.block != nullptr);
  entry.block->rows[entry.row].value = value;
}

void SeriesSet::remove(Handle series) {
  const auto index = static_cast<std::uint32_t>(series);
  Entry& entry = entries_[index];
  assert(entry.block != nullptr);
  // What no round has told of needs no end.
  if (form_ == Form::kRemoteWrite && entry.round != round_) {
    tell_end(entry.block->record(entry.row));
  }
  entry.block->rows[entry.row].entry = kNone;
  ++entry.block->removed;
  entry = {nullptr, 0, free_entry_};
  free_entry_ = index;
  --size_;
}

SeriesSet::Block& SeriesSet::block_with_room(Column& column, std::size_t bytes) const {
  const std::size_t most_rows = std::min(kBlockRows, limits_.request_samples);
  const std::size_t most_bytes = std::min(kBlockBytes, limits_.request_bytes);
  for (; column.open < column.blocks.size(); ++column.open) {
    Block& block = *column.blocks[column.open];
    const std::size_t as_text = block.bytes.size() + bytes + (block.rows.size() + 1) * kMaxTail;
    if (block.rows.size() < most_rows && as_text <= most_bytes) return block;
  }
  return *column.blocks.emplace_back(std::make_unique<Block>());
}

// A marker must not be lost to the series that takes its entry, so it keeps bytes of its own. There
// are never more of them than a set can hold: who replaces all series in one round twice over is
// told of the first ones only.
void SeriesSet::tell_end(std::string_view record) {
  if (ended_size_ >= limits_.max_series) return;
  block_with_room(ended_, record.size())
      .append(record, std::bit_cast<double>(remote_write::kStaleBits), kNone);
  ++ended_size_;
}

// Closes the holes of removed series.
void SeriesSet::compact(FamilyColumn& column) {
  for (const auto& block : column.blocks) {
    if (block->removed == 0) continue;
    std::size_t kept = 0;
    std::uint32_t begin = 0, end = 0;
    for (const Block::Row row : block->rows) {
      const std::uint32_t length = row.end - begin;
      if (row.entry != kNone) {
        std::memmove(block->bytes.data() + end, block->bytes.data() + begin, length);
        end += length;
        entries_[row.entry].row = static_cast<std::uint32_t>(kept);
        block->rows[kept++] = {row.value, end, row.entry};
      }
      begin = row.end;
    }
    block->rows.resize(kept);
    block->bytes.resize(end);
    block->removed = 0;
    if (block->bytes.size() < block->bytes.capacity() / 4) {
      block->bytes.shrink_to_fit();
      block->rows.shrink_to_fit();
    }
    column.open = 0;
  }
  std::erase_if(column.blocks, [](const auto& block) { return block->rows.empty(); });
}

void SeriesSet::encode_round(Nanos time, const Requests& requests) {
  for (FamilyColumn& column : families_) compact(column);
  const std::int64_t milliseconds = time / kMillisecond;
  if (form_ == Form::kRemoteWrite) {
    encode_remote_write(milliseconds, requests);
  } else {
    encode_text(milliseconds, requests);
  }
  ++round_;
}

void SeriesSet::encode_remote_write(std::int64_t milliseconds, const Requests& requests) {
  Pieces pieces;
  std::size_t samples = 0;
  const auto finish = [&] {
    if (samples == 0) return;
    scratch_.resize(std::max(scratch_.size(), snappy::MaxCompressedLength(pieces.Available())));
    snappy::UncheckedByteArraySink sink(scratch_.data());
    const std::size_t length = snappy::Compress(&pieces, &sink);
    requests(std::string_view(scratch_).substr(0, length), std::exchange(samples, 0));
    pieces.clear();
  };
  const auto take = [&](const Column& column, std::int64_t stamp) {
    for (const auto& block : column.blocks) {
      if (samples + block->rows.size() > limits_.request_samples ||
          pieces.Available() + block->bytes.size() > limits_.request_bytes) {
        finish();
      }
      block->write_samples(stamp);
      pieces.add(block->bytes);
      samples += block->rows.size();
    }
  };
  // Before the round, also in time: a series that was removed may have come back in it.
  take(ended_, milliseconds - 1);
  for (const FamilyColumn& column : families_) take(column, milliseconds);
  finish();
  ended_ = {};
  ended_size_ = 0;
}

void SeriesSet::encode_text(std::int64_t milliseconds, const Requests& requests) {
  const std::string ending = fmt::format(" {}\n", milliseconds);
  std::size_t samples = 0;
  scratch_.clear();
  const auto finish = [&] {
    if (samples > 0) requests(scratch_, std::exchange(samples, 0));
    scratch_.clear();
  };
  for (const FamilyColumn& column : families_) {
    for (const auto& block : column.blocks) {
      if (samples + block->rows.size() > limits_.request_samples ||
          scratch_.size() + block->bytes.size() + block->rows.size() * kMaxTail >
              limits_.request_bytes) {
        finish();
      }
      block->append_lines(scratch_, ending);
      samples += block->rows.size();
    }
  }
  finish();
}

void SeriesSet::append_page(std::string& out) const {
  assert(form_ == Form::kText);
  // Most numbers are shorter than this.
  constexpr std::size_t kUsualTail = 16;
  std::size_t bytes = out.size();
  for (const FamilyColumn& column : families_) {
    bytes += column.help.size() + 2 * column.name.size() + 64;
    for (const auto& block : column.blocks) {
      bytes += block->bytes.size() + block->rows.size() * kUsualTail;
    }
  }
  out.reserve(bytes);
  for (const FamilyColumn& column : families_) {
    const bool empty = std::all_of(column.blocks.begin(), column.blocks.end(),
                                   [](const auto& b) { return b->removed == b->rows.size(); });
    if (empty) continue;
    fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", column.name,
                   column.help, column.type);
    for (const auto& block : column.blocks) block->append_lines(out, "\n");
  }
}

}  // namespace weir
