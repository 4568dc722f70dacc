#include "protocol/redis_session.h"

#include <algorithm>

namespace weir {
namespace {

// "subscribe" and its relatives, as the server spells them.
bool is_confirming_word(std::string_view word) {
  return word == "subscribe" || word == "unsubscribe" || word == "psubscribe" ||
         word == "punsubscribe" || word == "ssubscribe" || word == "sunsubscribe";
}

// A line of MONITOR begins with a time: +1700000000.123456 [0 127.0.0.1:1234] "get" "x"
bool is_monitor_line(std::string_view text) {
  const std::size_t dot = text.find('.');
  return dot != std::string_view::npos && dot >= 9 && dot <= 12 &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(dot),
                     [](char c) { return c >= '0' && c <= '9'; }) &&
         text.substr(dot).find(" [") == 7;
}

bool is_resp3_mark(char mark) {
  return std::string_view("%~>,#_(=!|").find(mark) != std::string_view::npos;
}

bool is_error(const RespReader::Value& value) { return value.mark == '-' || value.mark == '!'; }

}  // namespace

void RedisSession::Word::set(std::string_view text) {
  size = text.size() <= data.size() ? text.size() : 0;
  std::copy_n(text.data(), size, data.data());
}

MessageKind RedisSession::on_request(const RedisCommand& command) {
  const RedisEffect effect = command.effect();
  if (effect == RedisEffect::kNone && !silent_ && !skips_next_) {
    ++sent_;
    return MessageKind::kRequest;
  }
  if (effect == RedisEffect::kAcknowledge) return MessageKind::kOneWay;
  if (!in_transaction_) {
    if (effect == RedisEffect::kReplyOn || effect == RedisEffect::kReset) {
      silent_ = skips_next_ = false;
    } else if (effect == RedisEffect::kReplyOff || effect == RedisEffect::kReplySkip) {
      (effect == RedisEffect::kReplyOff ? silent_ : skips_next_) = true;
      return MessageKind::kOneWay;
    }
  }
  if (effect == RedisEffect::kMulti) in_transaction_ = true;
  if (effect == RedisEffect::kExec || effect == RedisEffect::kDiscard ||
      effect == RedisEffect::kReset) {
    in_transaction_ = false;
  }
  if (silent_ || skips_next_) {
    skips_next_ = false;
    if (effect == RedisEffect::kSelect) database_.set(command.argument());
    return MessageKind::kOneWay;
  }
  ++sent_;
  expect(effect, command);
  return MessageKind::kRequest;
}

void RedisSession::expect(RedisEffect effect, const RedisCommand& command) {
  using enum RedisEffect;
  const bool matters = effect == kSelect || effect == kHello || effect == kSubscribe ||
                       effect == kMonitor || effect == kSync || effect == kExec ||
                       effect == kDiscard || effect == kReset;
  if (!matters || pending_.size() == kMaxPending) return;
  Pending& pending = pending_.emplace_back();
  pending.number = sent_;
  pending.effect = effect;
  pending.arguments = command.arguments();
  if (effect != kSubscribe) {
    pending.argument.set(command.argument());
    return;
  }
  pending.argument.set(command.name());
  for (std::size_t i = 0; i < pending.argument.size; ++i) {
    pending.argument.data[i] = static_cast<char>(pending.argument.data[i] | 0x20);
  }
}

RedisSession::Answer RedisSession::on_value(const RespReader::Value& value) {
  if (is_resp3_mark(value.mark)) version_ = '3';
  if (is_confirmation(value)) return confirm(value);
  if (value.mark == '>') return {MessageKind::kUnpaired, value.first, false};
  if (is_unasked(value)) {
    return {MessageKind::kUnpaired, value.mark == '+' ? std::string_view("monitor") : value.first,
            false};
  }
  if (answered_ == sent_) return {};
  ++answered_;
  if (pending_.empty()) return {};
  std::size_t passed = 0;
  while (passed < pending_.size() && pending_[passed].number < answered_) ++passed;
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(passed));
  if (pending_.empty() || pending_[0].number != answered_) return {};
  const Pending pending = pending_[0];
  pending_.erase(pending_.begin());
  return apply(pending, value);
}

// In RESP2 only the state of the connection tells a confirmation or message from any other array.
bool RedisSession::is_confirmation(const RespReader::Value& value) const {
  if (!is_confirming_word(value.first) || value.count != 3) return false;
  if (value.mark == '>') return true;
  const bool asked = !pending_.empty() && pending_[0].effect == RedisEffect::kSubscribe &&
                     pending_[0].number == answered_ + 1;
  return value.mark == '*' && (subscribed_ || asked);
}

bool RedisSession::is_unasked(const RespReader::Value& value) const {
  const bool idle = sent_ == answered_;
  if (value.mark == '+') return (monitoring_ || idle) && is_monitor_line(value.text);
  if (value.mark != '*' || !(subscribed_ || idle)) return false;
  return ((value.first == "message" || value.first == "smessage") && value.count == 3) ||
         (value.first == "pmessage" && value.count == 4);
}

// The first confirmation answers the command, the others were not asked for one by one.
RedisSession::Answer RedisSession::confirm(const RespReader::Value& value) {
  if (!value.first.starts_with("un") && !value.first.starts_with("pun") &&
      !value.first.starts_with("sun")) {
    subscribed_ = true;
  }
  if (confirmations_ != 0) {
    --confirmations_;
    return {MessageKind::kUnpaired, value.first, false};
  }
  const auto asked = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return pending.effect == RedisEffect::kSubscribe &&
           std::string_view(pending.argument.data.data(), pending.argument.size) == value.first;
  });
  if (asked == pending_.end()) return {MessageKind::kUnpaired, value.first, false};
  answered_ = std::max(answered_, asked->number);
  if (asked->arguments > 1) confirmations_ = asked->arguments - 1;
  pending_.erase(pending_.begin(), asked + 1);
  return {};
}

RedisSession::Answer RedisSession::apply(const Pending& pending, const RespReader::Value& value) {
  const std::string_view argument(pending.argument.data.data(), pending.argument.size);
  switch (pending.effect) {
    case RedisEffect::kSelect:
      if (value.mark == '+' && value.text == "OK") database_.set(argument);
      if (value.mark == '+' && value.text == "QUEUED") queued_database_.set(argument);
      break;
    case RedisEffect::kExec:
      if (queued_database_.size != 0 && value.mark == '*' && !value.null)
        database_ = queued_database_;
      queued_database_ = {};
      break;
    case RedisEffect::kDiscard:
      if (!is_error(value)) queued_database_ = {};
      break;
    case RedisEffect::kHello:
      if ((value.mark == '%' || value.mark == '*') && (argument == "2" || argument == "3")) {
        version_ = argument[0];
      }
      break;
    case RedisEffect::kMonitor:
      if (value.mark == '+' && value.text == "OK") monitoring_ = true;
      break;
    case RedisEffect::kReset:
      if (!is_error(value)) reset();
      break;
    case RedisEffect::kSync:
      return {MessageKind::kResponse, {}, !is_error(value)};
    default:
      break;
  }
  return {};
}

void RedisSession::reset() {
  version_ = '2';
  database_.set("0");
  queued_database_ = {};
  subscribed_ = monitoring_ = false;
  confirmations_ = 0;
}

void RedisSession::on_gap(Direction direction) {
  pending_.clear();
  answered_ = sent_;
  confirmations_ = 0;
  if (direction == Direction::kToServer) silent_ = skips_next_ = in_transaction_ = false;
}

}  // namespace weir
