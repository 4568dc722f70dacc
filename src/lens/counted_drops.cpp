#include "lens/counted_drops.h"

namespace weir {

Result<CountedDrops> CountedDrops::open() {
  auto counters = DropCounters::open();
  if (!counters) return tl::unexpected(counters.error());
  CountedDrops drops(std::move(*counters));
  if (auto read = drops.tick([](auto&&...) {}); !read) return tl::unexpected(read.error());
  return drops;
}

Result<> CountedDrops::tick(const Gain& visit) {
  ++ticks_;
  // By value: several queues of a driver may share a name.
  absl::flat_hash_map<std::pair<std::string, std::string>, std::uint64_t> now;
  auto read =
      counters_.read([&](std::string_view name, std::string_view interface, std::uint64_t value) {
        now[{std::string(name), std::string(interface)}] += value;
      });
  if (!read) return read;
  for (const auto& [key, value] : now) {
    Known& known = known_[key];
    const std::uint64_t gained = value >= known.value ? value - known.value : value;
    known = {value, ticks_};
    if (gained > 0) visit(key.first, key.second, gained);
  }
  // Of interfaces that are gone.
  absl::erase_if(known_, [&](const auto& entry) { return entry.second.tick != ticks_; });
  return read;
}

}  // namespace weir
