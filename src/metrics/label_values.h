// LabelValues: the label values of one record, first as a compact key to find its series by, and
// once per series as the text of an exposition line.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/path_templates.h"
#include "record/round_trip.h"

namespace weir {

// One metric label of a protocol.
struct Label {
  const Field* field;
  std::string name;                    // in Prometheus form: dots are underscores
  PathTemplates* templates = nullptr;  // of a path, which is no label as it is
};

class LabelValues {
 public:
  static constexpr std::size_t kMaxLabels = 12;
  static constexpr std::size_t kMaxTextBytes = 64;  // longer values are cut

  // `scope` tells apart what has the same labels but other series.
  LabelValues(const RoundTrip& trip, std::span<const Label> labels, std::uint8_t scope);

  // Whether a record that succeeded would give the same values again; made with the same labels.
  bool fits(const RoundTrip& trip, std::span<const Label> labels) const;

  std::string_view key() const { return {key_.data(), size_}; }
  // `fixed` comes first: labels that are the same for all records of the protocol.
  std::string render(std::string_view fixed) const;

 private:
  // Position, length and text go into the key, so that no two sets of values share one.
  void add(std::uint8_t position, const Label* label, std::string_view text);
  void add_error_type(const RoundTrip& trip);

  struct Part {
    const Label* label;  // null: error_type
    std::uint16_t offset, size;
  };
  std::array<Part, kMaxLabels + 1> parts_;
  std::size_t part_count_ = 0;
  std::array<char, (kMaxLabels + 1) * (kMaxTextBytes + 2) + 1> key_;
  std::size_t size_ = 0;
};

// `name="value"` of an exposition line: escaped, always well-formed UTF-8.
void append_label(std::string& out, std::string_view name, std::string_view value);

}  // namespace weir
