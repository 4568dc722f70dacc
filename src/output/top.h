// Top: which requests cost most, by what was asked. One per worker; a reader takes what has
// gathered since it last did. Bounded: what finds no room counts as "(other)".
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "record/record_sink.h"

namespace weir {

struct TopEntry {
  std::string asked;  // "http GET /index.html"; printable
  std::uint64_t count = 0;
  std::uint64_t errors = 0;  // and unanswered ones
  Nanos total_ns = 0;
  Nanos max_ns = 0;

  void add(const TopEntry& other);
};

enum class TopOrder : std::uint8_t { kTotalTime, kCount, kErrors };

// What several workers have gathered, added up.
class TopTable {
 public:
  void add(const TopEntry& entry);
  // The first `limit` by that order, those that have none of it left out.
  std::vector<TopEntry> first(TopOrder order, std::size_t limit) const;

 private:
  absl::flat_hash_map<std::string, TopEntry> entries_;
};

class Top final : public RecordSink {
 public:
  static constexpr std::size_t kMaxKeys = 512;
  static constexpr std::size_t kMaxColumns = 80;  // of what was asked; longer texts are cut
  static constexpr std::string_view kOther = "(other)";

  explicit Top(std::size_t max_keys = kMaxKeys) : max_keys_(max_keys) {}

  using RecordSink::on;
  void on(const RoundTrip& trip) noexcept override;
  // For any thread; begins anew.
  void take(TopTable& into);

 private:
  using Entries = absl::flat_hash_map<std::string, TopEntry>;

  const std::size_t max_keys_;
  std::string key_;  // scratch
  std::mutex mutex_;
  Entries entries_;  // guarded; the name is the key, TopEntry::asked stays empty
};

}  // namespace weir
