// PostgreSQL, protocol 3: https://www.postgresql.org/docs/current/protocol.html
//
//   first:      length(4) number(4) parameters...   startup, or a request for encryption or to
//   cancel reply:      S or N, one byte, to a request for encryption then both:  type(1) length(4,
//   counts itself) body
//
//   client: Q query | P parse B bind D describe E execute C close H flush S sync | F function
//           d c f copying | p password | X end
//   server: T columns D row C complete E error N notice Z ready | 1 2 3 n s t I | G H W d c copying
//           R authentication K key S parameter | A notification | V function's value

#include "protocol/decoder.h"
#include "protocol/postgresql_answers.h"
#include "protocol/postgresql_match.h"
#include "protocol/postgresql_requests.h"
#include "protocol/postgresql_session.h"
#include "protocol/registry.h"

namespace weir {
namespace {

constexpr const Field* kAsked[] = {&kPostgresQuery, &kPostgresSummary, &kPostgresChannel};
constexpr const Field* kAnswered[] = {&kPostgresErrorMessage, &kPostgresErrorType,
                                      &kPostgresCommand, &kPostgresEncryption,
                                      &kPostgresAuthentication};
constexpr const Field* kLabels[] = {&kPostgresOperation, &kPostgresStatusCode};

class PostgresDecoder : public Decoder {
 public:
  explicit PostgresDecoder(const Limits& limits)
      : requests_(limits, session_), answers_(limits, session_, requests_) {}

  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override {
    const Step step = direction == Direction::kToServer ? requests_.decode(bytes, offset, sink)
                                                        : answers_.decode(bytes, offset, sink);
    if (step.verdict == Verdict::kInvalid) refused_[index(direction)] = true;
    return step;
  }

  void gap(Direction direction, std::uint64_t, MessageSink& sink) noexcept override {
    if (direction == Direction::kToServer) {
      requests_.forget(sink);
    } else {
      answers_.forget(sink);
    }
    session_.lose_count();
    refused_[index(direction)] = false;
  }

  std::size_t resync(Direction direction, Bytes bytes) noexcept override {
    const bool fresh = !refused_[index(direction)];
    refused_[index(direction)] = false;
    return find_postgres(bytes, direction, fresh);
  }

  void close(Direction direction, Close, std::uint64_t offset,
             MessageSink& sink) noexcept override {
    if (direction == Direction::kToServer) {
      requests_.close(offset, sink);
    } else {
      answers_.close(offset, sink);
    }
  }

 private:
  static std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }

  PostgresSession session_;
  PostgresRequests requests_;
  PostgresAnswers answers_;
  bool refused_[2] = {};  // what comes next is no frame's beginning
};

Match match(Bytes head, Direction direction, Transport transport) {
  return transport == Transport::kTcp ? match_postgres(head, direction) : Match::kNo;
}

std::unique_ptr<Decoder> make(const Limits& limits, Transport) {
  return std::make_unique<PostgresDecoder>(limits);
}

constexpr std::uint16_t kPorts[] = {5432, 5433, 6432, 26257, 5439};
constexpr Nanos kTimeout = 600 * kSecond;  // queries run for long

}  // namespace

constinit const Vocabulary kPostgresVocabulary{"postgresql", MetricFamily::kDb, "postgresql",
                                               kAsked,       kAnswered,         kLabels};

constinit const Protocol kPostgres{.name = "postgresql",
                                   .transports = {.tcp = true, .udp = false},
                                   .ports = kPorts,
                                   .never_ports = {},
                                   .timeout = kTimeout,
                                   .fifo = true,
                                   .match = match,
                                   .make = make,
                                   .fields = kPostgresFields};

}  // namespace weir
