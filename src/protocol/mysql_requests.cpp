// The client's packets: the login, and the commands with what a record shows of them.
#include <algorithm>

#include "protocol/mysql_fields.h"
#include "protocol/mysql_session.h"

namespace weir {

using namespace mysql_field;

namespace {

constexpr const Field* kAsked[] = {&kCommand, &kQuery};
constexpr const Field* kAnswered[] = {&kErrorMessage, &kRows, &kAffected};
constexpr const Field* kLabels[] = {&kOperation, &kStatusCode};

constexpr std::size_t kMaxQuery = FieldList::kMaxTextBytes;
constexpr std::size_t kMaxLogin = 1024, kMaxName = 1030, kMaxArguments = 16;
constexpr std::uint32_t kLastStatement = 0xffffffff;  // the one just prepared (MariaDB)
constexpr std::uint8_t kSemiSync = 0xef;              // an acknowledgment of events

// So much of a command is looked at.
std::size_t needed_of(std::uint8_t code) {
  if (code == kComQuery || code == kComPrepare) return 1 + kMaxQuery;
  return code == kComChangeUser || code == kComInitDb ? kMaxName : kMaxArguments;
}

// The name behind USE; empty when that is not what `sql` is.
std::string_view used_database(std::string_view sql) {
  constexpr std::string_view kBlanks = " \t\r\n;";
  constexpr std::string_view kQuotes = "`\"";
  const auto begin = sql.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  sql.remove_prefix(begin);
  const auto is = [&](std::size_t i, char c) { return (sql[i] | 0x20) == c; };
  if (sql.size() < 5 || !is(0, 'u') || !is(1, 's') || !is(2, 'e')) return {};
  if (sql[3] != ' ' && sql[3] != '`') return {};
  sql.remove_prefix(3);
  sql.remove_prefix(std::min(sql.size(), sql.find_first_not_of(kBlanks)));
  sql = sql.substr(0, sql.find_last_not_of(kBlanks) + 1);
  if (sql.size() > 2 && kQuotes.find(sql.front()) != std::string_view::npos &&
      sql.front() == sql.back()) {
    return sql.substr(1, sql.size() - 2);
  }
  return sql.find_first_of(" ;\t\n`") == std::string_view::npos ? sql : std::string_view{};
}

}  // namespace

constinit const Vocabulary kMysqlVocabulary{"mysql", MetricFamily::kDb, "mysql",
                                            kAsked,  kAnswered,         kLabels};

MysqlSession::Take MysqlSession::on_client(const Packet& packet, MessageSink& sink) {
  const bool first = packet.sequence == 0;
  if (phase_ == Phase::kStart) {
    if (!first) return on_login(packet, sink);
    joined_ = true;
  }
  if (wants_file_) {
    const auto expected = static_cast<std::uint8_t>(file_sequence_ + 1);
    if (!first || expected == 0) {
      file_sequence_ = packet.sequence;
      file_bytes_ += packet.length;
      if (packet.length == 0) wants_file_ = false;
      return Take::kPassed;
    }
    wants_file_ = false;
  }
  // What authentication asks for, or what no answer to was seen.
  if (!first || packet.length == 0) return Take::kPassed;
  if (streams_ && !packet.payload.empty() && packet.payload[0] == kSemiSync) return Take::kPassed;
  return on_command(packet, sink);
}

MysqlSession::Take MysqlSession::on_login(const Packet& packet, MessageSink& sink) {
  const std::size_t needed = std::min<std::size_t>(packet.length, kMaxLogin);
  if (packet.payload.size() < needed) return Take::kNeedMore;
  MysqlLogin login;
  if (!read_mysql_login(packet.payload, login)) return Take::kInvalid;
  const std::uint32_t agreed = login.capabilities & server_capabilities_;
  terms_.capabilities = agreed;
  terms_.mariadb = login.mariadb & server_mariadb_;
  terms_.eof =
      (agreed & kMysqlDeprecateEof) != 0 ? MysqlTerms::Eof::kDeprecated : MysqlTerms::Eof::kSent;
  terms_.known = true;
  List fields;
  fields.add(kSystem, "mysql");
  fields.add(kCommand, kMysqlConnect.name);
  fields.add(kNamespace, login.database);
  fields.add(kUser, login.user);
  fields.add(kVersion, version_);
  if (login.to_tls) {
    phase_ = Phase::kTls;
    static constexpr MysqlCommand kNoAnswer{0, "CONNECT", MysqlAnswer::kNone};
    emit_request(kNoAnswer, packet, fields.get(), true, sink);
    return Take::kSwitch;
  }
  packs_ = (agreed & (kMysqlCompress | kMysqlZstd)) != 0;
  phase_ = Phase::kLogin;
  pending_.clear();
  if (MysqlPending::Command* command = pending_.push()) {
    command->command = &kMysqlConnect;
    command->next_sequence = static_cast<std::uint8_t>(packet.sequence + 1);
    command->remembers = true;
    command->text.assign(login.database);
  }
  emit_request(kMysqlConnect, packet, fields.get(), true, sink);
  return Take::kPassed;
}

// What a command's record shows.
struct MysqlSession::Asked {
  List fields;
  std::array<char, kMaxQuery> room;
  SqlOperation operation;
  std::string_view database;
  bool known = true;  // all that it depends on was seen
};

MysqlSession::Take MysqlSession::on_command(const Packet& packet, MessageSink& sink) {
  if (packet.payload.empty()) return Take::kNeedMore;
  const MysqlCommand* command = find_mysql_command(packet.payload[0]);
  if (!command || !fits(*command, packet.length)) return Take::kInvalid;
  const std::size_t needed = std::min<std::size_t>(packet.length, needed_of(command->code));
  if (packet.payload.size() < needed) return Take::kNeedMore;
  // Commands are sent once the login has ended, whether that was seen or not.
  phase_ = Phase::kCommands;
  streams_ = command->answer == MysqlAnswer::kStream;
  awaits_command_ = false;
  const MysqlPending::Command* const before = pending_.back();
  const bool after_prepare = before && before->command->code == kComPrepare;
  // After a loss the answers of commands before this one may be among what was lost.
  if (lost_answers_) pending_.clear();
  MysqlPending::Command* const pending =
      command->answer == MysqlAnswer::kNone ? nullptr : pending_.push();
  if (pending) pending->command = command;
  // No more than that, however much is here: the same record whatever the pieces.
  const Bytes payload = packet.payload.first(needed).subspan(1);
  Asked asked;
  asked.database = database_;
  asked.fields.add(kSystem, "mysql");
  asked.fields.add(kCommand, command->name);
  if (command->code == kComQuery || command->code == kComPrepare) {
    describe_sql(*command, payload, pending, asked);
  } else if (command->statement) {
    describe_statement(payload, after_prepare ? pending_.before_back() : nullptr, asked);
  } else if (command->code == kComInitDb || command->code == kComChangeUser) {
    describe_database(*command, payload, pending, asked);
  }
  asked.fields.add(kNamespace, asked.database);
  emit_request(*command, packet, asked.fields.get(), asked.known, sink);
  if (command->code == kComClose) statements_.remove(load_le32(payload.data()));
  return Take::kPassed;
}

void MysqlSession::describe_sql(const MysqlCommand& command, Bytes payload,
                                MysqlPending::Command* pending, Asked& asked) {
  const std::string_view sql = find_mysql_query(payload, terms_.capabilities);
  const SqlText shown = read_sql(sql, dialect_, raw_, asked.room);
  asked.operation = shown.operation;
  asked.fields.add(kOperation, asked.operation.text());
  asked.fields.add(kQuery, shown.text);
  if (!pending) return;
  if (command.code == kComPrepare) {
    pending->remembers = true;
    pending->text.assign(shown.text.substr(0, MysqlStatements::kMaxText));
    pending->operation = shown.operation;
  } else {
    pending->text.assign(used_database(sql));
    pending->remembers = !pending->text.empty();
  }
}

// `preparing`: the PREPARE before it, whose answer has not come.
void MysqlSession::describe_statement(Bytes payload, const MysqlPending::Command* preparing,
                                      Asked& asked) {
  const std::uint32_t number = load_le32(payload.data());
  const bool last = number == kLastStatement;
  if (!last) asked.fields.add(kStatement, number);
  if (last && preparing) {
    asked.fields.add(kOperation, preparing->operation.text());
    asked.fields.add(kQuery, preparing->text);
  } else if (const auto* statement = statements_.find(last ? last_statement_ : number)) {
    asked.fields.add(kOperation, statement->operation.text());
    asked.fields.add(kQuery, statement->text);
  } else {
    asked.known = false;
  }
}

void MysqlSession::describe_database(const MysqlCommand& command, Bytes payload,
                                     MysqlPending::Command* pending, Asked& asked) {
  MysqlLogin login;
  if (command.code == kComInitDb) {
    asked.database = as_text(payload);
  } else if (read_mysql_change_user(payload, terms_.capabilities, login)) {
    asked.database = login.database;
    asked.fields.add(kUser, login.user);
  }
  if (!pending) return;
  pending->remembers = true;
  pending->text.assign(asked.database);
}

void MysqlSession::emit_request(const MysqlCommand& command, const Packet& packet,
                                std::span<const FieldValue> fields, bool known, MessageSink& sink) {
  Message message;
  message.vocabulary = &kMysqlVocabulary;
  message.kind =
      command.answer == MysqlAnswer::kNone ? MessageKind::kOneWay : MessageKind::kRequest;
  message.direction = Direction::kToServer;
  message.begin = packet.begin;
  message.end = packet.end;
  if (joined_ || !known) message.quality = Quality::kLateJoin;
  message.fields = fields;
  late_[index(Direction::kToServer)] = packet.end == kLater;
  sink.on(message);
}

}  // namespace weir
