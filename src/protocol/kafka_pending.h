// KafkaPending: the requests of a connection that have not been answered, as far as an answer needs
// them to be understood. A server answers in the order of the requests. Bounded: the oldest go.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace weir {

class KafkaPending {
 public:
  struct Request {
    std::int32_t correlation;
    std::uint16_t key;
    std::int16_t version;
  };

  void push(const Request& request) {
    if (first_ == requests_.size()) {
      requests_.clear();
      first_ = 0;
    } else if (requests_.size() == requests_.capacity() && first_ > 0) {
      requests_.erase(requests_.begin(), requests_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    if (requests_.size() - first_ == kMost) ++first_;
    requests_.push_back(request);
  }
  bool empty() const { return first_ == requests_.size(); }
  std::optional<Request> look(std::int32_t correlation) const {
    const std::size_t at = find(correlation);
    return at == requests_.size() ? std::nullopt : std::optional(requests_[at]);
  }
  // The request with this id has been answered. So has what was asked before it, or its answer was
  // lost.
  void answered(std::int32_t correlation) {
    const std::size_t at = find(correlation);
    if (at != requests_.size()) first_ = at + 1;
  }

 private:
  static constexpr std::size_t kMost = 4096;

  std::size_t find(std::int32_t correlation) const {
    std::size_t at = first_;
    while (at < requests_.size() && requests_[at].correlation != correlation) ++at;
    return at;
  }

  std::vector<Request> requests_;
  std::size_t first_ = 0;
};

}  // namespace weir
