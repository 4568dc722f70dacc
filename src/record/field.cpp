#include "record/field.h"

#include <algorithm>

namespace weir {
namespace {

bool holds_text(const Field& field) {
  return field.type == FieldType::kText || field.type == FieldType::kTextList;
}

}  // namespace

void FieldList::add(const FieldValue& value) {
  Entry entry{};
  entry.field = value.field;
  if (holds_text(*value.field)) {
    const std::size_t size = std::min(value.text.size(), kMaxTextBytes);
    entry.text.offset = static_cast<std::uint32_t>(text_.size());
    entry.text.size = static_cast<std::uint32_t>(size);
    text_.append(value.text.substr(0, size));
  } else {
    entry.number = value.number;
  }
  entries_.push_back(entry);
}

void FieldList::clear() {
  entries_.clear();
  text_.clear();
}

FieldValue FieldList::operator[](std::size_t index) const {
  const Entry& entry = entries_[index];
  if (!holds_text(*entry.field)) return FieldValue::of(*entry.field, entry.number);
  return FieldValue::of(*entry.field,
                        std::string_view(text_).substr(entry.text.offset, entry.text.size));
}

bool FieldList::find(const Field& field, FieldValue& out) const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].field != &field) continue;
    out = (*this)[i];
    return true;
  }
  return false;
}

std::size_t FieldList::capacity_bytes() const {
  return entries_.capacity() * sizeof(Entry) + text_.capacity();
}

}  // namespace weir
