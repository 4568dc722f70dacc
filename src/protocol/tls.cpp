// TLS over TCP, 1.0 to 1.3, and SSL: https://www.rfc-editor.org/rfc/rfc8446, rfc5246, rfc6101
//
//   record:   type(1) version(2) length(2) fragment     20 change cipher spec, 21 alert,
//                                                       22 handshake, 23 application data
//   message:  type(1) length(3) body                    in one record or several
//
//   1.2   ClientHello -> ServerHello .. ServerHelloDone -> .. CCS Finished -> CCS Finished
//         resumed: ClientHello -> ServerHello CCS Finished -> CCS Finished
//   1.3   ClientHello -> ServerHello {.. Finished} -> {Finished}     {}: as application data
//
// One exchange: the ClientHello, and the server's handshake up to its Finished. In 1.3 that cannot
// be seen; what the server had sent before the client answered it is taken for it.

#include <algorithm>

#include "protocol/decoder.h"
#include "protocol/registry.h"
#include "protocol/tls_fields.h"
#include "protocol/tls_hello.h"
#include "protocol/tls_record.h"

namespace weir {
namespace {

constexpr Vocabulary kVocabulary{"tls",     MetricFamily::kTls, "",
                                 kTlsAsked, kTlsAnswered,       kTlsLabels};

constexpr std::size_t kAlertBytes = 2;
constexpr std::uint8_t kWarning = 1, kCloseNotify = 0, kUserCanceled = 90;
// Sizes of sealed records of TLS 1.3, tag and inner type included: an alert, the end of early
// data, Finished with SHA-256 and SHA-384.
constexpr std::size_t kSealedAlert = 19, kSealedEndOfEarlyData = 21, kSealedFinished[] = {53, 69};

struct Alert {
  std::string_view name, level, sender;
};

// Tells whether messages of a full handshake pass, of TLS 1.2 and older.
class ServerMessages {
 public:
  void pass(Bytes bytes) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        const std::size_t count = std::min(left_, bytes.size());
        left_ -= count;
        bytes = bytes.subspan(count);
        continue;
      }
      header_[have_++] = bytes[0];
      bytes = bytes.subspan(1);
      if (have_ < kTlsMessageHeader) continue;
      have_ = 0;
      left_ = std::size_t{header_[1]} << 16 | load_be16(header_ + 2);
      full_ = full_ || (header_[0] >= kCertificate && header_[0] <= kServerHelloDone);
    }
  }
  bool full() const { return full_; }

 private:
  static constexpr std::uint8_t kCertificate = 11, kServerHelloDone = 14;

  std::uint8_t header_[kTlsMessageHeader] = {};
  std::size_t have_ = 0, left_ = 0;
  bool full_ = false;
};

class TlsDecoder : public Decoder {
 public:
  explicit TlsDecoder(const Limits& limits) : limit_(limits.head_bytes) {}

  Step decode(Direction direction, Bytes bytes, std::uint64_t offset,
              MessageSink& sink) noexcept override {
    if (done_) return {Verdict::kOpaque};
    Way& w = way(direction);
    Step step;
    if (w.blind) {
      step = {Verdict::kProgress, bytes.size()};
    } else if (w.left > 0 || w.greeted) {
      step = walk(direction, bytes, offset, sink);
    } else {
      step = direction == Direction::kToServer ? client_hello(bytes, offset, sink)
                                               : server_hello(bytes, offset, sink);
    }
    w.at = offset + step.consumed;
    return step;
  }

  void gap(Direction direction, std::uint64_t length, MessageSink& sink) noexcept override {
    Way& w = way(direction);
    const std::uint64_t before = w.at;
    w.at += length;
    w.hello.clear();  // what it had looked at is lost with it
    if (w.left >= length) {
      w.left -= static_cast<std::size_t>(length);
      holed_ = true;
      return;
    }
    w.left = 0;
    if (direction == Direction::kToClient) {
      finish(before, sink);
      done_ = true;
    } else if (!w.greeted) {
      w.greeted = true;  // what comes next may well be a record
    } else if (is_13_) {
      finish(way(Direction::kToClient).at, sink);
    } else {
      w.blind = true;
    }
  }

