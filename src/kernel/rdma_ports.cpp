#include "kernel/rdma_ports.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "base/fd.h"

namespace weir {
namespace {

namespace fs = std::filesystem;

// More than any device has; so that a folder that is not sysfs ends too.
constexpr std::size_t kMostEntries = 1024;
constexpr std::size_t kMostFileBytes = 64;
constexpr std::size_t kMostNameBytes = 64;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMostNameBytes && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

// The names in a folder, sorted; none where there is no such folder.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end;
       !error && at != end && names.size() < kMostEntries; at.increment(error)) {
    std::string name = at->path().filename();
    if (is_name(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A file's one line, without its end.
std::optional<std::string> line_of(const fs::path& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return std::nullopt;
  std::array<char, kMostFileBytes> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  const std::string_view all(text.data(), static_cast<std::size_t>(size));
  return std::string(all.substr(0, all.find('\n')));
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

using Counters = std::map<std::string, std::uint64_t>;

void add_counters(Counters& counters, const fs::path& folder) {
  for (std::string& name : names_in(folder)) {
    if (name == "lifespan") continue;  // a setting: for how long the values below are kept
    const auto line = line_of(folder / name);
    if (!line) continue;
    if (const auto value = number_of<std::uint64_t>(*line)) {
      counters.emplace(std::move(name), *value);
    }
  }
}

// One file for each entry of the port's table of addresses; those of entries in use can be read.
std::vector<std::string> interfaces_of(const fs::path& folder) {
  std::vector<std::pair<std::uint32_t, std::string>> found;
  for (const std::string& entry : names_in(folder)) {
    const auto position = number_of<std::uint32_t>(entry);
    if (!position) continue;
    if (auto line = line_of(folder / entry); line && !line->empty()) {
      found.emplace_back(*position, std::move(*line));
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> interfaces;
  for (auto& [position, name] : found) {
    if (std::find(interfaces.begin(), interfaces.end(), name) == interfaces.end()) {
      interfaces.push_back(std::move(name));
    }
  }
  return interfaces;
}

RdmaPort read_port(const std::string& device, std::uint32_t number, const fs::path& folder) {
  RdmaPort port;
  port.device = device;
  port.port = number;
  port.interfaces = interfaces_of(folder / "gid_attrs" / "ndevs");
  Counters counters;
  add_counters(counters, folder / "counters");
  add_counters(counters, folder / "hw_counters");
  for (const auto& [name, value] : counters) port.counters.push_back({name, value});
  return port;
}

}  // namespace

const RdmaPort::Counter* RdmaPort::find(std::string_view name) const {
  const auto at = std::lower_bound(counters.begin(), counters.end(), name,
                                   [](const Counter& a, std::string_view b) { return a.name < b; });
  return at != counters.end() && at->name == name ? &*at : nullptr;
}

std::vector<RdmaPort> read_rdma_ports(const fs::path& root) {
  std::vector<RdmaPort> ports;
  for (const std::string& device : names_in(root)) {
    std::vector<std::uint32_t> numbers;
    for (const std::string& name : names_in(root / device / "ports")) {
      if (const auto number = number_of<std::uint32_t>(name)) numbers.push_back(*number);
    }
    std::sort(numbers.begin(), numbers.end());
    for (const std::uint32_t number : numbers) {
      ports.push_back(read_port(device, number, root / device / "ports" / std::to_string(number)));
    }
  }
  return ports;
}

}  // namespace weir
