// HttpPending: what must be known of the requests that still wait for their response, to know where
// that response ends. Bounded; after a loss it says that it guesses.
#pragma once

#include <bitset>
#include <cstdint>

namespace weir {

class HttpPending {
 public:
  static constexpr std::uint64_t kMax = 1024;  // requests whose kind is remembered

  // Of the request that a response answers. `last`: it is the newest one.
  struct Asked {
    bool known = false, head = false, last = false;
  };

  void add(bool is_head) {
    // After a loss the count is right again once question and answer take turns.
    if (answer_seen_ && none()) uncertain_ = false;
    if (requests_ - responses_ == kMax) forget();
    heads_[requests_++ % kMax] = is_head;
    request_seen_ = true;
  }

  // A final response came.
  Asked answer() {
    answer_seen_ = true;
    if (none()) return {};
    const bool is_head = heads_[responses_++ % kMax];
    return {true, is_head, none()};
  }

  // Something was lost, of the requests or of the responses.
  void forget() {
    requests_ = responses_ = 0;
    doubt();
  }
  void doubt() {
    uncertain_ = true;
    answer_seen_ = false;
  }

  bool none() const { return requests_ == responses_; }
  bool uncertain() const { return uncertain_; }
  bool request_seen() const { return request_seen_; }  // ever

 private:
  std::uint64_t requests_ = 0, responses_ = 0;  // counted since what was last forgotten
  std::bitset<kMax> heads_;                     // by request number: it was a HEAD
  bool uncertain_ = false;                      // which request a response belongs to is a guess
  bool answer_seen_ = false;                    // a final response since then
  bool request_seen_ = false;
};

}  // namespace weir