  // What is no record is found out by decode().
  std::size_t resync(Direction, Bytes) noexcept override { return 0; }

  void close(Direction direction, Close how, std::uint64_t, MessageSink& sink) noexcept override {
    if (direction == Direction::kToServer) return;
    // Ended by its ends it has failed, unless the client's part was not to be seen at all.
    if (asked_ && (how == Close::kFin || how == Close::kReset)) return;
    finish(way(direction).at, sink, nullptr, true);
  }

 private:
  struct Way {
    TlsHelloBytes hello;
    std::uint64_t at = 0;    // behind what was consumed
    std::size_t left = 0;    // of the record that is passing
    bool handshake = false;  // it is one of the handshake, and readable
    bool greeted = false;    // the hello has passed
    bool encrypted = false;  // TLS 1.2: after CCS
    bool blind = false;      // where records begin is not known any more
  };

  Way& way(Direction direction) { return ways_[static_cast<std::size_t>(direction)]; }

  Step client_hello(Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    if ((bytes[0] & 0x80) != 0) return ssl2_hello(bytes, offset, sink);
    Way& w = way(Direction::kToServer);
    const auto state = w.hello.look(bytes, limit_);
    if (state == TlsHelloBytes::State::kMore) return {Verdict::kNeedMore};
    ClientHello hello;
    const Bytes message = w.hello.message();
    if (state == TlsHelloBytes::State::kBroken || message[0] != kTlsClientHello) return leave();
    if (!read_client_hello(message.subspan(kTlsMessageHeader), hello)) {
      done_ = true;
      return {Verdict::kInvalid};
    }
    early_data_ = hello.early_data;
    HelloFields fields;
    hello.put(fields);
    const std::size_t size = w.hello.end();
    emit(MessageKind::kRequest, offset, offset + size, fields.values(), sink);
    w.greeted = asked_ = true;
    w.left = w.hello.rest();
    w.hello.clear();
    return {Verdict::kProgress, size};
  }

  Step ssl2_hello(Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    Ssl2Hello hello;
    const Match match = match_ssl2_hello(bytes, hello);
    if (match == Match::kNo) return leave();
    if (match != Match::kYes || bytes.size() < hello.size) return {Verdict::kNeedMore};
    NumberName scratch;
    const FieldValue fields[] = {
        FieldValue::of(kTlsOfferedVersions, tls_version_name(hello.version, scratch))};
    emit(MessageKind::kRequest, offset, offset + hello.size, fields, sink);
    way(Direction::kToServer).greeted = asked_ = true;
    return {Verdict::kProgress, hello.size};
  }

  Step server_hello(Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    Way& w = way(Direction::kToClient);
    TlsRecord record;
    if (bytes.size() < TlsRecord::kHeader) return {Verdict::kNeedMore};
    if (!read_tls_record(bytes, record)) return no_tls(bytes, offset, sink);
    const bool dummy = record.type == TlsType::kChangeCipherSpec && retry_;
    if (record.type == TlsType::kAlert || dummy)
      return walk(Direction::kToClient, bytes, offset, sink);
    const auto state = w.hello.look(bytes, limit_);
    if (state == TlsHelloBytes::State::kMore) return {Verdict::kNeedMore};
    ServerHello hello;
    const Bytes message = w.hello.message();
    if (state == TlsHelloBytes::State::kBroken || message[0] != kTlsServerHello ||
        !read_server_hello(message.subspan(kTlsMessageHeader), hello)) {
      return leave();
    }
    const std::size_t size = w.hello.end();
    w.left = w.hello.rest();
    if (hello.retry) {
      retry_ = true;
    } else {
      answer(hello, offset, sink);
    }
    w.hello.clear();
    return {Verdict::kProgress, size};
  }

