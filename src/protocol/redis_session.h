// RedisSession: what a connection's commands have made of it, and so what a value from the server
// is: a reply, or something sent unasked. Commands and values are counted against each other; after
// a loss the count begins anew.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/decoder.h"
#include "protocol/redis_commands.h"
#include "protocol/redis_resp.h"

namespace weir {

class RedisSession {
 public:
  struct Answer {
    MessageKind kind = MessageKind::kResponse;
    std::string_view pushed;  // of what was sent unasked: message, invalidate, monitor, ...
    bool opaque = false;      // a replication stream follows
  };

  // kRequest, or kOneWay for what will not be answered.
  MessageKind on_request(const RedisCommand& command);
  Answer on_value(const RespReader::Value& value);
  void on_gap(Direction direction);

  char version() const { return version_; }
  // Empty as long as no SELECT was answered.
  std::string_view database() const { return {database_.data.data(), database_.size}; }
  bool sync_requested() const {
    return !pending_.empty() && pending_[0].effect == RedisEffect::kSync;
  }
  // Values come without requests.
  bool listening() const { return subscribed_ || monitoring_; }

 private:
  struct Word {
    std::array<char, 16> data{};
    std::size_t size = 0;
    void set(std::string_view text);
  };
  // A request whose reply matters.
  struct Pending {
    std::uint64_t number = 0;
    RedisEffect effect = RedisEffect::kNone;
    std::uint64_t arguments = 0;
    Word argument;  // of SUBSCRIBE and its relatives: the word that confirms it
  };
  static constexpr std::size_t kMaxPending = 256;

  bool is_confirmation(const RespReader::Value& value) const;
  bool is_unasked(const RespReader::Value& value) const;
  Answer confirm(const RespReader::Value& value);
  Answer apply(const Pending& pending, const RespReader::Value& value);
  void expect(RedisEffect effect, const RedisCommand& command);
  void reset();

  std::uint64_t sent_ = 0, answered_ = 0;  // requests that are answered, and the answers
  std::vector<Pending> pending_;
  std::uint64_t confirmations_ = 0;  // still to come of an answered SUBSCRIBE
  Word database_, queued_database_;
  char version_ = '2';
  bool silent_ = false, skips_next_ = false;  // CLIENT REPLY OFF, SKIP
  bool in_transaction_ = false, subscribed_ = false, monitoring_ = false;
};

}  // namespace weir
