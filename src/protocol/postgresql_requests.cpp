#include "protocol/postgresql_requests.h"

#include <algorithm>

#include "protocol/text_buffer.h"

namespace weir {
namespace {

constexpr std::size_t kShown = FieldList::kMaxTextBytes;  // of a query
constexpr std::size_t kBindHead = 1024;                   // the names in front of the values
constexpr std::size_t kMostHeld = 32768;  // a round trip put together of more is shown early
constexpr std::size_t kMostName = 256;
constexpr int kDoubtful = 2;

// How much of a frame has to be there to be read.
std::size_t wanted_of(const PostgresFrame& frame) {
  std::uint64_t most = frame.size;
  switch (frame.type) {
    case 'Q':
    case 'P':
      most = kPostgresHead + kShown;
      break;
    case 'B':
      most = kPostgresHead + kBindHead;
      break;
    case 'F':
    case 'd':
    case 'p':
    case 'f':
      most = kPostgresHead;
      break;
    default:
      break;
  }
  return static_cast<std::size_t>(std::min(frame.size, most));
}

bool is_sync(Bytes bytes) {
  return bytes.size() >= kPostgresHead && bytes[0] == 'S' && load_be32(bytes.data() + 1) == 4;
}

std::string_view name_of(char type) {
  switch (type) {
    case 'P':
      return "PREPARE";
    case 'B':
      return "BIND";
    case 'D':
      return "DESCRIBE";
    case 'C':
      return "CLOSE";
    default:
      return "SYNC";
  }
}
std::string_view message_of(char type) {
  switch (type) {
    case 'P':
      return "parse";
    case 'B':
      return "bind";
    case 'D':
      return "describe";
    case 'C':
      return "close";
    default:
      return "sync";
  }
}

Message request(std::uint64_t begin, std::uint64_t end) {
  Message message;
  message.vocabulary = &kPostgresVocabulary;
  message.kind = MessageKind::kRequest;
  message.direction = Direction::kToServer;
  message.begin = begin;
  message.end = end;
  return message;
}

}  // namespace

Step PostgresRequests::decode(Bytes bytes, std::uint64_t offset, MessageSink& sink) {
  std::size_t at = resume_ > offset ? static_cast<std::size_t>(resume_ - offset) : 0;
  at = std::min(at, bytes.size());
  Verdict verdict = Verdict::kNeedMore;
  std::uint64_t skip = 0;
  while (at < bytes.size() && verdict == Verdict::kNeedMore) {
    // An answer that was not seen may have begun it.
    const bool asked = session_.awaits() && session_.front().kind == Kind::kEncryption;
    if (session_.encrypted || (asked && bytes[at] == 0x16)) {
      session_.encrypted = true;
      return {Verdict::kSwitch, at};
    }
    const Read read = bytes[at] == 0 && !asking_.begun ? read_startup(bytes, at, offset, sink)
                                                       : read_frame(bytes, at, offset, skip, sink);
    if (read == Read::kMore) break;
    if (read == Read::kSkip) verdict = Verdict::kProgress;
    if (read == Read::kInvalid) verdict = Verdict::kInvalid;
  }
  resume_ = offset + at + skip;
  // Until a request is shown its bytes are kept: they carry the time of its beginning.
  const bool held = asking_.begun && !asking_.shown;
  if (verdict == Verdict::kInvalid) {
    forget(sink);
    session_.lose_count();
    return {verdict, at};
  }
  return {verdict, held ? static_cast<std::size_t>(asking_.begin - offset) : at, skip};
}

void PostgresRequests::forget(MessageSink& sink) {
  end_tail(sink);
  if (asking_.begun && asking_.shown) {
    sink.end(Direction::kToServer, 0, {resume_, {}, {}, {}});
  }
  asking_ = flushed_ = {};
  executed_ = session_.flushed = session_.ignores_sync = false;
  resume_ = 0;
  doubts_ = kDoubtful;
  // Another may have taken its place.
  statements_.close({});
  statements_.bind({}, {});
}

void PostgresRequests::close(std::uint64_t offset, MessageSink& sink) {
  resume_ = std::min(resume_, offset);
  forget(sink);
}

void PostgresRequests::end_tail(MessageSink& sink) {
  if (!tail_) return;
  tail_ = false;
  MessageEnd end;
  end.end = tail_end_;
  PostgresFieldValues fields;
  if (!tail_is_named_) fields.add(kPostgresMessage, "execute");
  end.fields = fields.get();
  sink.end(Direction::kToServer, 0, end);
}

// --- without a type ------------------------------------------------------------------------------

PostgresRequests::Read PostgresRequests::read_startup(Bytes bytes, std::size_t& at,
                                                      std::uint64_t offset, MessageSink& sink) {
  const Bytes rest = bytes.subspan(at);
  if (check_postgres_startup(rest) == PostgresFit::kNo) return Read::kInvalid;
  if (rest.size() < 8) return Read::kMore;
  const std::size_t length = load_be32(rest.data());
  if (rest.size() < length) return Read::kMore;
  const std::uint32_t code = load_be32(rest.data() + 4);
  const std::uint64_t begin = offset + at, end = begin + length;
  at += length;
  end_tail(sink);
  switch (code) {
    case kPostgresSsl:
    case kPostgresGss:
      show_other(code == kPostgresSsl ? "SSL" : "GSSENC", code == kPostgresSsl ? "ssl" : "gssenc",
                 MessageKind::kRequest, begin, end, 0, sink);
      session_.push(Kind::kEncryption, true);
      break;
    case kPostgresCancel:
      show_other("CANCEL", "cancel", MessageKind::kOneWay, begin, end, load_be32(rest.data() + 8),
                 sink);
      break;
    default:
      show_startup(rest.subspan(8, length - 8), begin, end, sink);
      session_.push(Kind::kStartup, true);
      break;
  }
  return Read::kRead;
}

void PostgresRequests::show_startup(Bytes params, std::uint64_t begin, std::uint64_t end,
                                    MessageSink& sink) {
  std::string_view user, database, application;
  Reader reader(params);
  while (reader.ok() && reader.remaining() > 1) {
    const std::string_view name = take_postgres_text(reader);
    const std::string_view value = take_postgres_text(reader);
    if (name == "user") user = value;
    if (name == "database") database = value;
    if (name == "application_name") application = value;
  }
  session_.database = (database.empty() ? user : database).substr(0, kMostName);
  char room[kMostName + 16];
  TextBuffer summary(room);
  summary.put("CONNECT ");
  summary.put(session_.database);
  Message message = request(begin, end);
  PostgresFieldValues fields;
  fields.add(kPostgresSystem, "postgresql");
  fields.add(kPostgresOperation, "CONNECT");
  fields.add(kPostgresSummary, summary.since(0));
  fields.add(kPostgresNamespace, session_.database);
  fields.add(kPostgresUser, user);
  fields.add(kPostgresApplication, application);
  fields.add(kPostgresMessage, "startup");
  message.fields = fields.get();
  tell(message, sink);
}

// What has no text to be shown by.
void PostgresRequests::show_other(std::string_view name, std::string_view text, MessageKind kind,
                                  std::uint64_t begin, std::uint64_t end, std::uint32_t process,
                                  MessageSink& sink) {
  Message message = request(begin, end);
  message.kind = kind;
  PostgresFieldValues fields;
  fields.add(kPostgresSystem, "postgresql");
  fields.add(kPostgresOperation, name);
  fields.add(kPostgresSummary, name);
  fields.add(kPostgresNamespace, session_.database);
  if (process != 0) fields.add(kPostgresProcess, std::int64_t{process});
  fields.add(kPostgresMessage, text);
  message.fields = fields.get();
  tell(message, sink);
}

// --- frames --------------------------------------------------------------------------------------

PostgresRequests::Read PostgresRequests::read_frame(Bytes bytes, std::size_t& at,
                                                    std::uint64_t offset, std::uint64_t& skip,
                                                    MessageSink& sink) {
  const Bytes rest = bytes.subspan(at);
  if (doubts_ > 0 && check_postgres_frame(rest, Direction::kToServer) == PostgresFit::kNo) {
    return Read::kInvalid;
  }
  if (rest.size() < kPostgresHead) return Read::kMore;
  PostgresFrame frame;
  if (!read_postgres_head(rest, Direction::kToServer, frame)) return Read::kInvalid;
  const std::size_t wanted = wanted_of(frame);
  if (rest.size() < wanted) return Read::kMore;
  if (doubts_ > 0) --doubts_;
  const std::uint64_t begin = offset + at, end = begin + frame.size;
  const Bytes body = rest.subspan(kPostgresHead, wanted - kPostgresHead);
  if (frame.type == 'S') {
    take_sync(begin, end, sink);
  } else if (frame.type == 'H') {
    take_flush(end, sink);
  } else if (frame.type == 'C' && tail_) {  // closes what was executed
    take_target('C', body);
    tail_end_ = end;
  } else {
    end_tail(sink);
    take(frame, body, begin, sink);
  }
  if (frame.type == 'E') {
    const bool whole = is_sync(rest.subspan(static_cast<std::size_t>(frame.size)));
    finish_asking(whole ? end + kPostgresHead : Message::kOpenEnd, "execute", sink);
    tail_ = !whole;
    tail_end_ = end;
    executed_ = true;
    flushed_ = {};
    session_.push(Kind::kExecute, false);
    if (whole) {
      at += kPostgresHead;
      take_sync(end, end + kPostgresHead, sink);
    }
  } else if (asking_.begun && !asking_.shown &&
             (wanted < frame.size || end - asking_.begin > kMostHeld)) {
    show_asking(Message::kOpenEnd, {}, sink);
  }
  if (rest.size() < frame.size) {
    skip = frame.size - rest.size();
    at = bytes.size();
    return Read::kSkip;
  }
  at += static_cast<std::size_t>(frame.size);
  return Read::kRead;
}

void PostgresRequests::take(const PostgresFrame& frame, Bytes body, std::uint64_t at,
                            MessageSink& sink) {
  switch (frame.type) {
    case 'P':
    case 'B':
    case 'D':
    case 'C':
    case 'E':
      begin(at);
      asking_.type = frame.type;
      break;
    default:
      break;
  }
  switch (frame.type) {
    case 'Q':
      return show_simple(body, at, at + frame.size, sink);
    case 'F':
      show_other("FUNCTION CALL", "function_call", MessageKind::kRequest, at, at + frame.size, 0,
                 sink);
      return session_.push(Kind::kFunction, true);
    case 'P':
      return take_parse(body);
    case 'B':
      return take_bind(body);
    case 'D':
    case 'C':
      return take_target(frame.type, body);
    case 'E':
      return take_execute(body);
    case 'd':
      session_.copied_in += frame.size - kPostgresHead;
      return;
    default:  // the rest of COPY, passwords, the end
      return;
  }
}

void PostgresRequests::show_simple(Bytes body, std::uint64_t begin, std::uint64_t end,
                                   MessageSink& sink) {
  if (asking_.begun) {
    if (asking_.shown) sink.end(Direction::kToServer, 0, {begin, {}, {}, {}});
    asking_ = {};
  }
  std::string_view sql = as_text(body);
  if (sql.ends_with('\0')) sql.remove_suffix(1);
  std::array<char, kShown> room;
  const SqlText text = read_sql(sql, session_.dialect, raw_, room);
  Message message = request(begin, end);
  PostgresFieldValues fields;
  fields.add(kPostgresSystem, "postgresql");
  fields.add(kPostgresOperation, text.operation.text());
  fields.add(kPostgresQuery, text.text);
  if (text.statements > 1) fields.add(kPostgresBatch, std::int64_t{text.statements});
  fields.add(kPostgresNamespace, session_.database);
  fields.add(kPostgresMessage, "simple");
  message.fields = fields.get();
  statements_.close({});
  executed_ = false;
  session_.push(Kind::kSimple, true);
  tell(message, sink);
}

void PostgresRequests::take_parse(Bytes body) {
  Reader reader(body);
  const std::string_view name = take_postgres_text(reader);
  const std::string_view rest = as_text(reader.rest());
  const std::size_t end = rest.find('\0');
  std::array<char, kShown> room;
  const SqlText text = read_sql(rest.substr(0, end), session_.dialect, raw_, room);
  asking_.statement = statements_.define(name.substr(0, kMostName), text);
  asking_.late = false;
}

void PostgresRequests::use(PostgresStatements::Reference statement) {
  asking_.statement = statement;
  asking_.late = statements_.get(statement) == nullptr;
}

void PostgresRequests::take_bind(Bytes body) {
  Reader reader(body);
  const std::string_view portal = take_postgres_text(reader);
  const std::string_view name = take_postgres_text(reader);
  const auto statement = statements_.find(name.substr(0, kMostName));
  statements_.bind(portal.substr(0, kMostName), statement);
  use(statement);
}

// Describe or Close: a statement or a portal.
void PostgresRequests::take_target(char type, Bytes body) {
  Reader reader(body);
  const bool portal = reader.u8() == 'P';
  const std::string_view name = take_postgres_text(reader).substr(0, kMostName);
  if (type == 'C') {
    portal ? statements_.close_portal(name) : statements_.close(name);
  } else if (statements_.get(asking_.statement) == nullptr) {
    use(portal ? statements_.bound(name) : statements_.find(name));
  }
}

void PostgresRequests::take_execute(Bytes body) {
  Reader reader(body);
  use(statements_.bound(take_postgres_text(reader).substr(0, kMostName)));
}

// --- what the client put together ----------------------------------------------------------------

void PostgresRequests::show_asking(std::uint64_t end, std::string_view text, MessageSink& sink) {
  Message message = request(asking_.begin, end);
  if (asking_.late) message.quality = Quality::kLateJoin;
  PostgresFieldValues fields;
  fields.add(kPostgresSystem, "postgresql");
  const PostgresStatements::Statement* statement = statements_.get(asking_.statement);
  if (statement != nullptr) {
    fields.add(kPostgresOperation, statement->operation.text());
    fields.add(kPostgresQuery, statement->text);
    fields.add(kPostgresStatement, statement->name);
  } else if (asking_.type != 'E') {
    fields.add(kPostgresOperation, name_of(asking_.type));
    fields.add(kPostgresSummary, name_of(asking_.type));
  } else {
    fields.add(kPostgresSummary, "EXECUTE");
  }
  fields.add(kPostgresNamespace, session_.database);
  fields.add(kPostgresMessage, text);
  message.fields = fields.get();
  asking_.shown = true;
  tell(message, sink);
}

// Requests are told in their order: what was flushed before this one is not told any more.
void PostgresRequests::tell(const Message& message, MessageSink& sink) {
  flushed_ = {};
  session_.flushed = false;
  sink.on(message);
}

// What was put together is whole but for its end, which may be open.
void PostgresRequests::finish_asking(std::uint64_t end, std::string_view text, MessageSink& sink) {
  tail_is_named_ = !asking_.shown;
  if (!asking_.shown) {
    show_asking(end, text, sink);
  } else if (end != Message::kOpenEnd) {
    PostgresFieldValues fields;
    fields.add(kPostgresMessage, text);
    MessageEnd ended;
    ended.end = end;
    ended.fields = fields.get();
    sink.end(Direction::kToServer, 0, ended);
  }
  asking_ = {};
}

void PostgresRequests::take_flush(std::uint64_t end, MessageSink& sink) {
  if (tail_) {
    tail_end_ = end;
    end_tail(sink);
  } else if (asking_.begun && !asking_.shown) {
    // The client wants to see what it has prepared before it executes it.
    flushed_ = asking_;
    asking_ = {};
    flushed_end_ = end;
    session_.flushed = true;
  }
}

void PostgresRequests::show_flushed(MessageSink& sink) {
  if (!flushed_.begun) return;
  const Asking asking = asking_;
  asking_ = flushed_;
  finish_asking(flushed_end_, message_of(asking_.type), sink);
  asking_ = asking;
  executed_ = true;
  session_.push(Kind::kPrepare, false);
}

void PostgresRequests::take_sync(std::uint64_t begin, std::uint64_t end, MessageSink& sink) {
  if (tail_) {
    tail_end_ = end;
    end_tail(sink);
  }
  if (!asking_.begun && flushed_.begun && !executed_) asking_ = flushed_;
  if (session_.ignores_sync) {
    session_.ignores_sync = false;
  } else if (asking_.begun) {
    finish_asking(end, message_of(asking_.type), sink);
    session_.push(Kind::kPrepare, true);
  } else if (executed_ && session_.awaits() && session_.back().kind == Kind::kExecute) {
    session_.back().last = true;
  } else if (executed_) {
    session_.push(Kind::kSync, true);
  } else {
    show_other("SYNC", "sync", MessageKind::kRequest, begin, end, 0, sink);
    session_.push(Kind::kPrepare, true);
  }
  executed_ = session_.flushed = false;
  flushed_ = {};
}

}  // namespace weir
