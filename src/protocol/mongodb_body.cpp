#include "protocol/mongodb_body.h"

#include <algorithm>
#include <array>

namespace weir {
namespace {

constexpr std::size_t kMostName = 255;  // of what is kept

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Commands whose value is a collection's name.
constexpr std::array<std::string_view, 30> kOfCollection{"find",
                                                         "insert",
                                                         "update",
                                                         "delete",
                                                         "aggregate",
                                                         "findAndModify",
                                                         "findandmodify",
                                                         "count",
                                                         "distinct",
                                                         "create",
                                                         "drop",
                                                         "createIndexes",
                                                         "dropIndexes",
                                                         "deleteIndexes",
                                                         "listIndexes",
                                                         "collStats",
                                                         "collstats",
                                                         "collMod",
                                                         "mapReduce",
                                                         "mapreduce",
                                                         "validate",
                                                         "killCursors",
                                                         "compact",
                                                         "reIndex",
                                                         "convertToCapped",
                                                         "geoNear",
                                                         "geoSearch",
                                                         "planCacheClear",
                                                         "createSearchIndexes",
                                                         "group"};

// What every command of a session carries, and what logs in.
constexpr std::array<std::string_view, 14> kNotShown{"$db",
                                                     "lsid",
                                                     "$clusterTime",
                                                     "$readPreference",
                                                     "txnNumber",
                                                     "autocommit",
                                                     "apiVersion",
                                                     "startTransaction",
                                                     "speculativeAuthenticate",
                                                     "$configServerState",
                                                     "$configTime",
                                                     "$topologyTime",
                                                     "$client",
                                                     "$audit"};

// Commands whose values are never shown.
constexpr std::array<std::string_view, 12> kSecret{
    "authenticate", "saslStart",   "saslContinue",   "getnonce",        "createUser",
    "updateUser",   "copydb",      "copydbgetnonce", "copydbsaslstart", "logApplicationMessage",
    "setParameter", "getParameter"};

constexpr std::array<std::string_view, 4> kBatches{"documents", "updates", "deletes", "ops"};

bool names_collection(const BsonElement& element) { return is_one_of(element.name, kOfCollection); }

std::string_view lasting(std::string_view text, TextBuffer* kept) {
  if (!kept) return text;
  const std::size_t mark = kept->size();
  kept->put(text.substr(0, kMostName));
  return kept->since(mark);
}

// Old clients wrap a command in a query that says more.
bool wraps(const MongoItem& item) {
  return item.first && item.element.type == BsonType::kDocument &&
         (item.element.name == "$query" || item.element.name == "query");
}

template <class Take>
void take_wrapped(const BsonElement& wrapper, Take take) {
  BsonElements elements(wrapper.value);
  MongoItem item;
  for (item.first = true; elements.next(item.element); item.first = false) take(item);
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Behind what is in quotes or braces from `at` on; the message's end where they are not closed.
std::size_t end_of_value(std::string_view message, std::size_t at) {
  const char open = message[at];
  const bool nests = open == '{' || open == '[';
  int depth = 1;
  while (++at < message.size()) {
    const char c = message[at];
    if (!nests && c == '\\') {
      ++at;
    } else if (nests ? c == '}' || c == ']' : c == open) {
      if (--depth == 0) return at + 1;
    } else if (nests && (c == '{' || c == '[')) {
      ++depth;
    }
  }
  return message.size();
}

}  // namespace

MongoWalk::Read MongoWalk::begin_document(Bytes rest, std::uint64_t before) {
  if (rest.size() < before + 4) return Read::kMore;
  const std::uint64_t length = load_le32(rest.data() + before);
  if (length < kBsonLeast || length > end_ - at_ - before) return Read::kBad;
  document_end_ = at_ + before + length;
  at_ += before + 4;
  first_ = true;
  return Read::kItem;
}

MongoWalk::Read MongoWalk::next_section(Bytes rest, MongoItem& item) {
  constexpr std::uint8_t kBody = 0, kSequence = 1, kToken = 2;
  if (rest.size() < 5) return end_ - at_ < 5 ? Read::kBad : Read::kMore;
  const std::uint64_t size = load_le32(rest.data() + 1);
  if (rest[0] > kToken || size < kBsonLeast || size > end_ - at_ - 1) return Read::kBad;
  if (rest[0] == kBody) {
    const Read begun = begin_document(rest, 1);
    item.sequence = false;
    item.element.size = 0;
    return begun;
  }
  item.element.name = {};
  item.documents = {};
  if (rest[0] == kSequence) {
    const std::string_view text = as_text(rest.subspan(5));
    const std::size_t zero = text.substr(0, kMostName + 1).find('\0');
    if (zero == std::string_view::npos) return text.size() > kMostName ? Read::kBad : Read::kMore;
    if (5 + zero > size) return Read::kBad;
    item.element.name = text.substr(0, zero);
    const Bytes documents = rest.subspan(5 + zero + 1);
    const std::uint64_t length = size - 4 - zero - 1;
    item.documents = documents.first(
        static_cast<std::size_t>(std::min<std::uint64_t>(documents.size(), length)));
    if (item.documents.size() < length && length <= kShort) return Read::kMore;
    item.element.size = length;
  }
  item.sequence = true;
  item.first = false;
  at_ += 1 + size;
  return Read::kItem;
}

MongoWalk::Read MongoWalk::next_element(Bytes rest, MongoItem& item) {
  switch (read_bson_element(rest, document_end_ - at_, item.element)) {
    case BsonRead::kBad:
      return Read::kBad;
    case BsonRead::kMore:
      return Read::kMore;
    case BsonRead::kElement:
      break;
  }
  if (!item.element.whole() && item.element.size <= kShort) return Read::kMore;
  at_ += item.element.element;
  item.sequence = false;
  item.first = first_;
  first_ = false;
  return Read::kItem;
}

MongoWalk::Read MongoWalk::next(Bytes there, std::uint64_t base, MongoItem& item) {
  for (;;) {
    if (at_ >= end_) return document_end_ != 0 ? Read::kBad : Read::kEnd;
    if (at_ - base >= there.size()) return Read::kMore;
    const Bytes rest = there.subspan(static_cast<std::size_t>(at_ - base));
    if (document_end_ == 0) {
      const Read read = single_ ? begin_document(rest, 0) : next_section(rest, item);
      if (read != Read::kItem || document_end_ == 0) return read;
      continue;
    }
    if (rest[0] != 0) return next_element(rest, item);
    if (++at_ != document_end_) return Read::kBad;
    document_end_ = 0;
    if (single_) at_ = end_;
  }
}

void MongoRequest::take(const MongoItem& item, TextBuffer* kept) {
  const BsonElement& element = item.element;
  if (item.sequence) {
    if (is_one_of(element.name, kBatches) && item.documents.size() == element.size) {
      batch = count_bson_documents(item.documents).value_or(0);
    }
    return;
  }
  if (wraps(item)) {
    take_wrapped(element, [&](const MongoItem& inner) { take(inner, kept); });
    return;
  }
  if (item.first) {
    operation = lasting(element.name, kept);
    if (names_collection(element)) collection = lasting(element.text(), kept);
    if (element.name == "explain" && element.type == BsonType::kDocument) {
      BsonElements explained(element.value);
      BsonElement inner;
      if (explained.next(inner) && names_collection(inner)) {
        collection = lasting(inner.text(), kept);
      }
    }
  } else if (element.name == "$db") {
    database = lasting(element.text(), kept);
  } else if (element.name == "collection" && operation == "getMore") {
    collection = lasting(element.text(), kept);
  } else if (element.type == BsonType::kArray && is_one_of(element.name, kBatches) &&
             element.whole()) {
    batch = count_bson(element.value).value_or(0);
  }
}

void MongoReply::take_error(const BsonElement& error, TextBuffer* kept) {
  failed = true;
  BsonElements elements(error.value);
  BsonElement element;
  while (elements.next(element)) {
    if (element.name == "code") code = element.number();
    if (element.name == "codeName") code_name = lasting(element.text(), kept);
    if (element.name == "errmsg") message = lasting(element.text(), kept);
  }
}

void MongoReply::take_cursor(const BsonElement& cursor) {
  BsonElements elements(cursor.value);
  BsonElement element;
  while (elements.next(element)) {
    const bool batch = element.name == "firstBatch" || element.name == "nextBatch";
    if (batch && element.type == BsonType::kArray) returned = count_bson(element.value);
  }
}

void MongoReply::take(const MongoItem& item, TextBuffer* kept) {
  if (item.sequence) return;
  const BsonElement& element = item.element;
  const std::string_view name = element.name;
  if (name == "ok") {
    failed = failed || element.number() == 0;
  } else if (name == "code") {
    code = element.number();
  } else if (name == "codeName") {
    code_name = lasting(element.text(), kept);
  } else if (name == "errmsg" || name == "$err" || name == "err") {
    if (const std::string_view text = element.text(); !text.empty()) {
      message = lasting(text, kept);
      failed = failed || name != "errmsg";  // the older ways of saying that it failed
    }
  } else if (name == "n") {
    count = element.number();
  } else if (name == "nErrors") {
    failed = failed || element.number().value_or(0) > 0;
  } else if (name == "cursor" && element.type == BsonType::kDocument) {
    take_cursor(element);
  } else if (name == "writeErrors" && element.type == BsonType::kArray) {
    BsonElements errors(element.value);
    BsonElement error;
    if (errors.next(error)) take_error(error, kept);
    failed = failed || element.size > kBsonLeast;
  } else if (name == "writeConcernError" && element.type == BsonType::kDocument && !failed) {
    take_error(element, kept);
  }
}

BsonValues MongoCommandText::values() const {
  return raw_ && !is_one_of(operation_, kSecret) ? BsonValues::kShown : BsonValues::kHidden;
}

void MongoCommandText::put_member(const BsonElement& element) {
  put_bson_name(element.name, out_);
  if (!raw_ && element.name == "documents") {
    out_.put("[?]");
  } else {
    put_bson_value(element, values(), out_);
  }
}

void MongoCommandText::take(const MongoItem& item) {
  const BsonElement& element = item.element;
  if (item.sequence) {
    if (sequence_count_ < kMostSequences && !element.name.empty()) {
      sequences_[sequence_count_++] = {element.name, item.documents};
    }
    return;
  }
  if (wraps(item)) {
    take_wrapped(element, [this](const MongoItem& inner) { take(inner); });
    return;
  }
  if (is_one_of(element.name, kNotShown)) return;
  out_.put(item.first ? "{" : ", ");
  if (item.first) operation_ = element.name;
  const bool name = item.first ? names_collection(element)
                               : operation_ == "getMore" && element.name == "collection";
  if (name && !element.text().empty()) {
    put_bson_name(element.name, out_);
    put_bson_value(element, BsonValues::kShown, out_);
  } else {
    put_member(element);
  }
}

std::string_view MongoCommandText::finish(const MongoRequest& request) {
  if (request.operation.empty()) return {};
  for (std::size_t i = 0; i < sequence_count_; ++i) {
    const Sequence& sequence = sequences_[i];
    out_.put(", ");
    put_bson_name(sequence.name, out_);
    if (!raw_ && sequence.name == "documents") {
      out_.put("[?]");
    } else {
      put_bson_documents(sequence.documents, values(), out_);
    }
  }
  out_.put('}');
  return out_.since(0);
}

std::string_view put_mongo_command(std::string_view operation, std::string_view collection,
                                   TextBuffer& out) {
  const std::size_t mark = out.size();
  out.put("{\"");
  out.put(operation);
  out.put(collection.empty() ? "\": ?}" : "\": \"");
  if (!collection.empty()) {
    out.put(collection);
    out.put("\"}");
  }
  return out.since(mark);
}

std::string_view put_mongo_message(std::string_view message, bool raw, TextBuffer& out) {
  if (raw) return message;
  const std::size_t mark = out.size();
  bool word = false;  // what stands before belongs to a word
  for (std::size_t at = 0; at < message.size();) {
    const char c = message[at];
    if (c == '"' || c == '`' || c == '{' || c == '[' || (c == '\'' && !word)) {
      at = end_of_value(message, at);
      out.put('?');
    } else if (!word && c >= '0' && c <= '9') {
      while (at < message.size() && (is_word(message[at]) || message[at] == '.')) ++at;
      out.put('?');
    } else {
      out.put(c);
      ++at;
    }
    word = is_word(c);
  }
  return out.since(mark);
}

std::string_view mongo_code_name(std::int64_t code) {
  switch (code) {
    case 11000:
    case 11001:
      return "DuplicateKey";
    case 50:
      return "MaxTimeMSExpired";
    case 64:
      return "WriteConcernFailed";
    case 112:
      return "WriteConflict";
    case 121:
      return "DocumentValidationFailure";
    case 13:
      return "Unauthorized";
    case 2:
      return "BadValue";
    case 9:
      return "FailedToParse";
    case 10107:
      return "NotWritablePrimary";
    case 43:
      return "CursorNotFound";
    default:
      return {};
  }
}

}  // namespace weir
