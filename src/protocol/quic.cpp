// QUIC's handshake: https://www.rfc-editor.org/rfc/rfc9000, rfc9001, rfc9369
//
//   long header:  1 1 type(2) ....(4) | version(4) | destination id(1+n) | source id(1+n) | ..
//   Initial:      .. token length, token | length | packet number(1-4) | frames
//                 the last two encrypted, with keys that follow from the client's first destination
//                 id
//   frames:       CRYPTO: offset, length, a piece of the TLS messages of this direction
//
// One exchange: the ClientHello, whatever packets and datagrams it is cut into, and the
// ServerHello. All behind it is encrypted with keys that nobody else has.

#include <optional>

#include "protocol/decoder.h"
#include "protocol/quic_packet.h"
#include "protocol/quic_stream.h"
#include "protocol/registry.h"
#include "protocol/tls_fields.h"
#include "protocol/tls_hello.h"

namespace weir {
namespace {

constexpr Vocabulary kVocabulary{"quic",    MetricFamily::kTls, "",
                                 kTlsAsked, kTlsAnswered,       kTlsLabels};

constexpr std::size_t kMinClientDatagram = 1200, kMinFirstId = 8;

// https://www.rfc-editor.org/rfc/rfc9000#section-20.1
constexpr std::string_view kErrors[] = {"no_error",
                                        "internal_error",
                                        "connection_refused",
                                        "flow_control_error",
                                        "stream_limit_error",
                                        "stream_state_error",
                                        "final_size_error",
                                        "frame_encoding_error",
                                        "transport_parameter_error",
                                        "connection_id_limit_error",
                                        "protocol_violation",
                                        "invalid_token",
                                        "application_error",
                                        "crypto_buffer_exceeded",
                                        "key_update_error",
                                        "aead_limit_reached",
                                        "no_viable_path"};
constexpr std::uint64_t kCryptoError = 0x100;  // and the number of a TLS alert

// Whose key is the packet's own destination id: a client's first Initial is, and its first after a
// Retry, where the id is the server's choice and of any length.
bool opens_itself(const QuicPacket& packet, InitialKeys& client, InitialKeys& server,
                  QuicPayload& payload) {
  const InitialSecrets* secrets = initial_secrets(packet.version);
  return secrets && derive_initial_keys(*secrets, packet.destination, client, server) &&
         open_initial(packet, client, 0, payload);
}

bool forces_negotiation(const QuicPacket& packet, std::size_t datagram_bytes) {
  return packet.type == QuicType::kOther && is_reserved_version(packet.version) &&
         datagram_bytes >= kMinClientDatagram && (packet.whole[0] & 0x40) != 0 &&
         packet.destination.size() >= kMinFirstId &&
         packet.destination.size() <= QuicPacket::kMaxConnectionId &&
         packet.source.size() <= QuicPacket::kMaxConnectionId;
}

class QuicDecoder : public Decoder {
 public:
  Step decode(Direction direction, Bytes datagram, std::uint64_t,
              MessageSink& sink) noexcept override {
    const Step opaque{Verdict::kOpaque, datagram.size()};
    sink_ = &sink;
    datagram_bytes_ = datagram.size();
    side(direction).wire_bytes += datagram.size();
    bool understood = false;
    QuicPacket packet;
    for (Bytes rest = datagram; !rest.empty() && read_quic_packet(rest, packet);) {
      rest = rest.subspan(packet.whole.size());
      understood |= direction == Direction::kToServer ? on_client(packet) : on_server(packet);
    }
    if (answered_) return opaque;
    return understood ? Step{Verdict::kProgress, datagram.size()} : Step{Verdict::kInvalid};
  }

  void gap(Direction, std::uint64_t, MessageSink&) noexcept override {}
  std::size_t resync(Direction, Bytes bytes) noexcept override { return bytes.size(); }
  void close(Direction, Close, std::uint64_t, MessageSink&) noexcept override {}

 private:
  struct Side {
    InitialKeys keys;
    QuicStream stream;
    std::uint64_t largest = 0;     // packet number
    std::uint64_t wire_bytes = 0;  // of all datagrams of this handshake
    bool open = false;             // its message has begun
    bool told = false;             // and ended
  };

  Side& side(Direction direction) { return sides_[static_cast<std::size_t>(direction)]; }

