// RedisCommand: one request, taken argument by argument: its name, the text that shows it, and
// whether it changes what comes back on its connection.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// Commands after which the connection is not what it was, or that are answered in their own way.
enum class RedisEffect : std::uint8_t {
  kNone,
  kSelect,
  kHello,
  kSubscribe,  // and its relatives, UNSUBSCRIBE too
  kMonitor,
  kSync,
  kMulti,
  kExec,
  kDiscard,
  kReset,
  kReplyOn,
  kReplyOff,
  kReplySkip,
  kAcknowledge,  // REPLCONF ACK: has no reply
};

class RedisCommand {
 public:
  // `raw`: show arguments as they are (never passwords), else "?" in the place of each.
  explicit RedisCommand(bool raw) : raw_(raw) {}

  void clear();
  // The next argument, the first one being the name. `text` may be only its beginning.
  void add(std::string_view text) {
    if (plain_) {
      ++count_;
    } else {
      read(text);
    }
  }
  // So many arguments follow that are not added.
  void add_unseen(std::uint64_t arguments);

  // Upper case, with the sub-command of a container ("CONFIG GET"); empty where the first argument
  // is no command's name.
  std::string_view name() const { return {name_.data(), name_size_}; }
  std::string_view query() const {
    if (!plain_) return query_;
    const std::uint64_t unseen = arguments();
    return {shown_.data(), name_size_ + 2 * static_cast<std::size_t>(std::min(unseen, kMaxShown)) +
                               (unseen > kMaxShown ? kMore.size() : 0)};
  }
  // Whether the text of the next argument has to be given to add().
  bool wants_text() const { return raw_ || count_ < (container_ ? kKept : kKept - 1); }
  bool empty() const { return count_ == 0; }
  std::uint64_t arguments() const { return count_ - 1; }  // behind the name
  // The first argument behind the name, cut to a few bytes.
  std::string_view argument() const { return {argument_.data(), argument_size_}; }
  RedisEffect effect() const { return plain_ ? RedisEffect::kNone : find_effect(); }

 private:
  static constexpr std::size_t kKept = 3;         // arguments that effect() may ask for
  static constexpr std::uint64_t kMaxShown = 16;  // "?" for so many arguments
  static constexpr std::size_t kMaxName = 64;
  static constexpr std::string_view kMore = " ...";

  void read(std::string_view text);
  RedisEffect find_effect() const;
  void add_name(std::string_view text);
  void remember(std::string_view spelled);
  bool add_subcommand(std::string_view text);
  void show(std::string_view text);
  void cut_short();
  bool is_secret(std::string_view text);

  const bool raw_;
  std::uint64_t count_ = 0;
  std::array<char, 104> name_{};
  std::size_t name_size_ = 0, word_size_ = 0;  // word: without sub-command
  std::array<char, 16> argument_{}, second_{};
  std::size_t argument_size_ = 0, second_size_ = 0;
  std::string query_;
  bool container_ = false, cut_ = false;
  std::uint8_t hides_ = 0;  // 1: the next argument is a password, 2: the one after it

  // Most commands are the one before again, and their arguments matter to nobody: of these, name_
  // and shown_ stand as they were, and count_ is all that changes.
  bool plain_ = false;
  std::array<char, kMaxName> spelled_{};  // the name of the last such command, as it was sent
  std::size_t spelled_size_ = 0;
  std::array<char, kMaxName + 2 * kMaxShown + kMore.size()> shown_{};  // with all its "?"
};

// Whether this word, in any case, is a command of Redis' own.
bool is_redis_command(std::string_view word);
// Whether one of them begins like this.
bool may_be_redis_command(std::string_view beginning);

}  // namespace weir