  void answer(ServerHello& hello, std::uint64_t offset, MessageSink& sink) {
    is_13_ = hello.is_13();
    HelloFields fields;
    hello.put(fields);
    if (is_13_) fields.add(FieldValue::of(kTlsResumed, std::int64_t{hello.accepts}));
    fields.add_flag(kTlsHelloRetry, retry_);
    emit(MessageKind::kResponse, offset, Message::kOpenEnd, fields.values(), sink);
    open_ = true;
    Way& client = way(Direction::kToServer);
    client.greeted = true;                 // joined behind it
    if (is_13_) client.encrypted = false;  // a CCS says nothing there
    Way& w = way(Direction::kToClient);
    w.greeted = true;
    w.handshake = !is_13_;
  }

  // An SSL 2 server, or one that does not speak TLS at all.
  Step no_tls(Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    if (asked_) {
      const bool ssl2 = (bytes[0] & 0x80) != 0 && bytes[2] == 4;
      const FieldValue fields[] = {ssl2 ? FieldValue::of(kTlsVersion, "2.0")
                                        : FieldValue::of(kTlsErrorType, "not_tls")};
      emit(MessageKind::kResponse, offset, offset + 1, fields, sink,
           ssl2 ? Status::kOk : Status::kError);
    }
    return leave();
  }

  // Passes over the records behind a hello, as far as they are there.
  Step walk(Direction direction, Bytes bytes, std::uint64_t offset, MessageSink& sink) {
    Way& w = way(direction);
    std::size_t at = 0;
    while (at < bytes.size() && (w.greeted || w.left > 0 || at == 0)) {
      const Bytes rest = bytes.subspan(at);
      if (w.left > 0) {
        const std::size_t count = std::min(w.left, rest.size());
        if (w.handshake) messages_.pass(rest.first(count));
        w.left -= count;
        at += count;
        continue;
      }
      TlsRecord record;
      if (rest.size() < TlsRecord::kHeader) break;
      if (!read_tls_record(rest, record)) {
        w.blind = true;
        if (direction == Direction::kToClient) finish(offset + at, sink);
        return done_ ? Step{Verdict::kOpaque, at} : Step{Verdict::kProgress, bytes.size()};
      }
      const bool plain_alert =
          record.type == TlsType::kAlert && !w.encrypted && record.size == kAlertBytes;
      const bool last = direction == Direction::kToClient && w.encrypted;
      const std::size_t size = TlsRecord::kHeader + record.size;
      if ((plain_alert || last) && rest.size() < size) break;
      if (plain_alert) {
        on_alert(direction, rest, offset + at, sink);
      } else if (direction == Direction::kToServer) {
        on_client_record(record, sink);
      } else {
        on_server_record(record, offset + at + size, sink);
      }
      if (done_) return {Verdict::kOpaque, at};
      at += TlsRecord::kHeader;
      w.left = record.size;
    }
    return {at > 0 ? Verdict::kProgress : Verdict::kNeedMore, at};
  }

  void on_client_record(const TlsRecord& record, MessageSink& sink) {
    Way& w = way(Direction::kToServer);
    if (!is_13_) w.encrypted = w.encrypted || record.type == TlsType::kChangeCipherSpec;
    if (!is_13_ || !open_ || record.type != TlsType::kApplicationData) return;
    if (record.size == kSealedAlert) {
      const Alert alert{"encrypted", {}, "client"};
      return finish(way(Direction::kToClient).at, sink, &alert);
    }
    const bool second = !early_data_ || record.size == kSealedEndOfEarlyData ||
                        std::find(std::begin(kSealedFinished), std::end(kSealedFinished),
                                  record.size) != std::end(kSealedFinished);
    if (second) finish(way(Direction::kToClient).at, sink);
  }

  void on_server_record(const TlsRecord& record, std::uint64_t end, MessageSink& sink) {
    Way& w = way(Direction::kToClient);
    if (is_13_ || !open_) return;
    if (w.encrypted) return finish(end, sink);
    w.handshake = record.type == TlsType::kHandshake;
    w.encrypted = record.type == TlsType::kChangeCipherSpec;
  }