  bool on_client(const QuicPacket& packet) {
    if (packet.type == QuicType::kOther) {
      if (!forces_negotiation(packet, datagram_bytes_)) return false;
      if (packet.version != version_) ask_version(packet.version);
      return true;
    }
    if (packet.type != QuicType::kInitial) return true;
    QuicPayload payload;
    Side& client = side(Direction::kToServer);
    if (packet.version != version_ || !open_initial(packet, client.keys, client.largest, payload)) {
      InitialKeys client_keys, server_keys;
      if (!opens_itself(packet, client_keys, server_keys, payload)) return false;
      // After a Retry, which the token tells when it was not captured, the same handshake goes on
      // with other keys.
      retry_ = retry_ || !packet.token.empty();
      const bool goes_on = retry_ && !answered_ && packet.version == version_;
      if (!goes_on) start(packet.version);
      side(Direction::kToServer).keys = client_keys;
      side(Direction::kToClient).keys = server_keys;
    }
    on_payload(Direction::kToServer, payload);
    return true;
  }

  bool on_server(const QuicPacket& packet) {
    if (packet.type == QuicType::kVersionNegotiation) return on_versions(packet.versions);
    if (packet.version != version_) return false;
    if (packet.type == QuicType::kRetry) retry_ = true;
    if (packet.type != QuicType::kInitial) return true;
    QuicPayload payload;
    Side& server = side(Direction::kToClient);
    if (!open_initial(packet, server.keys, server.largest, payload)) return false;
    on_payload(Direction::kToClient, payload);
    return true;
  }

  // Another handshake than before, if there was one, begins with the datagram at hand.
  void start(std::uint32_t version) {
    ++stream_id_;
    version_ = version;
    retry_ = hello_retry_ = answered_ = false;
    for (Side& s : sides_) {
      s.stream.clear();
      s.largest = s.wire_bytes = 0;
      s.open = s.told = false;
    }
    side(Direction::kToServer).wire_bytes = datagram_bytes_;
  }

  void on_payload(Direction direction, const QuicPayload& payload) {
    Side& s = side(direction);
    s.largest = std::max(s.largest, payload.number);
    if (s.told || answered_) return;
    std::optional<std::uint64_t> error;
    QuicFrame frame;
    bool crypto = false;
    for (Bytes frames = payload.frames; next_quic_frame(frames, frame);) {
      if (frame.kind == QuicFrame::Kind::kClose) error = frame.error;
      if (frame.kind != QuicFrame::Kind::kCrypto) continue;
      s.stream.add(frame.offset, frame.data);
      crypto = true;
    }
    if (crypto && !s.open) open(direction);
    if (s.open) read_hello(direction);
    if (error) refuse(direction, *error);
  }

  // Beginning a message before all of it is there dates it from its first datagram.
  void open(Direction direction) {
    Side& s = side(direction);
    s.open = true;
    NumberName scratch;
    const FieldValue version[] = {
        FieldValue::of(kQuicVersion, quic_version_name(version_, scratch))};
    const bool client = direction == Direction::kToServer;
    if (client) {
      emit(MessageKind::kRequest, Message::kOpenEnd, version);
    } else {
      finish_request();
      emit(MessageKind::kResponse, Message::kOpenEnd, {});
    }
  }

  void read_hello(Direction direction) {
    Side& s = side(direction);
    for (;;) {
      const Bytes ready = s.stream.ready();
      if (ready.size() < kTlsMessageHeader) return;
      const std::size_t size =
          kTlsMessageHeader + (std::size_t{ready[1]} << 16 | load_be16(ready.data() + 2));
      if (ready.size() < size) return;
      const Bytes body = ready.first(size).subspan(kTlsMessageHeader);
      s.stream.take(size);
      ClientHello client_hello;  // these outlive the fields, which have views of them
      ServerHello server_hello;
      HelloFields fields;
      if (direction == Direction::kToServer) {
        ClientHello& hello = client_hello;
        if (ready[0] != kTlsClientHello || !read_client_hello(body, hello)) return;
        hello.put(fields);
      } else {
        ServerHello& hello = server_hello;
        if (ready[0] != kTlsServerHello || !read_server_hello(body, hello)) return;
        hello_retry_ = hello_retry_ || hello.retry;
        if (hello.retry) continue;
        hello.put(fields);
        fields.add(FieldValue::of(kTlsResumed, std::int64_t{hello.accepts}));
        fields.add_flag(kTlsHelloRetry, hello_retry_);
        fields.add_flag(kQuicRetry, retry_);
        answered_ = true;
        end(direction, fields, Status::kOk);
        return;
      }
      end(direction, fields, std::nullopt);
      return;
    }
  }

