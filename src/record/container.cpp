#include "record/container.h"

#include <algorithm>
#include <array>
#include <optional>

namespace weir {
namespace {

constexpr std::size_t kUidBytes = 36;
// What an identifier of a container has at least: shorter ones are names of something else.
constexpr std::size_t kLeastIdBytes = 32;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

bool is_id(std::string_view text) { return text.size() >= kLeastIdBytes && is_hex(text); }

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// `kubepods-burstable-pod<uid>.slice` by systemd, which writes hyphens as underscores, else
// `pod<uid>`. Static pods have 32 digits.
std::optional<std::string> pod_uid_of(std::string_view part) {
  if (take_suffix(part, ".slice")) {
    const std::size_t at = part.rfind("-pod");
    if (!part.starts_with("kubepods") || at == std::string_view::npos) return std::nullopt;
    part.remove_prefix(at + 1);
  }
  if (!take_prefix(part, "pod")) return std::nullopt;
  std::string uid(part);
  std::replace(uid.begin(), uid.end(), '_', '-');
  std::string digits = uid;
  std::erase(digits, '-');
  const bool whole = digits.size() == 32 && is_hex(digits);
  return whole && uid.size() <= kUidBytes ? std::optional(uid) : std::nullopt;
}

struct Naming {
  std::string_view prefix, runtime;
};
// `<prefix><id>.scope` by systemd, and the same without a suffix by cgroupfs.
constexpr std::array kScopes = {
    Naming{"docker-", "docker"},      Naming{"cri-containerd-", "containerd"},
    Naming{"nerdctl-", "containerd"}, Naming{"crio-", "cri-o"},
    Naming{"libpod-", "podman"},
};
// `<parent>/<id>` by cgroupfs.
constexpr std::array kParents = {Naming{"docker", "docker"}, Naming{"crio", "cri-o"},
                                 Naming{"libpod_parent", "podman"}};
// `<prefix><name>`: named by people.
constexpr std::array kNames = {Naming{"lxc.payload.", "lxc"}};

bool name_container(Container& container, std::string_view runtime, std::string_view id) {
  container.runtime = runtime;
  container.id = id;
  return true;
}

bool tell_container(Container& container, std::string_view parent, std::string_view part) {
  for (const Naming& name : kNames) {
    std::string_view rest = part;
    if (take_prefix(rest, name.prefix) && !rest.empty()) {
      return name_container(container, name.runtime, rest);
    }
  }
  const bool scope = take_suffix(part, ".scope");
  for (const Naming& name : kScopes) {
    std::string_view rest = part;
    if (take_prefix(rest, name.prefix) && is_id(rest)) {
      return name_container(container, name.runtime, rest);
    }
  }
  if (scope && take_prefix(part, "machine-") && !part.empty()) {
    return name_container(container, "nspawn", part);
  }
  if (scope) return false;
  if (parent == "lxc" && !part.empty()) return name_container(container, "lxc", part);
  // containerd's own cgroup driver writes `<slice>:<runtime>:<id>`.
  if (const std::size_t at = part.rfind(':'); at != std::string_view::npos) {
    const std::string_view id = part.substr(at + 1);
    return is_id(id) && name_container(container, "containerd", id);
  }
  if (!is_id(part)) return false;
  for (const Naming& name : kParents) {
    if (parent == name.prefix) return name_container(container, name.runtime, part);
  }
  // In a pod's group nothing tells the runtime; elsewhere a long number names no container.
  return pod_uid_of(parent).has_value() && name_container(container, "", part);
}

}  // namespace

Container container_of_cgroup(std::string_view path) {
  Container container;
  std::string_view parent;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty()) continue;
    if (auto uid = pod_uid_of(part)) {
      container.pod_uid = std::move(*uid);
    } else if (!tell_container(container, parent, part) &&
               (part.ends_with(".service") || part.ends_with(".scope"))) {
      container.unit = part;
    }
    parent = part;
  }
  return container;
}

}  // namespace weir
