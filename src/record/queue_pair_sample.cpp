#include "record/queue_pair_sample.h"

#include <functional>

namespace weir {
namespace {

template <class Combine>
void combine(RoceCounts& to, const RoceCounts& from, const Combine& combine) {
  for (std::size_t i = 0; i < kRoceOperations; ++i) {
    to.operations[i] = combine(to.operations[i], from.operations[i]);
  }
  for (const auto member :
       {&RoceCounts::packets, &RoceCounts::bytes, &RoceCounts::congestion_notifications,
        &RoceCounts::congestion_marked, &RoceCounts::gaps, &RoceCounts::missing,
        &RoceCounts::repeated, &RoceCounts::restarts, &RoceCounts::negative_acknowledges,
        &RoceCounts::receiver_not_ready}) {
    to.*member = combine(to.*member, from.*member);
  }
}

constexpr std::array<std::string_view, kRoceOperations> kOperations = {
    "send_first",
    "send_middle",
    "send_last",
    "send_last_with_immediate",
    "send_only",
    "send_only_with_immediate",
    "rdma_write_first",
    "rdma_write_middle",
    "rdma_write_last",
    "rdma_write_last_with_immediate",
    "rdma_write_only",
    "rdma_write_only_with_immediate",
    "rdma_read_request",
    "rdma_read_response_first",
    "rdma_read_response_middle",
    "rdma_read_response_last",
    "rdma_read_response_only",
    "acknowledge",
    "atomic_acknowledge",
    "compare_swap",
    "fetch_add",
    "resync",
    "send_last_with_invalidate",
    "send_only_with_invalidate",
    {},
    {},
    {},
    {},
    "flush",
    "atomic_write",
};

}  // namespace

RoceCounts& RoceCounts::operator+=(const RoceCounts& other) {
  combine(*this, other, std::plus<>());
  return *this;
}

RoceCounts operator-(const RoceCounts& a, const RoceCounts& b) {
  RoceCounts result = a;
  combine(result, b, std::minus<>());
  return result;
}

std::string_view roce_operation_name(std::size_t operation) {
  return operation < kOperations.size() ? kOperations[operation] : std::string_view();
}

std::string_view roce_transport_name(std::size_t transport) {
  constexpr std::array<std::string_view, 8> kNames = {"rc", "uc", "rd", "ud", {}, "xrc", {}, {}};
  return transport < kNames.size() ? kNames[transport] : std::string_view();
}

}  // namespace weir
