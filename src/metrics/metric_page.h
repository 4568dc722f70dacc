// MetricPage: writes the Prometheus text format 0.0.4. A family is begun once, its samples follow.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

#include "metrics/label_values.h"

namespace weir {

class MetricPage {
 public:
  // Appends to `out`, which outlives the page.
  explicit MetricPage(std::string& out) : out_(out) {}

  // `name` is kept until the next family.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                   type);
  }

  // `labels` as label() writes them, with commas between.
  template <class Value>
  void sample(std::string_view labels, const Value& value) {
    sample_of("", labels, value);
  }

  template <class Value>
  void sample_of(std::string_view suffix, std::string_view labels, const Value& value) {
    out_ += name_;
    out_ += suffix;
    if (!labels.empty()) {
      out_ += '{';
      out_ += labels;
      out_ += '}';
    }
    fmt::format_to(std::back_inserter(out_), " {}\n", value);
  }

  // A family of one sample without labels.
  template <class Value>
  void single(std::string_view name, std::string_view type, std::string_view help,
              const Value& value) {
    family(name, type, help);
    sample("", value);
  }

 private:
  std::string& out_;
  std::string_view name_;
};

inline std::string label(std::string_view name, std::string_view value) {
  std::string out;
  append_label(out, name, value);
  return out;
}

}  // namespace weir
