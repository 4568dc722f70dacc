#include "metrics/label_values.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "record/utf8.h"

namespace weir {
namespace {

constexpr std::string_view kOther = "_OTHER";
constexpr std::string_view kErrorType = "error_type";
constexpr std::uint8_t kErrorPosition = LabelValues::kMaxLabels;

using NumberText = std::array<char, 24>;

std::string_view value_text(const FieldValue& value, NumberText& scratch) {
  if (value.field->type == FieldType::kBool) return value.number != 0 ? "true" : "false";
  if (value.field->type != FieldType::kInt) return value.text;
  char* end = std::to_chars(scratch.data(), scratch.data() + scratch.size(), value.number).ptr;
  return {scratch.data(), static_cast<std::size_t>(end - scratch.data())};
}

// The fields that name an error, the most telling first.
constexpr std::string_view kErrorFields[] = {
    "error.type",     "rpc.response.status_code", "db.response.status_code",  "dns.response.code",
    "weir.tls.alert", "weir.http2.reset",         "http.response.status_code"};

bool error_value(const RoundTrip& trip, FieldValue& out) {
  std::size_t best = std::size(kErrorFields);
  for (const FieldList* fields : {trip.response_fields, trip.request_fields}) {
    for (std::size_t i = 0; i < fields->size() && best > 0; ++i) {
      const FieldValue value = (*fields)[i];
      const auto* end = kErrorFields + best;
      const auto* found = std::find(kErrorFields, end, value.field->name);
      if (found == end) continue;
      best = static_cast<std::size_t>(found - kErrorFields);
      out = value;
    }
  }
  return best != std::size(kErrorFields);
}

// The conventions: to an HTTP server its 4xx answers are no errors of its own.
bool is_clients_fault(const RoundTrip& trip, const FieldValue& value) {
  return trip.vocabulary->family == MetricFamily::kHttp && trip.server_is_local &&
         value.field->type == FieldType::kInt && value.number >= 400 && value.number < 500;
}

// Paths that only clients' mistakes ask for are not told apart.
bool asks_for_what_exists(const RoundTrip& trip) {
  if (trip.status != Status::kError) return trip.status == Status::kOk;
  FieldValue value;
  return !error_value(trip, value) || value.field->type != FieldType::kInt || value.number < 400 ||
         value.number >= 500;
}

// What stands in the key. A number does as it is: render() makes text of it, once.
std::string_view key_text(const RoundTrip& trip, const Label& label, const FieldValue& value,
                          NumberText& scratch) {
  if (label.templates != nullptr) {
    return label.templates->label(value.text, asks_for_what_exists(trip));
  }
  if (value.field->type == FieldType::kInt) {
    return {reinterpret_cast<const char*>(&value.number), sizeof value.number};
  }
  return value_text(value, scratch).substr(0, LabelValues::kMaxTextBytes);
}

}  // namespace

LabelValues::LabelValues(const RoundTrip& trip, std::span<const Label> labels, std::uint8_t scope) {
  key_[size_++] = static_cast<char>(scope);
  for (std::size_t i = 0; i < std::min(labels.size(), kMaxLabels); ++i) {
    FieldValue value;
    if (!find_field(trip, *labels[i].field, value)) continue;
    NumberText scratch;
    const std::string_view text = key_text(trip, labels[i], value, scratch);
    if (text.empty()) continue;  // to Prometheus the same as an absent label
    add(static_cast<std::uint8_t>(i), &labels[i], text);
  }
  add_error_type(trip);
}

bool LabelValues::fits(const RoundTrip& trip, std::span<const Label> labels) const {
  std::size_t next = 0;
  for (const Label& label : labels.first(std::min(labels.size(), kMaxLabels))) {
    std::string_view known;
    if (next < part_count_ && parts_[next].label == &label) {
      known = {key_.data() + parts_[next].offset, parts_[next].size};
      ++next;
    }
    FieldValue value;
    NumberText scratch;
    std::string_view text;
    if (find_field(trip, *label.field, value)) text = key_text(trip, label, value, scratch);
    if (text != known) return false;
  }
  return next == part_count_;
}

void LabelValues::add(std::uint8_t position, const Label* label, std::string_view text) {
  text = text.substr(0, kMaxTextBytes);
  key_[size_++] = static_cast<char>(position);
  key_[size_++] = static_cast<char>(text.size());
  parts_[part_count_++] = {label, static_cast<std::uint16_t>(size_),
                           static_cast<std::uint16_t>(text.size())};
  std::memcpy(key_.data() + size_, text.data(), text.size());
  size_ += text.size();
}

void LabelValues::add_error_type(const RoundTrip& trip) {
  if (trip.status == Status::kUnanswered) {
    add(kErrorPosition, nullptr, "unanswered");
    return;
  }
  if (trip.status != Status::kError) return;
  FieldValue value;
  if (!error_value(trip, value)) {
    add(kErrorPosition, nullptr, kOther);
    return;
  }
  if (is_clients_fault(trip, value)) return;
  NumberText scratch;
  add(kErrorPosition, nullptr, value_text(value, scratch));
}

std::string LabelValues::render(std::string_view fixed) const {
  std::string out(fixed);
  for (const Part& part : std::span(parts_).first(part_count_)) {
    if (!out.empty()) out += ',';
    std::string_view text(key_.data() + part.offset, part.size);
    if (part.label == nullptr) {
      append_label(out, kErrorType, text);
      continue;
    }
    NumberText scratch;
    if (part.label->field->type == FieldType::kInt) {
      FieldValue value = FieldValue::of(*part.label->field, std::int64_t{0});
      std::memcpy(&value.number, text.data(), sizeof value.number);
      text = value_text(value, scratch);
    }
    append_label(out, part.label->name, text);
  }
  return out;
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += "=\"";
  std::string valid;
  append_utf8(valid, value);
  for (const char c : valid) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace weir
