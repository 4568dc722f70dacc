#include "metrics/path_templates.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::string_view kPlaceholder = "{id}";
constexpr std::string_view kRest = "/*";
constexpr std::string_view kMarks = "-_.~:+,";  // of plain words
constexpr std::size_t kLongestWord = 24;
constexpr std::size_t kLongestExtension = 5;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Whether a segment names one thing of many: a number, a date, a hash, a UUID, a token, a word with
// a number of four digits or more, anything that is no plain word.
bool is_identifier(std::string_view segment) {
  std::size_t digits = 0, letters = 0, hex = 0;
  bool plain = true;
  for (const char c : segment) {
    digits += is_digit(c) ? 1 : 0;
    letters += is_letter(c) ? 1 : 0;
    hex += is_hex(c) ? 1 : 0;
    plain = plain && (is_digit(c) || is_letter(c) || kMarks.find(c) != std::string_view::npos);
  }
  if (!plain || digits >= 4) return true;
  if (digits == 0) return segment.size() > 2 * kLongestWord;
  return letters == 0 || segment.size() > kLongestWord || (hex >= 8 && hex == digits + letters);
}

// ".png" of "42.png"; nothing where there is none, or all of it is one.
std::string_view extension_of(std::string_view segment) {
  const std::size_t dot = segment.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {};
  const std::string_view extension = segment.substr(dot);
  const bool is_word = extension.size() > 1 && extension.size() <= kLongestExtension &&
                       std::all_of(extension.begin() + 1, extension.end(), is_letter);
  return is_word ? extension : std::string_view();
}

// Writes what fits; false where something does not.
class Writer {
 public:
  explicit Writer(PathTemplates::Room& room) : room_(room) {}
  bool add(std::string_view text) {
    if (text.size() > room_.size() - kRest.size() - size_) return false;
    put(text);
    return true;
  }
  void end_early() { put(kRest); }
  std::size_t size() const { return size_; }
  void back_to(std::size_t size) { size_ = size; }
  std::string_view text() const { return {room_.data(), size_}; }

 private:
  void put(std::string_view text) {
    std::copy(text.begin(), text.end(), room_.data() + size_);
    size_ += text.size();
  }
  PathTemplates::Room& room_;
  std::size_t size_ = 0;
};

bool add_segment(Writer& out, std::string_view segment) {
  const std::string_view extension = extension_of(segment);
  const std::string_view name = segment.substr(0, segment.size() - extension.size());
  return out.add("/") && out.add(is_identifier(name) ? kPlaceholder : name) && out.add(extension);
}

}  // namespace

std::string_view PathTemplates::of(std::string_view path, Room& room) {
  Writer out(room);
  std::size_t segments = 0;
  while (!path.empty()) {
    path.remove_prefix(path.front() == '/' ? 1 : 0);
    const std::string_view segment = path.substr(0, path.find('/'));
    const std::size_t before = out.size();
    if (segments++ == kMaxSegments || !add_segment(out, segment)) {
      out.back_to(before);
      out.end_early();
      break;
    }
    path.remove_prefix(segment.size());
  }
  return out.text();
}

std::string_view PathTemplates::label(std::string_view path, bool new_too) {
  if (path.empty()) return {};
  if (!last_path_.empty() && path == last_path_) return last_label_;
  templates_.reserve(kMaxTemplates);
  Room room;
  const std::string_view text = of(path, room);
  const auto found = known_.find(text);
  std::string_view label = kOther;
  if (found != known_.end()) {
    label = *found;
  } else if (new_too && known_.size() < kMaxTemplates) {
    label = templates_.emplace_back(text);
    known_.insert(label);
  }
  if (label != kOther && path.size() <= kMaxBytes) {
    last_path_ = path;
    last_label_ = label;
  }
  return label;
}

}  // namespace weir
