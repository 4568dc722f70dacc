// What MongoDB's requests and replies say: their sections and elements one after the other, also
// where the middle of a long one is passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "protocol/mongodb_bson.h"
#include "protocol/text_buffer.h"

namespace weir {

// An element of the command itself, or a sequence of documents that belongs to it.
struct MongoItem {
  bool sequence = false;
  bool first = false;  // element of its document
  BsonElement element;
  Bytes documents;  // of a sequence, what is there
};

// Where in a message's body the reading is.
class MongoWalk {
 public:
  enum class Read : std::uint8_t { kItem, kMore, kEnd, kBad };

  MongoWalk() = default;
  // Sections from `at` to `end`.
  static MongoWalk sections(std::uint64_t at, std::uint64_t end) { return {at, end, false}; }
  // One document, and whatever stands behind it.
  static MongoWalk document(std::uint64_t at, std::uint64_t end) { return {at, end, true}; }

  // Where the next item begins. It may lie behind what is there.
  std::uint64_t at() const { return at_; }
  // `there` is the body from `base` on, with base <= at(). Items that are long may be cut, short
  // ones are not. kMore: what begins at at() has to be there.
  Read next(Bytes there, std::uint64_t base, MongoItem& item);

  static constexpr std::uint64_t kShort = 1024;

 private:
  MongoWalk(std::uint64_t at, std::uint64_t end, bool single)
      : at_(at), end_(end), single_(single) {}
  Read next_section(Bytes rest, MongoItem& item);
  Read begin_document(Bytes rest, std::uint64_t before);
  Read next_element(Bytes rest, MongoItem& item);

  std::uint64_t at_ = 0, end_ = 0;
  std::uint64_t document_end_ = 0;  // 0: between documents
  bool first_ = false, single_ = false;
};

// Texts are views into what was read, or into `kept` where that does not last.
struct MongoRequest {
  std::string_view operation, database, collection;
  std::int64_t batch = 0;  // documents, updates or deletions that it asks for; 0: not known

  void take(const MongoItem& item, TextBuffer* kept);
};

struct MongoReply {
  bool failed = false;
  std::optional<std::int64_t> code, count, returned;
  std::string_view code_name, message;
  bool plain = false;  // not a command's: only documents

  void take(const MongoItem& item, TextBuffer* kept);

 private:
  void take_error(const BsonElement& error, TextBuffer* kept);
  void take_cursor(const BsonElement& cursor);
};

// Shows a command: `{"find": "users", "filter": {"age": ?}}`, without what belongs to the session.
class MongoCommandText {
 public:
  MongoCommandText(bool raw, TextBuffer& out) : raw_(raw), out_(out) {}

  void take(const MongoItem& item);
  // What is shown, once there is no more to take. `request`: what was taken.
  std::string_view finish(const MongoRequest& request);

 private:
  struct Sequence {
    std::string_view name;
    Bytes documents;
  };
  static constexpr std::size_t kMostSequences = 4;

  void put_member(const BsonElement& element);
  BsonValues values() const;

  const bool raw_;
  TextBuffer& out_;
  std::string_view operation_;
  Sequence sequences_[kMostSequences];
  std::size_t sequence_count_ = 0;
};

// The beginning of a command's text, where that is all there is.
std::string_view put_mongo_command(std::string_view operation, std::string_view collection,
                                   TextBuffer& out);

// An error's message without the values in it: what stands in quotes or braces, and numbers.
std::string_view put_mongo_message(std::string_view message, bool raw, TextBuffer& out);

// The name of a code that comes without one; empty where it has none here.
std::string_view mongo_code_name(std::int64_t code);

}  // namespace weir
