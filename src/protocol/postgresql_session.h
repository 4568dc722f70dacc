// PostgresSession: what both directions of a connection have to know of each other: what the server
// still has to answer, and the ways in which the connection has changed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/decoder.h"
#include "protocol/sql_text.h"

namespace weir {

inline constexpr Field kPostgresSystem{"db.system.name", FieldType::kText};
inline constexpr Field kPostgresOperation{"db.operation.name", FieldType::kText};
inline constexpr Field kPostgresBatch{"db.operation.batch.size", FieldType::kInt};
inline constexpr Field kPostgresQuery{"db.query.text", FieldType::kText};
inline constexpr Field kPostgresSummary{"db.query.summary", FieldType::kText};
inline constexpr Field kPostgresNamespace{"db.namespace", FieldType::kText};
inline constexpr Field kPostgresUser{"user.name", FieldType::kText};
inline constexpr Field kPostgresMessage{"weir.postgresql.message", FieldType::kText};
inline constexpr Field kPostgresStatement{"weir.postgresql.statement", FieldType::kText};
inline constexpr Field kPostgresApplication{"weir.postgresql.application", FieldType::kText};
inline constexpr Field kPostgresProcess{"weir.postgresql.process_id", FieldType::kInt};
inline constexpr Field kPostgresRows{"db.response.returned_rows", FieldType::kInt};
inline constexpr Field kPostgresStatusCode{"db.response.status_code", FieldType::kText};
inline constexpr Field kPostgresErrorType{"error.type", FieldType::kText};
inline constexpr Field kPostgresErrorMessage{"error.message", FieldType::kText};
inline constexpr Field kPostgresSeverity{"weir.postgresql.severity", FieldType::kText};
inline constexpr Field kPostgresCommand{"weir.postgresql.command", FieldType::kText};
inline constexpr Field kPostgresAffected{"weir.postgresql.affected_rows", FieldType::kInt};
inline constexpr Field kPostgresNotices{"weir.postgresql.notices", FieldType::kInt};
inline constexpr Field kPostgresNotice{"weir.postgresql.notice", FieldType::kText};
inline constexpr Field kPostgresChannel{"weir.postgresql.channel", FieldType::kText};
inline constexpr Field kPostgresCopy{"weir.postgresql.copy", FieldType::kText};
inline constexpr Field kPostgresCopied{"weir.postgresql.copied_in_bytes", FieldType::kInt};
inline constexpr Field kPostgresTransaction{"weir.postgresql.transaction", FieldType::kText};
inline constexpr Field kPostgresAuthentication{"weir.postgresql.authentication", FieldType::kText};
inline constexpr Field kPostgresVersion{"weir.postgresql.server_version", FieldType::kText};
inline constexpr Field kPostgresEncryption{"weir.postgresql.encryption", FieldType::kText};

inline constexpr const Field* kPostgresFields[] = {
    &kPostgresSystem,         &kPostgresOperation,   &kPostgresBatch,        &kPostgresQuery,
    &kPostgresSummary,        &kPostgresNamespace,   &kPostgresUser,         &kPostgresMessage,
    &kPostgresStatement,      &kPostgresApplication, &kPostgresProcess,      &kPostgresRows,
    &kPostgresStatusCode,     &kPostgresErrorType,   &kPostgresErrorMessage, &kPostgresSeverity,
    &kPostgresCommand,        &kPostgresAffected,    &kPostgresNotices,      &kPostgresNotice,
    &kPostgresChannel,        &kPostgresCopy,        &kPostgresCopied,       &kPostgresTransaction,
    &kPostgresAuthentication, &kPostgresVersion,     &kPostgresEncryption};

extern const Vocabulary kPostgresVocabulary;

// The fields of one message; text that is empty is none.
class PostgresFieldValues {
 public:
  PostgresFieldValues() {}  // the values are written before they are read

  void add(const Field& field, std::string_view text) {
    if (!text.empty()) fields_[count_++] = FieldValue::of(field, text);
  }
  void add(const Field& field, std::int64_t number) {
    fields_[count_++] = FieldValue::of(field, number);
  }
  std::span<const FieldValue> get() const { return {fields_.data(), count_}; }

 private:
  union {
    std::array<FieldValue, std::size(kPostgresFields)> fields_;
  };
  std::size_t count_ = 0;
};

struct PostgresSession {
  enum class Kind : std::uint8_t {
    kEncryption,  // one byte
    kStartup,     // up to ReadyForQuery
    kSimple,      // likewise
    kFunction,    // likewise
    kExecute,     // up to its CommandComplete; the last before a Sync up to ReadyForQuery
    kPrepare,     // all that stands before a Sync, without Execute
    kSync,        // ReadyForQuery alone, that belongs to no record
  };
  struct Awaited {
    Kind kind;
    bool last;  // ReadyForQuery is its end
  };

  // What the server still has to answer. Bounded; what is beyond is not known.
  bool awaits() const { return first_ != awaited_.size(); }
  Awaited front() const { return awaited_[first_]; }
  Awaited& back() { return awaited_.back(); }
  void push(Kind kind, bool last) {
    if (first_ == awaited_.size()) {
      awaited_.clear();
      first_ = 0;
    } else if (awaited_.size() == awaited_.capacity() && first_ > 0) {
      awaited_.erase(awaited_.begin(), awaited_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
    if (awaited_.size() == kMostAwaited) lose_count();
    awaited_.push_back({kind, last});
  }
  void pop() { ++first_; }
  // What is awaited is not known any more: the next ReadyForQuery ends whatever it ends.
  void lose_count() {
    awaited_.clear();
    first_ = 0;
    unknown = true;
  }

  bool unknown = false;
  bool flushed = false;       // the server answers what it has got, though nothing of it executes
  bool encrypted = false;     // both directions are TLS from here on
  bool streaming = false;     // a replication stream
  bool ignores_sync = false;  // one that was sent too early, before COPY took the connection
  std::uint64_t copied_in = 0;
  SqlDialect dialect = kPostgresSql;
  std::string database;

 private:
  static constexpr std::size_t kMostAwaited = 65536;

  std::vector<Awaited> awaited_;
  std::size_t first_ = 0;
};

}  // namespace weir
