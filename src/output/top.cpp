#include "output/top.h"

#include <algorithm>
#include <utility>

#include "output/printable.h"

namespace weir {
namespace {

std::uint64_t measure(const TopEntry& entry, TopOrder order) {
  switch (order) {
    case TopOrder::kTotalTime:
      return static_cast<std::uint64_t>(std::max<Nanos>(entry.total_ns, 0));
    case TopOrder::kCount:
      return entry.count;
    case TopOrder::kErrors:
      return entry.errors;
  }
  return 0;
}

}  // namespace

void TopEntry::add(const TopEntry& other) {
  count += other.count;
  errors += other.errors;
  total_ns += other.total_ns;
  max_ns = std::max(max_ns, other.max_ns);
}

void TopTable::add(const TopEntry& entry) {
  TopEntry& sum = entries_[entry.asked];
  sum.asked = entry.asked;
  sum.add(entry);
}

std::vector<TopEntry> TopTable::first(TopOrder order, std::size_t limit) const {
  std::vector<TopEntry> list;
  for (const auto& [asked, entry] : entries_) {
    if (measure(entry, order) > 0) list.push_back(entry);
  }
  std::sort(list.begin(), list.end(), [order](const TopEntry& a, const TopEntry& b) {
    const auto x = measure(a, order), y = measure(b, order);
    return x != y ? x > y : a.asked < b.asked;
  });
  if (list.size() > limit) list.resize(limit);
  return list;
}

void Top::on(const RoundTrip& trip) noexcept {
  if (!trip.request) return;
  key_.assign(trip.vocabulary->name);
  key_ += ' ';
  if (append_asked(key_, trip, kMaxColumns) == 0) key_.pop_back();
  TopEntry one;
  one.count = 1;
  one.errors = trip.status == Status::kError || trip.status == Status::kUnanswered ? 1 : 0;
  one.total_ns = trip.status == Status::kOneWay ? 0 : trip.duration_ns;
  one.max_ns = one.total_ns;

  const std::lock_guard lock(mutex_);
  auto found = entries_.find(key_);
  if (found == entries_.end()) {
    // One place is kept for the others.
    const bool full = entries_.size() + 1 >= max_keys_;
    found = entries_.try_emplace(full ? std::string(kOther) : key_).first;
  }
  found->second.add(one);
}

void Top::take(TopTable& into) {
  Entries taken;
  {
    const std::lock_guard lock(mutex_);
    std::swap(taken, entries_);
  }
  for (auto& [asked, entry] : taken) {
    entry.asked = asked;
    into.add(entry);
  }
}

}  // namespace weir
