#include "kernel/kernel_symbols.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/fd.h"

namespace weir {
namespace {

constexpr const char* kSymbols = "/proc/kallsyms";

bool is_function(char type) { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }

// Aliases of an address; the padding before a function is one of none.
constexpr std::string_view kPadding = "__pfx_";

}  // namespace

Result<KernelSymbols> KernelSymbols::read() {
  const Fd file(open(kSymbols, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return system_failure(std::string("read ") + kSymbols);
  std::string text;
  for (;;) {
    const std::size_t had = text.size();
    text.resize(had + (1 << 20));
    const ssize_t got = ::read(file.get(), text.data() + had, text.size() - had);
    text.resize(had + static_cast<std::size_t>(std::max<ssize_t>(0, got)));
    if (got < 0) return system_failure(std::string("read ") + kSymbols);
    if (got == 0) return parse(text);
  }
}

KernelSymbols KernelSymbols::parse(std::string_view text) {
  KernelSymbols symbols;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    std::uint64_t address = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), address, 16);
    const auto at = static_cast<std::size_t>(end - line.data());
    if (error != std::errc() || address == 0 || at + 3 >= line.size()) continue;
    if (!is_function(line[at + 1])) continue;
    std::string_view name = line.substr(at + 3);
    name = name.substr(0, name.find_first_of(".\t "));
    if (name.empty() || name.starts_with(kPadding)) continue;
    symbols.functions_.push_back({address, static_cast<std::uint32_t>(symbols.names_.size()),
                                  static_cast<std::uint32_t>(name.size())});
    symbols.names_ += name;
  }
  std::stable_sort(symbols.functions_.begin(), symbols.functions_.end(),
                   [](const Function& a, const Function& b) { return a.address < b.address; });
  symbols.functions_.shrink_to_fit();
  symbols.names_.shrink_to_fit();
  return symbols;
}

std::string_view KernelSymbols::function_at(std::uint64_t address) const {
  const auto after = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](std::uint64_t wanted, const Function& function) { return wanted < function.address; });
  if (after == functions_.begin()) return {};
  // Of several names of one place, the first.
  const auto first = std::lower_bound(
      functions_.begin(), after, std::prev(after)->address,
      [](const Function& function, std::uint64_t wanted) { return function.address < wanted; });
  return std::string_view(names_).substr(first->name, first->length);
}

}  // namespace weir
