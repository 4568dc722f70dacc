#include "packet/pcap_filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <utility>

namespace weir {
namespace {

constexpr int kSnapLength = 262144;

// The registry's number of a link type, as files have it, to this system's own: they differ in one.
int system_link_type(std::uint16_t link_type) {
  constexpr std::uint16_t kRegistryRaw = 101;
  return link_type == kRegistryRaw || link_type == Frame::kNetworkLayer ? DLT_RAW : link_type;
}

}  // namespace

PcapFilter::PcapFilter(std::string expression) : expression_(std::move(expression)) {}
PcapFilter::PcapFilter(PcapFilter&&) noexcept = default;
PcapFilter& PcapFilter::operator=(PcapFilter&& other) noexcept {
  std::swap(expression_, other.expression_);
  std::swap(programs_, other.programs_);
  std::swap(error_, other.error_);
  return *this;
}
PcapFilter::~PcapFilter() {
  for (auto& program : programs_) {
    if (program.code != nullptr) pcap_freecode(program.code.get());
  }
}

Result<PcapFilter> PcapFilter::compile(std::string expression, std::uint16_t link_type) {
  PcapFilter filter(std::move(expression));
  if (auto added = filter.add(link_type); !added) return tl::unexpected<Error>(added.error());
  return filter;
}

Result<> PcapFilter::add(std::uint16_t link_type) {
  programs_.push_back({link_type, nullptr});
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> dead(
      pcap_open_dead(system_link_type(link_type), kSnapLength), &pcap_close);
  if (dead == nullptr) return failure("filter: out of memory");
  auto code = std::make_unique<bpf_program>();
  if (pcap_compile(dead.get(), code.get(), expression_.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    const char* name = pcap_datalink_val_to_name(system_link_type(link_type));
    return failure(fmt::format("filter '{}' (link type {}): {} (syntax: man pcap-filter)",
                               expression_, name != nullptr ? name : std::to_string(link_type),
                               pcap_geterr(dead.get())));
  }
  programs_.back().code = std::move(code);
  return {};
}

bool PcapFilter::matches(const Frame& frame) noexcept {
  const Program& compiled = program(frame.link_type);
  if (compiled.code == nullptr) return false;
  pcap_pkthdr header{};
  header.caplen = static_cast<bpf_u_int32>(frame.data.size());
  header.len = frame.wire_bytes;
  return pcap_offline_filter(compiled.code.get(), &header, frame.data.data()) != 0;
}

const PcapFilter::Program& PcapFilter::program(std::uint16_t link_type) {
  for (const auto& known : programs_) {
    if (known.link_type == link_type) return known;
  }
  if (auto added = add(link_type); !added && error_.context.empty()) {
    error_ = std::move(added.error());
  }
  return programs_.back();
}

}  // namespace weir
