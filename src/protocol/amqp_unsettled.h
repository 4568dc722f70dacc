// AmqpUnsettled: what was sent on a channel and waits to be acknowledged: publishes by the server,
// deliveries by the client.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace weir {

class AmqpUnsettled {
 public:
  struct Entry {
    std::uint64_t tag, stream_id;
    bool settled;
  };

  // Tags grow.
  void push(std::uint64_t tag, std::uint64_t stream_id) {
    if (entries_.size() == entries_.capacity()) make_room();
    entries_.push_back({tag, stream_id, false});
    ++open_;
  }
  // Acknowledgments of what is open may have been lost.
  void lose() { doubtful_ = last_tag(); }
  // Calls each(tag, stream_id, sure) for what an acknowledgment settles; how many there were. With
  // `multiple` that is all up to the tag, and tag 0 is the last one; what it does not name is not
  // sure to be settled by it where a former one may have been lost.
  template <typename Each>
  std::size_t settle(std::uint64_t tag, bool multiple, Each each) {
    const std::size_t before = open_;
    if (multiple) {
      while (first_ < entries_.size() && (tag == 0 || entries_[first_].tag <= tag)) {
        const std::uint64_t own = entries_[first_].tag;
        settle_one(entries_[first_], each, own == tag || own > doubtful_);
        ++first_;
      }
    } else {
      const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first_);
      const auto found = std::lower_bound(
          begin, entries_.end(), tag, [](const Entry& e, std::uint64_t t) { return e.tag < t; });
      if (found != entries_.end() && found->tag == tag) settle_one(*found, each, true);
      while (first_ < entries_.size() && entries_[first_].settled) ++first_;
    }
    if (first_ == entries_.size()) {
      entries_.clear();
      first_ = 0;
      if (entries_.capacity() > kKept) entries_ = {};
    }
    return before - open_;
  }
  std::size_t open() const { return open_; }
  // What was sent last waits, and its acknowledgment was not lost.
  bool last_is_open() const {
    return !entries_.empty() && !entries_.back().settled && entries_.back().tag > doubtful_;
  }
  // The last tag; 0 where nothing is open.
  std::uint64_t last_tag() const { return entries_.empty() ? 0 : entries_.back().tag; }

 private:
  static constexpr std::size_t kKept = 1024;  // entries whose room is kept

  // In proportion to what is open, whatever was settled before it.
  void make_room() {
    std::erase_if(entries_, [](const Entry& e) { return e.settled; });
    first_ = 0;
    if (entries_.size() > entries_.capacity() / 2) entries_.reserve(2 * entries_.size() + 8);
  }
  template <typename Each>
  void settle_one(Entry& entry, Each& each, bool sure) {
    if (entry.settled) return;
    entry.settled = true;
    --open_;
    each(entry.tag, entry.stream_id, sure);
  }

  std::vector<Entry> entries_;
  std::uint64_t doubtful_ = 0;  // the last tag of what was open then
  std::size_t first_ = 0, open_ = 0;
};

}  // namespace weir
