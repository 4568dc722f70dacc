#include "protocol/redis_commands.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kMaxSubcommand = 32;
constexpr std::size_t kMaxArgumentText = 1024;  // of one argument, as it is
constexpr std::size_t kMaxText = 8192;

constexpr std::string_view kContainers[] = {"ACL",    "CLIENT",   "CLUSTER", "COMMAND",  "CONFIG",
                                            "DEBUG",  "FUNCTION", "LATENCY", "MEMORY",   "MODULE",
                                            "OBJECT", "PUBSUB",   "SCRIPT",  "SENTINEL", "SLOWLOG",
                                            "XGROUP", "XINFO"};

// Between spaces.
constexpr std::string_view kCommands =
    " ACL APPEND ASKING AUTH BGREWRITEAOF BGSAVE BITCOUNT BITFIELD BITFIELD_RO BITOP BITPOS"
    " BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT CLUSTER COMMAND"
    " CONFIG COPY DBSIZE DEBUG DECR DECRBY DEL DISCARD DUMP ECHO EVAL EVALSHA EVALSHA_RO"
    " EVAL_RO EXEC EXISTS EXPIRE EXPIREAT EXPIRETIME FAILOVER FCALL FCALL_RO FLUSHALL"
    " FLUSHDB FUNCTION GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEOSEARCH GEOSEARCHSTORE GET"
    " GETBIT GETDEL GETEX GETRANGE GETSET HDEL HELLO HEXISTS HEXPIRE HGET HGETALL HINCRBY"
    " HINCRBYFLOAT HKEYS HLEN HMGET HMSET HRANDFIELD HSCAN HSET HSETNX HSTRLEN HTTL HVALS"
    " INCR INCRBY INCRBYFLOAT INFO KEYS LASTSAVE LATENCY LCS LINDEX LINSERT LLEN LMOVE LMPOP"
    " LOLWUT LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM MEMORY MGET MIGRATE MODULE"
    " MONITOR MOVE MSET MSETNX MULTI OBJECT PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PFADD"
    " PFCOUNT PFMERGE PING PSETEX PSUBSCRIBE PSYNC PTTL PUBLISH PUBSUB PUNSUBSCRIBE QUIT"
    " RANDOMKEY READONLY READWRITE RENAME RENAMENX REPLCONF REPLICAOF RESET RESTORE ROLE"
    " RPOP RPOPLPUSH RPUSH RPUSHX SADD SAVE SCAN SCARD SCRIPT SDIFF SDIFFSTORE SELECT"
    " SENTINEL SET SETBIT SETEX SETNX SETRANGE SHUTDOWN SINTER SINTERCARD SINTERSTORE"
    " SISMEMBER SLAVEOF SLOWLOG SMEMBERS SMISMEMBER SMOVE SORT SORT_RO SPOP SPUBLISH"
    " SRANDMEMBER SREM SSCAN SSUBSCRIBE STRLEN SUBSCRIBE SUBSTR SUNION SUNIONSTORE"
    " SUNSUBSCRIBE SWAPDB SYNC TIME TOUCH TTL TYPE UNLINK UNSUBSCRIBE UNWATCH WAIT WAITAOF"
    " WATCH XACK XADD XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN XPENDING XRANGE XREAD"
    " XREADGROUP XREVRANGE XSETID XTRIM ZADD ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINCRBY ZINTER"
    " ZINTERCARD ZINTERSTORE ZLEXCOUNT ZMPOP ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE"
    " ZRANGEBYLEX ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK"
    " ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION ZUNIONSTORE"
    " ";

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

bool equals(std::string_view text, std::string_view in_upper_case) {
  return text.size() == in_upper_case.size() &&
         std::equal(text.begin(), text.end(), in_upper_case.begin(),
                    [](char a, char b) { return upper(a) == b; });
}

bool contains(std::string_view text, std::string_view in_upper_case) {
  return std::search(text.begin(), text.end(), in_upper_case.begin(), in_upper_case.end(),
                     [](char a, char b) { return upper(a) == b; }) != text.end();
}

bool is_letter(char c) { return upper(c) >= 'A' && upper(c) <= 'Z'; }

bool is_name(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
         });
}

bool is_subcommand(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSubcommand && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || c == '-'; });
}

constexpr std::size_t kLongestCommand = 24;

// `whole`: the word is a command, else it is the beginning of one.
bool find_command(std::string_view word, bool whole) {
  std::array<char, kLongestCommand + 2> wanted;
  if (word.empty() ||
      !std::all_of(word.begin(), word.end(), [](char c) { return is_letter(c) || c == '_'; })) {
    return false;
  }
  wanted[0] = ' ';
  std::transform(word.begin(), word.end(), wanted.begin() + 1, upper);
  wanted[word.size() + 1] = ' ';
  return kCommands.find({wanted.data(), word.size() + (whole ? 2 : 1)}) != std::string_view::npos;
}

template <std::size_t kSize>
std::size_t keep(std::string_view text, std::array<char, kSize>& room) {
  const std::size_t size = std::min(text.size(), kSize);
  std::copy_n(text.data(), size, room.data());
  return size;
}

}  // namespace

void RedisCommand::clear() {
  count_ = 0;
  name_size_ = word_size_ = argument_size_ = second_size_ = 0;
  query_.clear();
  container_ = cut_ = plain_ = false;
  hides_ = 0;
}

