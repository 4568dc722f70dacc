#include "lens/drops.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <cstring>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kMaxSeries = 1000, kMaxNames = 4096;
constexpr std::uint8_t kIcmp = 1, kIcmpV6 = 58;

IpAddress address_of(const __u64 (&words)[2]) {
  IpAddress address;
  std::memcpy(address.bytes.data(), words, address.bytes.size());
  return address;
}

std::string_view name_of(const char (&name)[DROP_INTERFACE_NAME]) {
  return {name, strnlen(name, sizeof name)};
}

void set_packet(Drop& drop, const flow_key& flow) {
  drop.whole = true;
  drop.protocol = flow.protocol;
  drop.in_tunnel = (flow.kind & DROP_IN_TUNNEL) != 0;
  if (flow.vlan != 0) drop.vlan = static_cast<std::uint16_t>(flow.vlan - 1);
  const int form = flow.kind & FLOW_ADDRESS_MASK;
  if (form == FLOW_ADDRESS_NONE) {
    drop.ether_type = ntohs(flow.destination_port);
    return;
  }
  drop.addresses = form == FLOW_ADDRESS_IPV4 ? FlowAddresses::kIpv4 : FlowAddresses::kIpv6;
  drop.from.address = address_of(flow.source);
  drop.to.address = address_of(flow.destination);
  if (flow.protocol == kIcmp || flow.protocol == kIcmpV6) {
    const std::uint16_t both = ntohs(flow.source_port);
    drop.icmp.emplace(static_cast<std::uint8_t>(both >> 8), static_cast<std::uint8_t>(both & 0xff));
    return;
  }
  drop.from.port = ntohs(flow.source_port);
  drop.to.port = ntohs(flow.destination_port);
}

// Views are of `program` and `interface`.
Drop drop_of(DropProgram& program, const drop_key& key, std::string_view interface, bool whole) {
  Drop drop;
  drop.reason = program.reason_name(key.reason);
  drop.function = program.function_name(key.location);
  drop.interface = interface;
  drop.interface_index = key.ifindex;
  drop.network_namespace = key.network_namespace;
  if (whole) set_packet(drop, key.flow);
  return drop;
}

// Its inode; 0 where it cannot be known.
std::uint32_t network_namespace() {
  struct stat status{};
  if (stat("/proc/self/ns/net", &status) != 0) return 0;
  return static_cast<std::uint32_t>(status.st_ino);
}

}  // namespace

const std::vector<std::string>& drop_noise() {
  static const std::vector<std::string> kNoise{"OTHERHOST",    "UNHANDLED_PROTO", "QUEUE_PURGE",
                                               "TCP_OFOMERGE", "UNIX_DISCONNECT", "UNIX_SKIP_OOB"};
  return kNoise;
}

Drops::Drops(std::unique_ptr<DropProgram> program, CountedDrops counted)
    : program_(std::move(program)),
      counted_(std::move(counted)),
      own_namespace_(network_namespace()),
      clock_offset_(wall_clock_now() - monotonic_now()),
      last_tick_(monotonic_now()) {}

Result<std::unique_ptr<Drops>> Drops::open(const DropsOptions& options) {
  DropProgramOptions program_options;
  program_options.flows = options.max_flows;
  if (!options.noise) program_options.noise = drop_noise();
  if (options.events > 0) {
    program_options.event_spacing_ns = static_cast<std::uint64_t>(kSecond) / options.events;
  }
  auto program = DropProgram::load(program_options);
  if (!program) return tl::unexpected(program.error());
  auto counted = CountedDrops::open();
  if (!counted) return tl::unexpected(counted.error());
  return std::unique_ptr<Drops>(new Drops(std::move(*program), std::move(*counted)));
}

void Drops::take_events(RecordSink& sink) {
  program_->take_events([&](const drop_event& event) {
    DropEvent told;
    told.time = static_cast<Nanos>(event.time) + clock_offset_;
    told.drop = drop_of(*program_, event.key, name_of(event.interface), true);
    told.drop.cookie = event.cookie;
    told.length = event.length;
    told.ether_type = event.ether_type;
    told.tag = event.tag;
    told.tos = event.tos;
    told.ttl = event.ttl;
    if (event.has_link) {
      told.hardware.emplace();
      std::memcpy(told.hardware->data(), event.destination, sizeof event.destination);
      std::memcpy(told.hardware->data() + 6, event.source, sizeof event.source);
    }
    sink.on(told);
  });
}

