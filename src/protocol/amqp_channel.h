// AmqpChannel: what must be known of a channel to tell what answers what.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/amqp_methods.h"
#include "protocol/amqp_unsettled.h"
#include "protocol/decoder.h"

namespace weir {

struct AmqpChannel {
  static constexpr std::size_t kMostPending = 64;

  // A method that waits for its answer.
  struct Pending {
    std::uint64_t stream_id;
    const AmqpMethod* method;
    Direction direction;
    bool failed;    // it is a close for an error
    bool doubtful;  // its answer may have been lost
  };
  struct Consumer {
    std::string tag, queue;
    bool settles;  // acknowledges what is delivered to it
  };
  // A message whose body has not passed, one for each direction.
  struct Content {
    std::uint64_t stream_id = 0, size = 0, left = 0, wire_bytes = 0;
    std::uint64_t end = 0;  // of its last frame
    bool open = false;
    bool sized = false;  // its header has been read
    bool told = false;   // and is part of the message already
    std::string message_id, correlation_id;
  };

  explicit AmqpChannel(std::uint16_t n) : number(n) {}

  const Consumer* consumer(std::string_view tag) const {
    for (const Consumer& c : consumers) {
      if (c.tag == tag) return &c;
    }
    return nullptr;
  }

  std::uint16_t number;
  bool joined = true;       // its beginning was not seen
  bool confirms = false;    // publishes are confirmed
  bool uncounted = false;   // but it is not known which tags they have
  bool rolling = false;     // and published on while some were not
  std::uint64_t acked = 0;  // the highest tag that was confirmed since the last publish
  std::uint64_t last_publish = 0;
  std::vector<Pending> pending;  // oldest first
  std::vector<Consumer> consumers;
  AmqpUnsettled publishes, deliveries;
  Content content[2];
};

// The channels of a connection, bounded.
class AmqpChannels {
 public:
  static constexpr std::size_t kMost = 2048;

  // The channel, made where it is not there; null where there are too many.
  AmqpChannel* get(std::uint16_t number) {
    if (last_ < all_.size() && all_[last_]->number == number) return all_[last_].get();
    last_ = place(number);
    if (last_ < all_.size() && all_[last_]->number == number) return all_[last_].get();
    if (all_.size() == kMost) return nullptr;
    all_.insert(all_.begin() + static_cast<std::ptrdiff_t>(last_),
                std::make_unique<AmqpChannel>(number));
    return all_[last_].get();
  }
  void remove(std::uint16_t number) {
    const std::size_t at = place(number);
    if (at == all_.size() || all_[at]->number != number) return;
    all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  const std::vector<std::unique_ptr<AmqpChannel>>& all() const { return all_; }
  void clear() { all_.clear(); }

 private:
  std::size_t place(std::uint16_t number) const {
    const auto found = std::lower_bound(
        all_.begin(), all_.end(), number,
        [](const std::unique_ptr<AmqpChannel>& c, std::uint16_t n) { return c->number < n; });
    return static_cast<std::size_t>(found - all_.begin());
  }

  std::vector<std::unique_ptr<AmqpChannel>> all_;  // by number
  std::size_t last_ = 0;                           // got last
};

}  // namespace weir