void RedisCommand::read(std::string_view text) {
  const std::uint64_t index = count_++;
  if (index == 0) return add_name(text);
  if (index == 1) argument_size_ = keep(text, argument_);
  if (index == 2) second_size_ = keep(text, second_);
  if (index == 1 && container_ && add_subcommand(text)) return;
  if (!raw_) {
    if (index <= kMaxShown) {
      query_ += " ?";
    } else {
      cut_short();
    }
    return;
  }
  const bool secret = is_secret(text);
  query_ += ' ';
  show(secret ? std::string_view("?") : text);
}

void RedisCommand::add_unseen(std::uint64_t arguments) {
  if (raw_) {
    if (arguments != 0) cut_short();
    count_ += arguments;
    return;
  }
  // Without their texts the others all look alike.
  if (plain_) count_ += std::exchange(arguments, 0);
  for (; arguments != 0 && !cut_; --arguments) add({});
  count_ += arguments;
}

// Says in the text that more arguments follow.
void RedisCommand::cut_short() {
  if (!cut_) query_ += kMore;
  cut_ = true;
}

void RedisCommand::add_name(std::string_view text) {
  if (spelled_size_ != 0 && text == std::string_view(spelled_.data(), spelled_size_)) {
    name_size_ = word_size_ = spelled_size_;
    plain_ = true;
    return;
  }
  const bool named = is_name(text, kMaxName);
  if (named) {
    std::transform(text.begin(), text.end(), name_.begin(), upper);
    name_size_ = word_size_ = text.size();
    container_ =
        std::find(std::begin(kContainers), std::end(kContainers), name()) != std::end(kContainers);
  }
  if (raw_) {
    show(text);
  } else {
    query_ += named ? name() : std::string_view("?");
    remember(named && !container_ && find_effect() == RedisEffect::kNone && name() != "REPLCONF"
                 ? text
                 : std::string_view());
  }
}

void RedisCommand::remember(std::string_view spelled) {
  spelled_size_ = keep(spelled, spelled_);
  if (spelled_size_ == 0) return;
  plain_ = true;
  char* end = std::copy_n(name_.data(), name_size_, shown_.data());
  for (std::uint64_t i = 0; i < kMaxShown; ++i) {
    *end++ = ' ';
    *end++ = '?';
  }
  std::copy_n(kMore.data(), kMore.size(), end);
}

// False: what follows the container's name is an argument.
bool RedisCommand::add_subcommand(std::string_view text) {
  if (!is_subcommand(text)) return false;
  name_[name_size_++] = ' ';
  std::transform(text.begin(), text.end(), name_.begin() + static_cast<std::ptrdiff_t>(name_size_),
                 upper);
  name_size_ += text.size();
  query_ += ' ';
  if (raw_) {
    show(text);
  } else {
    query_ += name().substr(word_size_ + 1);
  }
  return true;
}

// Within the bounds on one argument and on all of them.
void RedisCommand::show(std::string_view text) {
  const std::size_t room = kMaxText - std::min(kMaxText, query_.size());
  query_ += text.substr(0, std::min(kMaxArgumentText, room));
}

// Whether this argument is a password, or may be one. Called once for each argument.
bool RedisCommand::is_secret(std::string_view text) {
  const std::string_view word(name_.data(), word_size_);
  if (hides_ != 0 && --hides_ == 0) return true;
  if (word == "AUTH") return true;
  if (word == "ACL") return count_ > kKept && text.find_first_of("><#!") != std::string_view::npos;
  if (word == "HELLO" && equals(text, "AUTH")) hides_ = 2;
  if (word == "MIGRATE" && equals(text, "AUTH")) hides_ = 1;
  if (word == "MIGRATE" && equals(text, "AUTH2")) hides_ = 2;
  if ((word == "CONFIG" || word == "SENTINEL") &&
      (contains(text, "PASS") || contains(text, "AUTH"))) {
    hides_ = 1;
  }
  return false;
}

RedisEffect RedisCommand::find_effect() const {
  using enum RedisEffect;
  const std::string_view command = name();
  const std::string_view second(second_.data(), second_size_);
  switch (command.size()) {
    case 4:
      return command == "SYNC" ? kSync : command == "EXEC" ? kExec : kNone;
    case 5:
      if (command == "MULTI") return kMulti;
      if (command == "RESET") return kReset;
      if (command == "PSYNC") return kSync;
      return command == "HELLO" ? kHello : kNone;
    case 6:
      return command == "SELECT" ? kSelect : kNone;
    case 7:
      return command == "MONITOR" ? kMonitor : command == "DISCARD" ? kDiscard : kNone;
    case 8:
      return command == "REPLCONF" && equals(argument(), "ACK") ? kAcknowledge : kNone;
    case 9:
    case 10:
    case 11:
    case 12:
      if (command.ends_with("SUBSCRIBE")) return kSubscribe;
      if (command != "CLIENT REPLY") return kNone;
      if (equals(second, "ON")) return kReplyOn;
      if (equals(second, "OFF")) return kReplyOff;
      return equals(second, "SKIP") ? kReplySkip : kNone;
    default:
      return kNone;
  }
}

bool is_redis_command(std::string_view word) {
  return word.size() <= kLongestCommand && find_command(word, true);
}

bool may_be_redis_command(std::string_view beginning) {
  return beginning.size() <= kLongestCommand && find_command(beginning, false);
}

}  // namespace weir
