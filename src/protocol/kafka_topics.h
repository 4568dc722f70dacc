// KafkaTopics: the names of the topics that a connection has seen with their ids. Bounded: the
// oldest go, and are then shown by their id.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace weir {

class KafkaTopics {
 public:
  static constexpr std::size_t kIdBytes = 16;

  void learn(Bytes id, std::string_view name) {
    if (Topic* known = find(id)) {
      known->name.assign(name);
      return;
    }
    if (topics_.size() < kMost) {
      topics_.emplace_back();
      oldest_ = topics_.size() - 1;
    } else {
      oldest_ = (oldest_ + 1) % kMost;
    }
    std::memcpy(topics_[oldest_].id.data(), id.data(), kIdBytes);
    topics_[oldest_].name.assign(name);
  }
  // Empty where it is not known. Valid until the next learn().
  std::string_view name_of(Bytes id) {
    const Topic* known = find(id);
    return known ? std::string_view(known->name) : std::string_view{};
  }

 private:
  static constexpr std::size_t kMost = 512;

  struct Topic {
    std::array<std::uint8_t, kIdBytes> id;
    std::string name;
  };

  Topic* find(Bytes id) {
    for (Topic& topic : topics_) {
      if (std::memcmp(topic.id.data(), id.data(), kIdBytes) == 0) return &topic;
    }
    return nullptr;
  }

  std::vector<Topic> topics_;
  std::size_t oldest_ = 0;  // the next to go stands behind it
};

}  // namespace weir
