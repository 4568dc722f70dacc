#include "record/json.h"

#include <array>
#include <charconv>
#include <concepts>

#include "record/utf8.h"

namespace weir {
namespace {

constexpr std::array<bool, 256> make_plain() {
  std::array<bool, 256> plain{};
  for (std::size_t i = 0x20; i < 0x80; ++i) plain[i] = i != '"' && i != '\\';
  return plain;
}

// Bytes that stand for themselves in a JSON string, whatever follows.
constexpr std::array<bool, 256> kPlain = make_plain();

void append_escape(std::string& out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      const auto byte = static_cast<std::uint8_t>(c);
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 0xf];
  }
}

template <std::integral Number>
void append_number(std::string& out, Number number) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  out.append(text, end);
}

void append_endpoint(std::string& out, std::string_view key, const Endpoint& endpoint) {
  out += key;
  append_address(out, endpoint.address);
  out += "\",\"port\":";
  append_number(out, endpoint.port);
  out += '}';
}

void append_side(std::string& out, const RoundTrip::Side& side, std::string_view time_key,
                 Nanos offset) {
  out += '{';
  if (side.size_bytes) {
    out += "\"size_bytes\":";
    append_number(out, *side.size_bytes);
    out += ',';
  }
  out += "\"wire_bytes\":";
  append_number(out, side.wire_bytes);
  out += time_key;
  append_number(out, offset);
  out += '}';
}

void append_value(std::string& out, const FieldValue& value) {
  switch (value.field->type) {
    case FieldType::kText:
    case FieldType::kTextList:
      append_json_string(out, value.text);
      return;
    case FieldType::kInt:
      append_number(out, value.number);
      return;
    case FieldType::kBool:
      out += value.number != 0 ? "true" : "false";
  }
}

// Writes the fields of both sides as one object, no name twice: the first one met stands.
class Attributes {
 public:
  explicit Attributes(std::string& out) : out_(out) {}

  void add(const FieldList& fields, const FieldList* earlier) {
    for (std::size_t i = 0; i < fields.size();) {
      const FieldValue value = fields[i];
      const bool repeated =
          seen(value.field->name) && stands(value.field->name, fields, i, earlier);
      if (!repeated) begin(value.field->name);
      if (value.field->type == FieldType::kTextList) {
        i = add_list(fields, i, !repeated);
        continue;
      }
      if (!repeated) append_value(out_, value);
      ++i;
    }
  }

 private:
  void begin(std::string_view name) {
    out_ += first_ ? "\"" : ",\"";
    out_ += name;  // declared by a decoder: needs no escape
    out_ += "\":";
    first_ = false;
  }

  std::size_t add_list(const FieldList& fields, std::size_t index, bool write) {
    const Field* field = fields[index].field;
    char separator = '[';
    for (; index < fields.size(); ++index) {
      const FieldValue value = fields[index];
      if (value.field != field) break;
      if (!write) continue;
      out_ += separator;
      append_json_string(out_, value.text);
      separator = ',';
    }
    if (write) out_ += ']';
    return index;
  }

  // False: certainly a new name. True: perhaps met before.
  bool seen(std::string_view name) {
    const std::size_t mid = name.size() / 2;
    const auto hash = name.size() * 5 + static_cast<std::uint8_t>(name.back()) * 3u +
                      static_cast<std::uint8_t>(name[mid]) * 11u;
    const std::uint64_t bit = std::uint64_t{1} << (hash & 63);
    const bool was = (names_ & bit) != 0;
    names_ |= bit;
    return was;
  }

  static bool has(const FieldList& fields, std::size_t count, std::string_view name) {
    for (std::size_t i = 0; i < count; ++i) {
      if (fields[i].field->name == name) return true;
    }
    return false;
  }

  static bool stands(std::string_view name, const FieldList& fields, std::size_t index,
                     const FieldList* earlier) {
    return has(fields, index, name) || (earlier != nullptr && has(*earlier, earlier->size(), name));
  }

  std::string& out_;
  std::uint64_t names_ = 0;
  bool first_ = true;
};

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t run = 0;  // where the bytes begin that are not yet appended
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (kPlain[byte]) {
      ++at;
      continue;
    }
    const std::size_t length = byte < 0x80 ? 0 : utf8_length(text.substr(at));
    if (length != 0) {
      at += length;
      continue;
    }
    out += text.substr(run, at - run);
    append_escape(out, text[at]);
    run = ++at;
  }
  out += text.substr(run);
  out += '"';
}

void append_json(std::string& out, const RoundTrip& trip) {
  out += "{\"lens\":\"requests\",\"time\":\"";
  append_rfc3339(out, trip.time);
  out += "\",\"protocol\":\"";
  out += trip.vocabulary->name;
  out += "\",\"transport\":\"";
  out += transport_name(trip.transport);
  append_endpoint(out, "\",\"client\":{\"address\":\"", trip.client);
  append_endpoint(out, ",\"server\":{\"address\":\"", trip.server);
  out += ",\"duration_ns\":";
  append_number(out, trip.duration_ns);
  out += ",\"status\":\"";
  out += status_name(trip.status);
  out += "\",\"quality\":\"";
  out += quality_name(trip.quality);
  out += "\",\"request\":";
  if (trip.request) {
    append_side(out, *trip.request, ",\"end_ns\":", trip.request->last - trip.time);
  } else {
    out += "null";
  }
  out += ",\"response\":";
  if (trip.response) {
    append_side(out, *trip.response, ",\"first_byte_ns\":", trip.response->first - trip.time);
  } else {
    out += "null";
  }
  out += ",\"attributes\":{";
  Attributes attributes(out);
  attributes.add(*trip.request_fields, nullptr);
  attributes.add(*trip.response_fields, trip.request_fields);
  out += "}}";
}

}  // namespace weir
