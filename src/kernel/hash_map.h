// HashMap<Key, Value>: a typed view of a BPF hash or array map, one system call per access. Does
// not own the map; the skeleton does.
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <optional>
#include <type_traits>

#include "base/result.h"

namespace weir {

template <class Key, class Value>
class HashMap {
  static_assert(std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value>);

 public:
  explicit HashMap(int map_fd) : map_fd_(map_fd) {}

  Result<> set(const Key& key, const Value& value, const char* what) const {
    if (bpf_map_update_elem(map_fd_, &key, &value, BPF_ANY) == 0) return {};
    return system_failure(what);
  }
  // Nothing happens where there is none.
  void erase(const Key& key) const { bpf_map_delete_elem(map_fd_, &key); }
  std::optional<Value> get(const Key& key) const {
    Value value{};
    if (bpf_map_lookup_elem(map_fd_, &key, &value) != 0) return std::nullopt;
    return value;
  }

 private:
  int map_fd_;
};

}  // namespace weir
