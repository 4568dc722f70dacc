#include "output/page_push.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "output/push_round.h"

namespace weir {
namespace {

// Up to the closing quote, without escapes.
std::optional<std::string> take_value(std::string_view& rest) {
  std::string value;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return value;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
      value += rest[i] == 'n' ? '\n' : rest[i];
    } else {
      value += rest[i];
    }
  }
  return std::nullopt;
}

using Labels = std::vector<std::pair<std::string, std::string>>;

// Of what stands between braces.
std::optional<Labels> labels_of(std::string_view text) {
  Labels labels;
  while (!text.empty()) {
    const std::size_t equals = text.find("=\"");
    if (equals == std::string_view::npos) return std::nullopt;
    std::string name(text.substr(0, equals));
    text.remove_prefix(equals + 2);
    auto value = take_value(text);
    if (!value) return std::nullopt;
    labels.emplace_back(std::move(name), std::move(*value));
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  return labels;
}

}  // namespace

PagePush::PagePush(Push& push, SeriesSet::Form form, std::string instance)
    : push_(push), set_(form), instance_(std::move(instance)) {}

SeriesSet::Family PagePush::family_of(std::string_view name) {
  const auto found = families_.find(name);
  if (found != families_.end()) return found->second;
  const SeriesSet::Family family = set_.family(std::string(name), "untyped", "");
  families_.emplace(name, family);
  return family;
}

void PagePush::take_line(std::string_view line) {
  const std::size_t space = line.rfind(' ');
  if (line.starts_with('#') || space == std::string_view::npos) return;
  const std::string_view text = line.substr(space + 1);
  double value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc()) return;
  const std::string_view series = line.substr(0, space);
  auto found = series_.find(series);
  if (found == series_.end()) {
    const std::size_t brace = std::min(series.find('{'), series.size());
    const std::string_view inner =
        brace < series.size() ? series.substr(brace + 1, series.size() - brace - 2) : "";
    const auto labels = labels_of(inner);
    if (!labels) return;
    std::vector<SeriesLabel> views{{"instance", instance_}, {"job", "weir"}};
    for (const auto& [name, label] : *labels) views.push_back({name, label});
    const auto handle = set_.add(family_of(series.substr(0, brace)), views);
    if (!handle) return;
    found = series_.emplace(series, Entry{*handle, 0}).first;
  }
  found->second.round = round_;
  set_.set(found->second.handle, value);
}

void PagePush::round(std::string_view page, Nanos time) {
  ++round_;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    take_line(page.substr(0, end));
    page.remove_prefix(std::min(end + 1, page.size()));
  }
  std::erase_if(series_, [this](const auto& entry) {
    if (entry.second.round == round_) return false;
    set_.remove(entry.second.handle);
    return true;
  });
  push_round(set_, time, push_);
}

}  // namespace weir
