#include "protocol/postgresql_answers.h"

#include <algorithm>
#include <charconv>

#include "protocol/postgresql_report.h"

namespace weir {
namespace {

constexpr std::size_t kMostReport = 8192;  // of an error or a notice, to be read
constexpr std::size_t kMostSmall = 1024;   // of what else is read
constexpr int kDoubtful = 2;

// How much of a frame has to be there to be read.
std::size_t wanted_of(const PostgresFrame& frame) {
  std::uint64_t most = kPostgresHead;
  switch (frame.type) {
    case 'E':
    case 'N':
      most = kMostReport;
      break;
    case 'C':
    case 'A':
    case 'S':
    case 'R':
    case 'K':
    case 'Z':
      most = kMostSmall;
      break;
    default:
      break;
  }
  return static_cast<std::size_t>(std::min(frame.size, most));
}

std::string_view transaction_name(char status) {
  switch (status) {
    case 'I':
      return "idle";
    case 'T':
      return "active";
    case 'E':
      return "failed";
    default:
      return {};
  }
}

std::string_view authentication_name(std::uint32_t kind) {
  switch (kind) {
    case 0:
      return "trust";
    case 2:
      return "kerberos";
    case 3:
      return "password";
    case 5:
      return "md5";
    case 6:
      return "scm";
    case 7:
      return "gss";
    case 9:
      return "sspi";
    case 10:
      return "sasl";
    default:
      return {};
  }
}

// The number at the end of "INSERT 0 5"; -1 where there is none.
std::int64_t rows_of(std::string_view tag) {
  const std::size_t space = tag.rfind(' ');
  std::int64_t rows = -1;
  if (space == std::string_view::npos) return rows;
  const std::string_view number = tag.substr(space + 1);
  const auto read = std::from_chars(number.data(), number.data() + number.size(), rows);
  return read.ec == std::errc() && read.ptr == number.data() + number.size() ? rows : -1;
}

Message response(std::uint64_t begin, std::uint64_t end) {
  Message message;
  message.vocabulary = &kPostgresVocabulary;
  message.kind = MessageKind::kResponse;
  message.direction = Direction::kToClient;
  message.begin = begin;
  message.end = end;
  return message;
}

}  // namespace

Step PostgresAnswers::decode(Bytes bytes, std::uint64_t offset, MessageSink& sink) {
  std::size_t at = 0;
  Step step;
  while (at < bytes.size()) {
    if (session_.awaits() && session_.front().kind == Kind::kEncryption && bytes[at] != 'E') {
      step = read_reply(bytes, at, offset, sink);
      if (step.verdict != Verdict::kProgress) return step;
      at = step.consumed;
      step = {};
      continue;
    }
    const Bytes rest = bytes.subspan(at);
    if (doubts_ > 0 && check_postgres_frame(rest, Direction::kToClient) == PostgresFit::kNo) {
      step.verdict = Verdict::kInvalid;
      break;
    }
    if (rest.size() < kPostgresHead) break;
    PostgresFrame frame;
    if (!read_postgres_head(rest, Direction::kToClient, frame)) {
      step.verdict = Verdict::kInvalid;
      break;
    }
    const std::size_t wanted = wanted_of(frame);
    if (rest.size() < wanted) break;
    if (doubts_ > 0) --doubts_;
    take(frame, rest.subspan(kPostgresHead, wanted - kPostgresHead), offset + at, sink);
    last_type_ = frame.type;
    const bool row = frame.type == 'D' || frame.type == 'd';
    if (rest.size() < frame.size) {
      step.verdict = Verdict::kProgress;
      step.skip = frame.size - rest.size();
      step.passed = row ? rest.size() - kPostgresHead : 0;
      at = bytes.size();
      break;
    }
    at += static_cast<std::size_t>(frame.size);
    step.passed = row ? static_cast<std::size_t>(frame.size) - kPostgresHead : 0;
  }
  step.consumed = at;
  position_ = offset + at + step.skip;
  if (step.verdict == Verdict::kInvalid) {
    forget(sink);
    session_.lose_count();
  } else {
    show(sink);
  }
  return step;
}

void PostgresAnswers::forget(MessageSink& sink) {
  if (answer_.begun && answer_.shown) finish(position_, sink);
  answer_ = {};
  skipping_ = false;
  doubts_ = kDoubtful;
}

// S or N, to a request for encryption; G for the other kind of it.
Step PostgresAnswers::read_reply(Bytes bytes, std::size_t at, std::uint64_t offset,
                                 MessageSink& sink) {
  const std::uint8_t reply = bytes[at];
  if (reply != 'S' && reply != 'N' && reply != 'G') {
    forget(sink);
    session_.lose_count();
    return {Verdict::kInvalid, at};
  }
  session_.pop();
  Message message = response(offset + at, offset + at + 1);
  PostgresFieldValues fields;
  fields.add(kPostgresEncryption, reply == 'S' ? "tls" : reply == 'G' ? "gssapi" : "refused");
  message.fields = fields.get();
  sink.on(message);
  position_ = offset + at + 1;
  if (reply == 'G') return {Verdict::kOpaque, at + 1};
  session_.encrypted = reply == 'S';
  return {session_.encrypted ? Verdict::kSwitch : Verdict::kProgress, at + 1};
}

// --- frames --------------------------------------------------------------------------------------

void PostgresAnswers::take(const PostgresFrame& frame, Bytes body, std::uint64_t at,
                           MessageSink& sink) {
  const std::uint64_t end = at + frame.size;
  if (frame.type == 'A') return tell_unasked(frame, body, at, sink);
  if (frame.type == 'Z') {
    return take_ready(body.empty() ? '\0' : static_cast<char>(body[0]), at, end, sink);
  }
  if (skipping_) return take_skipped(frame, body, at, sink);
  if (!answer_.begun && take_unasked(frame, body, at, sink)) return;
  // Nobody knows what it answers, but that a command is over and another begins.
  if (answer_.done && session_.unknown && (frame.type == '1' || frame.type == '2')) {
    finish(at, sink);
  }
  begin(at);
  switch (frame.type) {
    case 'D':
      ++answer_.rows;
      answer_.has_rows = true;
      [[fallthrough]];
    case 'd':
      answer_.bytes += frame.size - kPostgresHead;
      answer_.has_size = true;
      return;
    case 'T':
      answer_.has_rows = answer_.has_size = true;
      return;
    case 'C':
      return take_command(body, end, sink);
    case 's':
    case 'I':
      return end_of_command(end, sink);
    case 'E':
      return take_error(body, end, sink);
    case 'N':
      return take_notice(body);
    case 'G':
    case 'H':
    case 'W':
      return take_copy(frame.type, end, sink);
    case 'R':
      return take_authentication(body);
    case 'S':
      return take_parameter(body);
    case 'K':
      if (body.size() >= 4) answer_.process = load_be32(body.data());
      return;
    default:
      return;
  }
}

// What comes while nothing is awaited; false when it is an answer all the same, to what was not
// seen.
bool PostgresAnswers::take_unasked(const PostgresFrame& frame, Bytes body, std::uint64_t at,
                                   MessageSink& sink) {
  const bool unknown = session_.unknown;
  const bool awaits = session_.awaits() && !unknown;
  if (awaits && session_.front().kind != Kind::kSync) return false;
  switch (frame.type) {
    case 'E':
      if (session_.flushed) {
        requests_.show_flushed(sink);
        return false;
      }
      if (unknown ||
          !(session_.streaming || awaits || read_postgres_report(body).severity != "ERROR")) {
        return false;
      }
      session_.streaming = false;
      tell_unasked(frame, body, at, sink);
      return true;
    case 'N':
      if (unknown) return false;
      tell_unasked(frame, body, at, sink);
      return true;
    case 'S':
      take_parameter(body);
      return true;
    // What a client can ask for before it executes. An answer that began with it might begin
    // before its request.
    case '1':
    case '3':
    case 'n':
    case 't':
      if (session_.flushed || !session_.awaits()) return true;
      break;
    case '2':
      if (session_.flushed) return true;
      break;
    case 'T':
      if (session_.flushed || (last_type_ == 't' && !session_.awaits())) return true;
      break;
    default:
      break;
  }
  if (session_.streaming || awaits) return true;
  session_.unknown = true;
  return false;
}

// What comes before the Sync that ends the passing over answers nothing.
void PostgresAnswers::take_skipped(const PostgresFrame& frame, Bytes body, std::uint64_t at,
                                   MessageSink& sink) {
  if (frame.type == 'E' || frame.type == 'N') tell_unasked(frame, body, at, sink);
  if (frame.type == 'S') take_parameter(body);
}

void PostgresAnswers::take_authentication(Bytes body) {
  Reader reader(body);
  const std::uint32_t kind = reader.be32();
  if (kind == 0 && authentication_.size != 0) return;
  if (kind == 10) {
    authentication_.set(take_postgres_text(reader));
  } else if (const std::string_view name = authentication_name(kind); !name.empty()) {
    authentication_.set(name);
  }
}

void PostgresAnswers::take_parameter(Bytes body) {
  Reader reader(body);
  const std::string_view name = take_postgres_text(reader);
  const std::string_view value = take_postgres_text(reader);
  if (name == "standard_conforming_strings") session_.dialect.backslash_escapes = value == "off";
  if (name == "server_version") version_.set(value);
}

void PostgresAnswers::take_command(Bytes body, std::uint64_t end, MessageSink& sink) {
  Reader reader(body);
  const std::string_view tag = take_postgres_text(reader);
  tag_.set(tag);
  const std::int64_t rows = rows_of(tag);
  const bool selects = tag.starts_with("SELECT") || tag.starts_with("FETCH");
  const bool reads = selects || answer_.copy == Copy::kOut;
  // A statement that was described before it was executed has no columns in its answer.
  if (rows == 0 && selects) answer_.has_rows = true;
  if (rows >= 0 && !reads) {
    answer_.affected = std::max<std::int64_t>(answer_.affected, 0) + rows;
  }
  end_of_command(end, sink);
}

void PostgresAnswers::end_of_command(std::uint64_t end, MessageSink& sink) {
  answer_.done = true;
  if (!session_.awaits() || session_.unknown) return;
  const PostgresSession::Awaited front = session_.front();
  if (front.kind != Kind::kExecute || front.last) return;
  session_.pop();
  finish(end, sink);
}

void PostgresAnswers::take_error(Bytes body, std::uint64_t end, MessageSink& sink) {
  const PostgresReport report = read_postgres_report(body);
  answer_.failed = true;
  answer_.done = true;
  keep_report(report);
  const bool fatal = report.severity == "FATAL" || report.severity == "PANIC";
  const bool known = session_.awaits() && !session_.unknown;
  const PostgresSession::Awaited front =
      known ? session_.front() : PostgresSession::Awaited{Kind::kSimple, true};
  if (front.last && !fatal && front.kind != Kind::kEncryption) return;
  // What the client has sent before its next Sync is not executed.
  skipping_ = known && !front.last;
  if (known) session_.pop();
  finish(end, sink);
}

void PostgresAnswers::keep_report(const PostgresReport& report) {
  severity_.set(report.severity);
  code_.set(report.code);
  put_postgres_message(report.message, report.code, raw_, message_);
}

void PostgresAnswers::take_notice(Bytes body) {
  if (answer_.notices++ != 0) return;
  const PostgresReport report = read_postgres_report(body);
  put_postgres_message(report.message, report.code, raw_, notice_);
}

void PostgresAnswers::take_copy(char type, std::uint64_t end, MessageSink& sink) {
  if (type == 'H') {
    answer_.copy = Copy::kOut;
    answer_.has_size = true;
    return;
  }
  if (type == 'G') {
    answer_.copy = Copy::kIn;
    session_.copied_in = 0;
    session_.ignores_sync =
        session_.awaits() && session_.front().kind == Kind::kExecute && session_.front().last;
    return;
  }
  // A replication stream has no end in sight: that it began is the answer.
  answer_.copy = Copy::kBoth;
  if (session_.awaits()) session_.pop();
  session_.streaming = true;
  finish(end, sink);
}

void PostgresAnswers::take_ready(char transaction, std::uint64_t at, std::uint64_t end,
                                 MessageSink& sink) {
  if (skipping_) {
    tell_skipped(at, end, sink);
    return;
  }
  const bool silent = session_.awaits() && session_.front().kind == Kind::kSync;
  const bool nothing = !answer_.begun && !session_.awaits() && !session_.unknown;
  if (!silent && !nothing) {
    begin(at);
    answer_.transaction = transaction;
    finish(end, sink);
  }
  session_.streaming = session_.unknown = false;
  pop_cycle();
}

// Drops what this ReadyForQuery is the end of.
void PostgresAnswers::pop_cycle() {
  while (session_.awaits()) {
    const bool last = session_.front().last;
    session_.pop();
    if (last) return;
  }
}

void PostgresAnswers::tell_skipped(std::uint64_t at, std::uint64_t end, MessageSink& sink) {
  skipping_ = false;
  while (session_.awaits()) {
    const PostgresSession::Awaited front = session_.front();
    session_.pop();
    if (front.kind != Kind::kSync) {
      Message message = response(at, end);
      message.status = Status::kError;
      PostgresFieldValues fields;
      fields.add(kPostgresErrorType, "not_executed");
      message.fields = fields.get();
      sink.on(message);
    }
    if (front.last) return;
  }
}

// --- what is told --------------------------------------------------------------------------------

void PostgresAnswers::tell_unasked(const PostgresFrame& frame, Bytes body, std::uint64_t at,
                                   MessageSink& sink) {
  show(sink);
  Message message = response(at, at + frame.size);
  message.kind = MessageKind::kUnpaired;
  PostgresFieldValues fields;
  fields.add(kPostgresSystem, "postgresql");
  fields.add(kPostgresNamespace, session_.database);
  if (frame.type == 'A') {
    Reader reader(body);
    const std::uint32_t process = reader.be32();
    fields.add(kPostgresChannel, take_postgres_text(reader));
    fields.add(kPostgresProcess, std::int64_t{process});
    fields.add(kPostgresMessage, "notification");
  } else {
    const PostgresReport report = read_postgres_report(body);
    keep_report(report);
    if (frame.type == 'E') message.status = Status::kError;
    fields.add(kPostgresMessage, frame.type == 'E' ? "error" : "notice");
    add_error(fields);
  }
  message.fields = fields.get();
  sink.on(message);
}

void PostgresAnswers::add_error(PostgresFieldValues& fields) const {
  fields.add(kPostgresStatusCode, code_.text());
  fields.add(kPostgresSeverity, severity_.text());
  fields.add(kPostgresErrorMessage, message_);
}

// What has begun, before its bytes are gone.
void PostgresAnswers::show(MessageSink& sink) {
  if (!answer_.begun || answer_.shown) return;
  answer_.shown = true;
  sink.on(response(answer_.begin, Message::kOpenEnd));
}

void PostgresAnswers::finish(std::uint64_t end, MessageSink& sink) {
  PostgresFieldValues fields;
  if (answer_.has_rows) fields.add(kPostgresRows, static_cast<std::int64_t>(answer_.rows));
  fields.add(kPostgresCommand, tag_.text());
  if (answer_.affected >= 0) fields.add(kPostgresAffected, answer_.affected);
  if (answer_.failed) add_error(fields);
  if (answer_.notices > 0) {
    fields.add(kPostgresNotices, answer_.notices);
    fields.add(kPostgresNotice, notice_);
  }
  if (answer_.copy != Copy::kNone) {
    constexpr std::string_view kNames[] = {"", "in", "out", "both"};
    fields.add(kPostgresCopy, kNames[static_cast<std::size_t>(answer_.copy)]);
    if (answer_.copy == Copy::kIn) {
      fields.add(kPostgresCopied, static_cast<std::int64_t>(session_.copied_in));
    }
  }
  fields.add(kPostgresTransaction, transaction_name(answer_.transaction));
  if (authentication_.size != 0) {
    fields.add(kPostgresAuthentication, authentication_.text());
    fields.add(kPostgresVersion, version_.text());
    if (answer_.process != 0) fields.add(kPostgresProcess, std::int64_t{answer_.process});
  }
  std::optional<std::uint64_t> size;
  if (answer_.has_size) size = answer_.bytes;
  const Status status = answer_.failed ? Status::kError : Status::kOk;
  if (answer_.shown) {
    MessageEnd ended;
    ended.end = end;
    ended.size_bytes = size;
    ended.status = status;
    ended.fields = fields.get();
    sink.end(Direction::kToClient, 0, ended);
  } else {
    Message message = response(answer_.begin, end);
    message.size_bytes = size;
    message.status = status;
    message.fields = fields.get();
    sink.on(message);
  }
  answer_ = {};
  tag_.size = authentication_.size = 0;
}

}  // namespace weir
