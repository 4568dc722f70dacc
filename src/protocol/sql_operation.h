// SqlOperation: what an SQL text does, in few words fit for a metric label; and SqlVerb, which
// finds it among a statement's words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

// "SELECT", "CREATE TABLE", "BATCH INSERT" (several statements that do the same), "BATCH" (that do
// not). Empty where the first word is no statement's. WITH is the statement that its expressions
// serve.
class SqlOperation {
 public:
  std::string_view text() const { return {text_.data(), size_}; }
  void add(std::string_view word);
  void clear() { size_ = 0; }

 private:
  std::array<char, 40> text_{};
  std::size_t size_ = 0;
};

// Of one statement after another: its words in their order, then take().
class SqlVerb {
 public:
  bool wants() const { return expect_ != kNothing; }
  // The next word, behind so many open parentheses.
  void read(std::string_view word, int depth);
  // What comes next is no word.
  void skip() {
    if (expect_ == kVerb) expect_ = kNothing;
  }
  SqlOperation take();

 private:
  enum Expect : std::uint8_t { kVerb, kObject, kServed, kNothing };

  Expect expect_ = kVerb;
  SqlOperation operation_;
};

}  // namespace weir
