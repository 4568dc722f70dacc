#include "kernel/interface_choice.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace weir {
namespace {

constexpr std::size_t kNamesShown = 8;

bool is_glob(std::string_view pattern) {
  return pattern.find_first_of("*?[") != std::string_view::npos;
}

// How many letters have to be put in, taken out or changed.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

std::vector<std::string> near_names(const std::string& wanted,
                                    const std::vector<std::string>& names) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& name : names) ranked.emplace_back(distance(wanted, name), name);
  std::sort(ranked.begin(), ranked.end());
  const std::size_t near = std::max<std::size_t>(1, wanted.size() / 2);
  std::vector<std::string> shown;
  for (const auto& [away, name] : ranked) {
    // Where none is near, those that are least far.
    const bool show = away <= near || ranked.front().first > near;
    if (show && shown.size() < kNamesShown) shown.push_back(name);
  }
  return shown;
}

}  // namespace

InterfaceChoice::InterfaceChoice(std::vector<std::string> patterns)
    : patterns_(std::move(patterns)),
      any_(patterns_.empty() ||
           std::find(patterns_.begin(), patterns_.end(), "any") != patterns_.end()) {}

bool InterfaceChoice::matches(const std::string& name) const {
  return any_ || std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
           return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
         });
}

bool InterfaceChoice::names(const std::string& name) const {
  return std::find(patterns_.begin(), patterns_.end(), name) != patterns_.end();
}

std::optional<std::string> InterfaceChoice::single_name() const {
  if (any_ || patterns_.size() != 1 || is_glob(patterns_[0])) return std::nullopt;
  return patterns_[0];
}

Result<> InterfaceChoice::check(const std::vector<std::string>& existing) const {
  if (any_) return {};
  for (const auto& pattern : patterns_) {
    if (is_glob(pattern)) continue;
    if (std::find(existing.begin(), existing.end(), pattern) != existing.end()) continue;
    if (existing.empty()) return failure(fmt::format("there is no interface {}", pattern));
    return failure(
        fmt::format("there is no interface {}; is it {}? (weir list shows all; '{}*' waits "
                    "for one to appear)",
                    pattern, fmt::join(near_names(pattern, existing), ", "), pattern));
  }
  return {};
}

}  // namespace weir
