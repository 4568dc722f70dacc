// Where: the --where expression, a predicate on records. docs/records.md describes the language.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/ledger.h"
#include "base/result.h"
#include "record/record_sink.h"

namespace weir {

class Where {
 public:
  // `attributes` are the attribute names that records can have; others are an error that names the
  // nearest ones. Regular expressions hold a lock while they match: parse once per worker.
  static Result<Where> parse(std::string_view text, std::span<const std::string_view> attributes);

  Where(Where&&) noexcept;
  Where& operator=(Where&&) noexcept;
  ~Where();

  bool matches(const RoundTrip& trip) const noexcept;

  struct Expression;

 private:
  explicit Where(std::unique_ptr<const Expression> root);
  std::unique_ptr<const Expression> root_;
};

// The head of a worker's chain: forwards what matches (everything without a Where) and counts the
// messages of each record as delivered or filtered.
class WhereFilter final : public RecordSink {
 public:
  WhereFilter(std::optional<Where> where, RecordSink& next, Ledger& ledger);

  using RecordSink::on;
  void on(const RoundTrip& trip) noexcept override;

 private:
  std::optional<Where> where_;
  RecordSink& next_;
  Ledger& ledger_;
};

}  // namespace weir
