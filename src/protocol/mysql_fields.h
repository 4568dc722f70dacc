// The declared fields of MySQL's messages.
#pragma once

#include <array>
#include <charconv>
#include <span>
#include <string_view>

#include "record/field.h"

namespace weir::mysql_field {

inline constexpr Field kSystem{"db.system.name", FieldType::kText};
inline constexpr Field kCommand{"weir.mysql.command", FieldType::kText};
inline constexpr Field kOperation{"db.operation.name", FieldType::kText};
inline constexpr Field kQuery{"db.query.text", FieldType::kText};
inline constexpr Field kNamespace{"db.namespace", FieldType::kText};
inline constexpr Field kUser{"weir.db.user", FieldType::kText};
inline constexpr Field kStatement{"weir.mysql.statement_id", FieldType::kInt};
inline constexpr Field kStatusCode{"db.response.status_code", FieldType::kText};
inline constexpr Field kState{"weir.db.sqlstate", FieldType::kText};
inline constexpr Field kErrorMessage{"error.message", FieldType::kText};
inline constexpr Field kRows{"db.response.returned_rows", FieldType::kInt};
inline constexpr Field kAffected{"weir.db.affected_rows", FieldType::kInt};
inline constexpr Field kResultSets{"weir.mysql.result_sets", FieldType::kInt};
inline constexpr Field kWarnings{"weir.mysql.warnings", FieldType::kInt};
inline constexpr Field kInsertId{"weir.mysql.last_insert_id", FieldType::kInt};
inline constexpr Field kInfile{"weir.mysql.local_infile_bytes", FieldType::kInt};
inline constexpr Field kEvents{"weir.mysql.events", FieldType::kInt};
inline constexpr Field kVersion{"weir.mysql.server_version", FieldType::kText};

inline constexpr const Field* kAll[] = {
    &kSystem,     &kCommand,    &kOperation, &kQuery,        &kNamespace, &kUser,
    &kStatement,  &kStatusCode, &kState,     &kErrorMessage, &kRows,      &kAffected,
    &kResultSets, &kWarnings,   &kInsertId,  &kInfile,       &kEvents,    &kVersion};

// The fields of one message.
class List {
 public:
  void add(const Field& field, std::string_view text) {
    if (!text.empty()) values_[count_++] = FieldValue::of(field, text);
  }
  void add(const Field& field, std::uint64_t number) {
    values_[count_++] = FieldValue::of(field, static_cast<std::int64_t>(number));
  }
  std::span<const FieldValue> get() const { return {values_.data(), count_}; }

 private:
  std::array<FieldValue, std::size(kAll)> values_;
  std::size_t count_ = 0;
};

}  // namespace weir::mysql_field