  // Ended by a CONNECTION_CLOSE.
  void refuse(Direction direction, std::uint64_t error) {
    const Side& client = side(Direction::kToServer);
    if (!client.open || answered_) return;
    answered_ = true;
    HelloFields fields;
    const bool alert = error >= kCryptoError && error <= kCryptoError + 0xff;
    std::string_view name =
        alert ? tls_alert_name(static_cast<std::uint8_t>(error - kCryptoError))
              : (error < std::size(kErrors) ? kErrors[error] : std::string_view{});
    if (name.empty()) name = "unknown";
    fields.add_text(kTlsErrorType, name);
    if (alert) {
      fields.add_text(kTlsAlert, name);
      fields.add_text(kTlsAlertSender, direction == Direction::kToServer ? "client" : "server");
    }
    finish_request();
    if (side(Direction::kToClient).open) {
      end(Direction::kToClient, fields, Status::kError);
    } else {
      const bool cancels = direction == Direction::kToServer;
      emit(cancels ? MessageKind::kCancel : MessageKind::kResponse, datagram_bytes_,
           fields.values(), Status::kError);
    }
  }

  void ask_version(std::uint32_t version) {
    start(version);
    NumberName scratch;
    const FieldValue fields[] = {FieldValue::of(kQuicVersion, quic_version_name(version, scratch))};
    Side& client = side(Direction::kToServer);
    client.open = client.told = true;
    emit(MessageKind::kRequest, datagram_bytes_, fields);
  }

  // The server does not speak this version: the client may begin again with another.
  bool on_versions(Bytes versions) {
    if (answered_ || !side(Direction::kToServer).open) return answered_;
    answered_ = true;
    finish_request();
    std::array<NumberName, 8> scratch;
    HelloFields fields;
    fields.add_text(kTlsErrorType, "version_negotiation");
    for (NumberName& name : scratch) {
      if (versions.size() < 4) break;
      const std::uint32_t version = load_be32(versions.data());
      versions = versions.subspan(4);
      if (!is_reserved_version(version)) {
        fields.add_text(kQuicServerVersions, quic_version_name(version, name));
      }
    }
    emit(MessageKind::kResponse, datagram_bytes_, fields.values(), Status::kError);
    return true;
  }

  // It was answered: what is missing of the ClientHello was not captured.
  void finish_request() {
    const Side& client = side(Direction::kToServer);
    if (client.open && !client.told) end(Direction::kToServer, {}, std::nullopt, Quality::kGap);
  }

  void emit(MessageKind kind, std::uint64_t end, std::span<const FieldValue> fields,
            Status status = Status::kOk) {
    Message message;
    message.vocabulary = &kVocabulary;
    message.kind = kind;
    message.direction =
        kind == MessageKind::kResponse ? Direction::kToClient : Direction::kToServer;
    message.stream_id = stream_id_;
    message.end = end;
    message.status = status;
    message.fields = fields;
    sink_->on(message);
  }

  void end(Direction direction, const HelloFields& fields, std::optional<Status> status,
           Quality quality = Quality::kComplete) {
    Side& s = side(direction);
    s.told = true;
    MessageEnd end;
    end.end = datagram_bytes_;
    end.wire_bytes = s.wire_bytes;
    end.status = status;
    end.quality = quality;
    end.fields = fields.values();
    sink_->end(direction, stream_id_, end);
  }

  Side sides_[2];
  MessageSink* sink_ = nullptr;  // while decode() runs
  std::size_t datagram_bytes_ = 0;
  std::uint64_t stream_id_ = 0;  // one for each handshake between these ends
  std::uint32_t version_ = 0;
  bool retry_ = false, hello_retry_ = false;
  bool answered_ = true;  // nothing is expected
};

Match match(Bytes head, Direction direction, Transport transport) {
  QuicPacket packet;
  if (transport != Transport::kUdp || !read_quic_packet(head, packet)) return Match::kNo;
  if (direction == Direction::kToServer) {
    if (forces_negotiation(packet, head.size())) return Match::kYes;
    InitialKeys client, server;
    QuicPayload payload;
    const bool first = packet.type == QuicType::kInitial &&
                       packet.destination.size() >= kMinFirstId &&
                       opens_itself(packet, client, server, payload);
    return first ? Match::kYes : Match::kNo;
  }
  if (packet.type != QuicType::kVersionNegotiation) {
    return packet.type == QuicType::kOther ? Match::kNo : Match::kMaybe;
  }
  for (Bytes versions = packet.versions; versions.size() >= 4; versions = versions.subspan(4)) {
    if (initial_secrets(load_be32(versions.data())) != nullptr) return Match::kMaybe;
  }
  return Match::kNo;
}

std::unique_ptr<Decoder> make(const Limits&, Transport) { return std::make_unique<QuicDecoder>(); }

constexpr Nanos kTimeout = 10 * kSecond;

}  // namespace

// No port is a hint: a client's first packet proves itself, and nothing later can be read.
constinit const Protocol kQuic{.name = "quic",
                               .transports = {.tcp = false, .udp = true},
                               .ports = {},
                               .never_ports = {},
                               .timeout = kTimeout,
                               .fifo = false,
                               .match = match,
                               .make = make,
                               .fields = kQuicFields,
                               .flow_state = true};

}  // namespace weir
