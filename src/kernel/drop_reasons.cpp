#include "kernel/drop_reasons.h"

#include <bpf/btf.h>

#include <memory>
#include <string_view>

namespace weir {
namespace {

constexpr const char* kReasons = "skb_drop_reason";
constexpr const char* kTracepoint = "btf_trace_kfree_skb";
// A context, the packet, the place and the reason; what comes after is the receiver.
constexpr int kWithoutReceiver = 4;
constexpr std::uint32_t kSubsystemShift = 16;

struct Free {
  void operator()(btf* types) const { btf__free(types); }
};

std::string_view without_prefix(std::string_view name) {
  for (const std::string_view prefix : {"SKB_DROP_REASON_", "SKB_"}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

int tracepoint_arguments(const btf* types) {
  const auto id = btf__find_by_name_kind(types, kTracepoint, BTF_KIND_TYPEDEF);
  if (id < 0) return 0;
  const btf_type* type = btf__type_by_id(types, static_cast<std::uint32_t>(id));
  type = type ? btf__type_by_id(types, type->type) : nullptr;  // a pointer
  type = type ? btf__type_by_id(types, type->type) : nullptr;  // to the function
  return type && btf_is_func_proto(type) ? btf_vlen(type) : 0;
}

}  // namespace

Result<DropReasons> DropReasons::read() {
  const std::unique_ptr<btf, Free> types(btf__load_vmlinux_btf());
  if (!types) return system_failure("read the kernel's types (CONFIG_DEBUG_INFO_BTF)");
  DropReasons reasons;
  const int arguments = tracepoint_arguments(types.get());
  const auto id = btf__find_by_name_kind(types.get(), kReasons, BTF_KIND_ENUM);
  if (id < 0 || arguments < kWithoutReceiver) {
    return failure("this kernel tells no reasons for drops (Linux 5.17)");
  }
  reasons.has_receiver = arguments > kWithoutReceiver;
  const btf_type* type = btf__type_by_id(types.get(), static_cast<std::uint32_t>(id));
  const struct btf_enum* values = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    const auto number = static_cast<std::uint32_t>(values[i].val);
    if (number >> kSubsystemShift != 0) continue;
    reasons.names.emplace(number,
                          without_prefix(btf__name_by_offset(types.get(), values[i].name_off)));
  }
  return reasons;
}

}  // namespace weir