void Drops::add(const Drop& drop, std::uint64_t packets) {
  std::string key;
  for (const std::string_view part : {drop.reason, drop.function, drop.interface}) {
    key += part;
    key += '\0';
  }
  key += static_cast<char>(drop.source);
  const std::lock_guard lock(mutex_);
  auto found = series_.find(key);
  if (found == series_.end()) {
    if (series_.size() >= kMaxSeries) {
      totals_.beyond += packets;
      return;
    }
    found = series_.emplace(std::move(key), totals_.series.size()).first;
    totals_.series.push_back({drop.source, std::string(drop.reason), std::string(drop.function),
                              std::string(drop.interface), 0});
  }
  totals_.series[found->second].packets += packets;
}

std::string_view Drops::known_name(const drop_key& key, std::string_view told) {
  if (key.ifindex == 0) return told;
  const std::pair place{key.network_namespace, key.ifindex};
  if (told.empty()) {
    const auto found = names_.find(place);
    return found == names_.end() ? told : std::string_view(found->second);
  }
  if (names_.size() >= kMaxNames) names_.clear();
  std::string& name = names_[place];
  if (name != told) name = told;
  return name;
}

void Drops::tell(const drop_key& key, const drop_count& count, bool whole, RecordSink& sink) {
  DropSample sample;
  sample.time = now_ + clock_offset_;
  sample.interval_ns = now_ - last_tick_;
  sample.drop = drop_of(*program_, key, known_name(key, name_of(count.interface)), whole);
  sample.drop.cookie = count.cookie;
  sample.packets = count.packets;
  sample.bytes = count.bytes;
  if (count.first != 0) {
    sample.first_seen = static_cast<Nanos>(count.first) + clock_offset_;
    sample.last_seen = static_cast<Nanos>(count.last) + clock_offset_;
  }
  add(sample.drop, sample.packets);
  sink.on(sample);
}

void Drops::tell_counted(std::string_view name, std::string_view interface, std::uint64_t gained,
                         RecordSink& sink) {
  DropSample sample;
  sample.time = now_ + clock_offset_;
  sample.interval_ns = now_ - last_tick_;
  sample.drop.source = DropSource::kCounter;
  sample.drop.reason = name;
  sample.drop.interface = interface;
  sample.drop.network_namespace = own_namespace_;
  sample.packets = gained;
  add(sample.drop, gained);
  sink.on(sample);
}

void Drops::take_totals() {
  const auto counts = program_->totals();
  const std::uint64_t missed = program_->missed();
  const std::lock_guard lock(mutex_);
  totals_.missed = missed;
  totals_.seen = counts[DROP_TOTAL_SEEN] - counts[DROP_TOTAL_CONSUMED] + missed;
  totals_.noise = counts[DROP_TOTAL_NOISE];
  totals_.local = counts[DROP_TOTAL_LOCAL];
  totals_.lost = counts[DROP_TOTAL_LOST];
  totals_.events = counts[DROP_TOTAL_EVENTS];
  totals_.events_limited = counts[DROP_TOTAL_EVENTS_LIMITED];
  totals_.events_lost = counts[DROP_TOTAL_EVENTS_LOST];
}

Result<> Drops::tick(RecordSink& sink) {
  now_ = monotonic_now();
  clock_offset_ = wall_clock_now() - now_;
  take_events(sink);
  std::uint64_t kept = 0, folded = 0;
  auto taken = program_->take(
      [&](const drop_key& key, const drop_count& count) {
        tell(key, count, true, sink);
        kept += count.packets;
      },
      [&](const drop_key& key, const drop_rest& rest) {
        drop_count count{};
        count.packets = rest.packets;
        count.bytes = rest.bytes;
        tell(key, count, false, sink);
        folded += rest.packets;
      });
  auto counted =
      counted_.tick([&](std::string_view name, std::string_view interface, std::uint64_t gained) {
        tell_counted(name, interface, gained, sink);
      });
  last_tick_ = now_;
  take_totals();
  const std::lock_guard lock(mutex_);
  totals_.kept += kept + folded;
  totals_.folded += folded;
  return taken ? counted : taken;
}

DropTotals Drops::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace weir
