// The whole way from frames to records: whatever comes in, nothing crashes, the ledger balances,
// and every record makes sense. The first byte chooses: frames of arbitrary bytes, or a TCP
// connection whose segments are reordered, repeated, lost and cut as the input says.
#include <cstdlib>
#include <string>

#include "fuzz/input.h"
#include "lens/requests.h"
#include "record/json.h"
#include "unit/packet/packet_builder.h"

namespace weir {
namespace {

void require(bool law) {
  if (!law) std::abort();
}

class Checker : public RecordSink {
 public:
  void on(const RoundTrip& trip) noexcept override {
    require(trip.request.has_value() || trip.response.has_value());
    require(trip.duration_ns >= 0);
    require(trip.status != Status::kUnanswered || !trip.response.has_value());
    messages += (trip.request ? 1u : 0u) + (trip.response ? 1u : 0u);
    json_.clear();
    append_json(json_, trip);
  }
  std::uint64_t messages = 0;

 private:
  std::string json_;
};

void require_balance(const RequestsCounters& counters, std::uint64_t delivered) {
  std::int64_t rest[static_cast<std::size_t>(Stage::kStageEnd)] = {};
  for (std::size_t i = 0; i < static_cast<std::size_t>(Count::kCountEnd); ++i) {
    const auto count = static_cast<Count>(i);
    const LedgerEntry& entry = ledger_entry(count);
    const auto amount = static_cast<std::int64_t>(counters.ledger.get(count));
    rest[static_cast<std::size_t>(entry.stage)] +=
        entry.outcome == Outcome::kSeen ? amount : -amount;
  }
  require(rest[0] == static_cast<std::int64_t>(counters.pending_capture.get()));
  require(rest[1] == static_cast<std::int64_t>(counters.pending_stream.get()));
  require(rest[2] == static_cast<std::int64_t>(counters.pending_match.get() + delivered));
}

void feed(RequestsLens& lens, const build::Wire& bytes, Nanos time, std::uint16_t link_type,
          std::uint32_t interface_id, std::uint32_t cut_off) {
  Frame frame;
  frame.time = time;
  frame.link_type = link_type;
  frame.interface_id = interface_id;
  frame.data = bytes;
  frame.wire_bytes = static_cast<std::uint32_t>(bytes.size()) + cut_off;
  lens.on(frame);
}

void frames(Bytes input, RequestsLens& lens) {
  static constexpr std::uint16_t kLinkTypes[] = {1, 1, 1, 0, 12, 101, 108, 113, 276, 9, 104, 239};
  Reader reader(input);
  Nanos time = kSecond;
  while (reader.remaining() > 3) {
    const std::uint8_t how = reader.u8();
    const std::uint8_t wait = reader.u8();
    const std::size_t size =
        std::min<std::size_t>(std::size_t{reader.u8()} * 4, reader.remaining());
    const Bytes data = reader.take(size);
    time += wait > 250 ? 400 * kSecond : Nanos{wait} * kMillisecond;
    feed(lens, {data.begin(), data.end()}, time, kLinkTypes[how % 12], how >> 7, how & 16 ? 50 : 0);
  }
}

// Both ends of one TCP connection, misbehaving.
void connection(Bytes input, RequestsLens& lens) {
  const test::FuzzInput script = test::FuzzInput::read(input);
  std::uint32_t next[2] = {0xffffff00U, 77};
  Nanos time = kSecond;
  std::uint32_t dice = script.chunking * 2654435761U + 1;
  const auto roll = [&](std::uint32_t sides) {
    dice = dice * 1664525U + 1013904223U;
    return (dice >> 16) % sides;
  };
  const auto send = [&](int from, std::uint32_t sequence, std::uint8_t flags,
                        std::string_view text) {
    const auto host = static_cast<std::uint8_t>(1 + from);
    const std::uint16_t ports[2] = {40000, script.udp ? std::uint16_t{6379} : std::uint16_t{80}};
    const build::Wire bytes = build::ethernet(
        {.payload = build::ipv4({.source_host = host,
                                 .destination_host = static_cast<std::uint8_t>(3 - host),
                                 .payload = build::tcp({.source_port = ports[from],
                                                        .destination_port = ports[1 - from],
                                                        .sequence = sequence,
                                                        .acknowledgment = next[1 - from],
                                                        .flags = flags,
                                                        .payload = build::text(text)})})});
    time += roll(50) == 0 ? 11 * kSecond : kMillisecond;
    feed(lens, bytes, time, 1, roll(30) == 0 ? 2 : 1, 0);
  };
  if (!script.joined) {
    send(0, next[0]++, 2, "");
    send(1, next[1]++, 18, "");
  }
  for (const auto& turn : script.turns) {
    const int from = turn.direction == Direction::kToServer ? 0 : 1;
    next[from] += static_cast<std::uint32_t>(turn.lost);
    for (std::size_t at = 0; at < turn.bytes.size();) {
      const std::size_t size = 1 + roll(40) * roll(40);
      const std::string piece = turn.bytes.substr(at, size);
      const std::uint32_t fate = script.chunking == 0 ? 9 : roll(12);
      if (fate == 1) send(from, next[from] + 5, 16, "later");
      if (fate == 2) send(from, next[from] - 3, 16, "old" + piece);
      if (fate != 0) send(from, next[from], 16, piece);
      next[from] += static_cast<std::uint32_t>(piece.size());
      at += piece.size();
    }
  }
  const std::uint8_t last = script.close == Close::kReset ? 20 : 17;
  if (script.close != Close::kEndOfInput) send(1, next[1], last, "");
  if (script.close == Close::kFin) send(0, next[0], 17, "");
}

}  // namespace
}  // namespace weir

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  if (size < 2) return 0;
  RequestsCounters counters;
  Checker checker;
  RequestsOptions options;
  options.max_held_bytes = 4096;
  options.max_unread_bytes = 4096;
  options.max_exchanges = 50;
  options.max_connections = options.max_udp_flows = 20;
  RequestsLens lens(options, counters, checker);
  const Bytes rest(data + 1, size - 1);
  if (data[0] & 1) {
    frames(rest, lens);
  } else {
    connection(rest, lens);
  }
  require_balance(counters, checker.messages);
  lens.finish();
  require_balance(counters, checker.messages);
  require(counters.pending_capture.get() == 0);
  require(counters.pending_stream.get() == 0);
  require(counters.pending_match.get() == 0);
  return 0;
}