  void on_alert(Direction direction, Bytes record, std::uint64_t begin, MessageSink& sink) {
    const std::uint8_t level = record[TlsRecord::kHeader], number = record[TlsRecord::kHeader + 1];
    // A mere warning, unless it says that this was all.
    if (level == kWarning && number != kCloseNotify && number != kUserCanceled) return;
    const bool client = direction == Direction::kToServer;
    const std::string_view name = tls_alert_name(number);
    const Alert alert{name.empty() ? "unknown" : name, level == kWarning ? "warning" : "fatal",
                      client ? "client" : "server"};
    const std::uint64_t end = begin + TlsRecord::kHeader + kAlertBytes;
    if (open_) return finish(client ? way(Direction::kToClient).at : end, sink, &alert);
    done_ = true;
    if (!asked_) return;
    HelloFields fields;
    put_alert(alert, fields);
    emit(client ? MessageKind::kCancel : MessageKind::kResponse, begin, end, fields.values(), sink,
         Status::kError);
  }

  static void put_alert(const Alert& alert, HelloFields& fields) {
    fields.add_text(kTlsErrorType, alert.name);
    fields.add_text(kTlsAlert, alert.name);
    fields.add_text(kTlsAlertLevel, alert.level);
    fields.add_text(kTlsAlertSender, alert.sender);
  }

  void emit(MessageKind kind, std::uint64_t begin, std::uint64_t end,
            std::span<const FieldValue> fields, MessageSink& sink, Status status = Status::kOk) {
    Message message;
    message.vocabulary = &kVocabulary;
    message.kind = kind;
    message.direction =
        kind == MessageKind::kResponse ? Direction::kToClient : Direction::kToServer;
    message.begin = begin;
    message.end = end;
    message.status = status;
    message.fields = fields;
    sink.on(message);
  }

  // The server's part of the handshake ended there.
  void finish(std::uint64_t at, MessageSink& sink, const Alert* alert = nullptr,
              bool given_up = false) {
    if (!open_) return;
    HelloFields fields;
    if (!is_13_ && !holed_ && way(Direction::kToClient).encrypted) {
      fields.add(FieldValue::of(kTlsResumed, std::int64_t{!messages_.full()}));
    }
    if (alert) put_alert(*alert, fields);
    MessageEnd end;
    end.end = at;
    if (alert) end.status = Status::kError;
    end.fields = fields.values();
    end.passed = given_up;
    sink.end(Direction::kToClient, 0, end);
    open_ = false;
    done_ = true;
  }

  Step leave() {
    done_ = true;
    return {Verdict::kOpaque};
  }

  Way ways_[2];
  ServerMessages messages_;
  std::size_t limit_;
  bool asked_ = false;  // a ClientHello was seen
  bool open_ = false;   // a ServerHello, and not yet the end
  bool done_ = false;   // nothing more can be seen
  bool is_13_ = false;
  bool early_data_ = false;  // the client may send some before it answers
  bool retry_ = false;
  bool holed_ = false;  // a part of some record is missing
};

Match match(Bytes head, Direction direction, Transport transport) {
  return transport == Transport::kTcp ? match_tls(head, direction) : Match::kNo;
}

std::unique_ptr<Decoder> make(const Limits& limits, Transport) {
  return std::make_unique<TlsDecoder>(limits);
}

constexpr std::uint16_t kPorts[] = {443, 8443, 465,  636,  853,  990,
                                    993, 995,  5061, 5671, 6443, 6514};
constexpr Nanos kTimeout = 60 * kSecond;

}  // namespace

constinit const Protocol kTls{.name = "tls",
                              .transports = {.tcp = true, .udp = false},
                              .ports = kPorts,
                              .never_ports = {},
                              .timeout = kTimeout,
                              .fifo = false,
                              .match = match,
                              .make = make,
                              .fields = kTlsFields};

}  // namespace weir
