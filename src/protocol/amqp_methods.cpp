#include "protocol/amqp_methods.h"

#include <array>

namespace weir {
namespace {

using enum AmqpRole;
constexpr std::uint8_t C = kAmqpClient, S = kAmqpServer, B = kAmqpBoth;

// Arguments: 1 2 4 so many octets; s short text, l long text, t table (all passed over);
// e exchange, r routing key, q queue, c consumer tag, v virtual host, x text, m mechanism;
// D delivery tag, M messages, N consumers, R reply code, K cause, L limits, b bits.
constexpr AmqpMethod kMethods[] = {
    {10, 10, "connection.start", kRequest, S, "11tll"},
    {10, 11, "connection.start-ok", kAnswer, C, "tmls"},
    {10, 20, "connection.secure", kRequest, S, "l"},
    {10, 21, "connection.secure-ok", kAnswer, C, "l"},
    {10, 30, "connection.tune", kRequest, S, "L"},
    {10, 31, "connection.tune-ok", kAnswer, C, "L"},
    {10, 40, "connection.open", kRequest, C, "v"},
    {10, 41, "connection.open-ok", kAnswer, S, "s"},
    {10, 50, "connection.close", kRequest, B, "RxK"},
    {10, 51, "connection.close-ok", kAnswer, B, ""},
    {10, 60, "connection.blocked", kOther, S, "x"},
    {10, 61, "connection.unblocked", kOther, S, ""},
    {10, 70, "connection.update-secret", kRequest, C, "ls"},
    {10, 71, "connection.update-secret-ok", kAnswer, S, ""},
    {20, 10, "channel.open", kRequest, C, "s"},
    {20, 11, "channel.open-ok", kAnswer, S, "l"},
    {20, 20, "channel.flow", kRequest, B, "b"},
    {20, 21, "channel.flow-ok", kAnswer, B, "b"},
    {20, 40, "channel.close", kRequest, B, "RxK"},
    {20, 41, "channel.close-ok", kAnswer, B, ""},
    {30, 10, "access.request", kRequest, C, "sb"},
    {30, 11, "access.request-ok", kAnswer, S, "2"},
    {40, 10, "exchange.declare", kRequest, C, "2esb", 0x10},
    {40, 11, "exchange.declare-ok", kAnswer, S, ""},
    {40, 20, "exchange.delete", kRequest, C, "2eb", 0x02},
    {40, 21, "exchange.delete-ok", kAnswer, S, ""},
    {40, 30, "exchange.bind", kRequest, C, "2serb", 0x01},
    {40, 31, "exchange.bind-ok", kAnswer, S, ""},
    {40, 40, "exchange.unbind", kRequest, C, "2serb", 0x01},
    {.group = 40,
     .id = 51,
     .name = "exchange.unbind-ok",
     .role = kAnswer,
     .from = S,
     .arguments = "",
     .unusual = true},
    {50, 10, "queue.declare", kRequest, C, "2qb", 0x10},
    {50, 11, "queue.declare-ok", kAnswer, S, "qMN"},
    {50, 20, "queue.bind", kRequest, C, "2qerb", 0x01},
    {50, 21, "queue.bind-ok", kAnswer, S, ""},
    {50, 30, "queue.purge", kRequest, C, "2qb", 0x01},
    {50, 31, "queue.purge-ok", kAnswer, S, "M"},
    {50, 40, "queue.delete", kRequest, C, "2qb", 0x04},
    {50, 41, "queue.delete-ok", kAnswer, S, "M"},
    {50, 50, "queue.unbind", kRequest, C, "2qer"},
    {50, 51, "queue.unbind-ok", kAnswer, S, ""},
    {60, 10, "basic.qos", kRequest, C, "42b"},
    {60, 11, "basic.qos-ok", kAnswer, S, ""},
    {60, 20, "basic.consume", kRequest, C, "2qcb", 0x08},
    {60, 21, "basic.consume-ok", kAnswer, S, "c"},
    {60, 30, "basic.cancel", kRequest, B, "cb", 0x01},
    {60, 31, "basic.cancel-ok", kAnswer, B, "c"},
    {60, 40, "basic.publish", kContent, C, "2erb", 0, "send"},
    {60, 50, "basic.return", kContent, S, "Rxer"},
    {60, 60, "basic.deliver", kContent, S, "cDber", 0, "process"},
    {60, 70, "basic.get", kRequest, C, "2qb", 0, "receive"},
    {60, 71, "basic.get-ok", kContent, S, "DberM"},
    {60, 72, "basic.get-empty", kAnswer, S, "s"},
    {60, 80, "basic.ack", kSettle, B, "Db", 0, "settle"},
    {60, 90, "basic.reject", kSettle, C, "Db", 0, "settle"},
    {60, 100, "basic.recover-async", kOther, C, "b"},
    {60, 110, "basic.recover", kRequest, C, "b"},
    {60, 111, "basic.recover-ok", kAnswer, S, ""},
    {60, 120, "basic.nack", kSettle, B, "Db", 0, "settle"},
    {85, 10, "confirm.select", kRequest, C, "b", 0x01},
    {85, 11, "confirm.select-ok", kAnswer, S, ""},
    {90, 10, "tx.select", kRequest, C, ""},
    {90, 11, "tx.select-ok", kAnswer, S, ""},
    {90, 20, "tx.commit", kRequest, C, ""},
    {90, 21, "tx.commit-ok", kAnswer, S, ""},
    {90, 30, "tx.rollback", kRequest, C, ""},
    {90, 31, "tx.rollback-ok", kAnswer, S, ""},
};

// Groups are multiples of 5, ids multiples of 10 and the one or two that follow them.
constexpr std::size_t kGroups = 19, kIds = 39;
constexpr std::size_t place(std::size_t group, std::size_t id) {
  return group / 5 * kIds + id / 10 * 3 + id % 10;
}
constexpr auto kIndex = [] {
  std::array<std::uint8_t, kGroups * kIds> index{};
  for (std::size_t i = 0; i < std::size(kMethods); ++i) {
    index[place(kMethods[i].group, kMethods[i].id)] = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}();

std::string_view short_text(Reader& in) { return as_text(in.take(in.u8())); }

std::uint64_t be64(Reader& in) {
  const std::uint64_t high = in.be32();
  return high << 32 | in.be32();
}

void read_argument(char what, Reader& in, AmqpArguments& out) {
  switch (what) {
    case '1':
    case '2':
    case '4':
      return in.skip(static_cast<std::size_t>(what - '0'));
    case 's':
      return in.skip(in.u8());
    case 'l':
    case 't':
      return in.skip(in.be32());
    case 'e':
      out.exchange = short_text(in);
      return;
    case 'r':
      out.routing_key = short_text(in);
      return;
    case 'q':
      out.queue = short_text(in);
      return;
    case 'c':
      out.consumer_tag = short_text(in);
      return;
    case 'v':
      out.virtual_host = short_text(in);
      return;
    case 'x':
      out.text = short_text(in);
      return;
    case 'm':
      out.mechanism = short_text(in);
      return;
    case 'D':
      out.delivery_tag = be64(in);
      if (in.ok()) out.has |= AmqpArguments::kTag;
      return;
    case 'M':
      out.messages = in.be32();
      if (in.ok()) out.has |= AmqpArguments::kMessages;
      return;
    case 'N':
      out.consumers = in.be32();
      if (in.ok()) out.has |= AmqpArguments::kConsumers;
      return;
    case 'R':
      out.code = in.be16();
      if (in.ok()) out.has |= AmqpArguments::kCode;
      return;
    case 'K':
      out.cause_group = in.be16();
      out.cause_id = in.be16();
      return;
    case 'L':
      out.channel_max = in.be16();
      out.frame_max = in.be32();
      out.heartbeat = in.be16();
      if (in.ok()) out.has |= AmqpArguments::kLimits;
      return;
    default:
      out.bits = in.u8();
      if (in.ok()) out.has |= AmqpArguments::kBits;
  }
}

struct ErrorName {
  std::uint16_t code;
  std::string_view name;
};
constexpr ErrorName kErrors[] = {
    {311, "CONTENT_TOO_LARGE"}, {312, "NO_ROUTE"},         {313, "NO_CONSUMERS"},
    {320, "CONNECTION_FORCED"}, {402, "INVALID_PATH"},     {403, "ACCESS_REFUSED"},
    {404, "NOT_FOUND"},         {405, "RESOURCE_LOCKED"},  {406, "PRECONDITION_FAILED"},
    {501, "FRAME_ERROR"},       {502, "SYNTAX_ERROR"},     {503, "COMMAND_INVALID"},
    {504, "CHANNEL_ERROR"},     {505, "UNEXPECTED_FRAME"}, {506, "RESOURCE_ERROR"},
    {530, "NOT_ALLOWED"},       {540, "NOT_IMPLEMENTED"},  {541, "INTERNAL_ERROR"},
};

}  // namespace

const AmqpMethod* find_amqp_method(std::uint16_t group, std::uint16_t id) {
  if (group % 5 != 0 || group / 5 >= kGroups || id % 10 > 2 || id / 10 * 3 >= kIds) return nullptr;
  const std::uint8_t found = kIndex[place(group, id)];
  if (found == 0) return nullptr;
  const AmqpMethod& method = kMethods[found - 1];
  return method.is(group, id) ? &method : nullptr;
}

std::string_view amqp_error_name(std::uint16_t code) {
  for (const ErrorName& error : kErrors) {
    if (error.code == code) return error.name;
  }
  return {};
}

AmqpArguments read_amqp_arguments(const AmqpMethod& method, Bytes bytes) {
  AmqpArguments out;
  Reader in(bytes);
  for (const char what : method.arguments) read_argument(what, in, out);
  return out;
}

bool read_amqp_header(Bytes bytes, AmqpHeader& out) {
  Reader in(bytes);
  const std::uint16_t group = in.be16(), weight = in.be16();
  out.body_size = be64(in);
  const std::uint16_t flags = in.be16();
  if (!in.ok() || group != amqp::kBasic || weight != 0) return false;
  // From the highest bit on: content type, encoding, headers, delivery mode, priority, correlation.
  if (flags & 0x8000) in.skip(in.u8());
  if (flags & 0x4000) in.skip(in.u8());
  if (flags & 0x2000) in.skip(in.be32());
  if (flags & 0x1000) in.skip(1);
  if (flags & 0x0800) in.skip(1);
  if (flags & 0x0400) out.correlation_id = short_text(in);
  if (flags & 0x0200) in.skip(in.u8());  // to whom to reply
  if (flags & 0x0100) in.skip(in.u8());  // expiration
  if (flags & 0x0080) out.message_id = short_text(in);
  return true;
}

}  // namespace weir
