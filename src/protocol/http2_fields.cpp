#include "protocol/http2_fields.h"

#include <charconv>
#include <iterator>
#include <limits>

#include "protocol/http_fields.h"
#include "protocol/http_match.h"

namespace weir {
namespace {

const Field kStreamId{"weir.stream_id", FieldType::kInt};
const Field kUpgraded{"weir.http2.upgraded", FieldType::kBool};
const Field kPushed{"weir.http2.pushed", FieldType::kBool};
const Field kReset{"weir.http2.reset", FieldType::kText};
const Field kGoaway{"weir.http2.goaway", FieldType::kText};
const Field kUnknownFields{"weir.http2.unknown_fields", FieldType::kInt};
const Field kRpcSystem{"rpc.system.name", FieldType::kText};
const Field kRpcMethod{"rpc.method", FieldType::kText};
const Field kRpcStatus{"rpc.response.status_code", FieldType::kText};
const Field kErrorMessage{"error.message", FieldType::kText};
const Field kTimeout{"weir.grpc.timeout_ns", FieldType::kInt};
const Field kRequestMessages{"weir.grpc.request.messages", FieldType::kInt};
const Field kRequestMessageBytes{"weir.grpc.request.message_bytes", FieldType::kInt};
const Field kResponseMessages{"weir.grpc.response.messages", FieldType::kInt};
const Field kResponseMessageBytes{"weir.grpc.response.message_bytes", FieldType::kInt};

constexpr const Field* kAsked[] = {&kHttpMethod, &kUrlPath};
constexpr const Field* kAnswered[] = {&kHttpStatus, &kReset};
constexpr const Field* kLabels[] = {&kHttpMethod, &kHttpStatus, &kHttpVersion};

constexpr const Field* kGrpcAsked[] = {&kRpcMethod};
constexpr const Field* kGrpcAnswered[] = {&kRpcStatus, &kReset, &kHttpStatus};
constexpr const Field* kGrpcLabels[] = {&kRpcSystem, &kRpcMethod, &kRpcStatus};

constexpr std::string_view kErrors[] = {"NO_ERROR",
                                        "PROTOCOL_ERROR",
                                        "INTERNAL_ERROR",
                                        "FLOW_CONTROL_ERROR",
                                        "SETTINGS_TIMEOUT",
                                        "STREAM_CLOSED",
                                        "FRAME_SIZE_ERROR",
                                        "REFUSED_STREAM",
                                        "CANCEL",
                                        "COMPRESSION_ERROR",
                                        "CONNECT_ERROR",
                                        "ENHANCE_YOUR_CALM",
                                        "INADEQUATE_SECURITY",
                                        "HTTP_1_1_REQUIRED"};

constexpr std::string_view kStatuses[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

std::string_view error_name(std::uint32_t code) {
  return code < std::size(kErrors) ? kErrors[code] : "_OTHER";
}

std::string_view status_name(std::string_view text) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  const bool known = error == std::errc() && stop == end && number < std::size(kStatuses);
  return known ? kStatuses[number] : text;
}

// At most eight digits and a unit.
std::int64_t timeout_ns(std::string_view text) {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || end - stop != 1 || number < 0 || text.size() > 9) return -1;
  std::int64_t unit = 0;
  switch (*stop) {
    case 'H':
      unit = 3600 * kSecondNs;
      break;
    case 'M':
      unit = 60 * kSecondNs;
      break;
    case 'S':
      unit = kSecondNs;
      break;
    case 'm':
      unit = kSecondNs / 1000;
      break;
    case 'u':
      unit = 1000;
      break;
    case 'n':
      unit = 1;
      break;
    default:
      return -1;
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return number > kMost / unit ? kMost : number * unit;
}

// Without its percent encoding.
std::string_view decoded(std::string_view text, std::string& scratch) {
  if (text.find('%') == std::string_view::npos) return text;
  scratch.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      scratch += static_cast<char>(value);
      i += 2;
    } else {
      scratch += text[i];
    }
  }
  return scratch;
}

}  // namespace

const Field* const kHttp2Fields[24] = {&kHttpMethod,
                                       &kHttpMethodOriginal,
                                       &kUrlPath,
                                       &kUrlQuery,
                                       &kUrlScheme,
                                       &kHttpHost,
                                       &kUserAgent,
                                       &kHttpVersion,
                                       &kHttpStatus,
                                       &kStreamId,
                                       &kUpgraded,
                                       &kPushed,
                                       &kReset,
                                       &kGoaway,
                                       &kUnknownFields,
                                       &kRpcSystem,
                                       &kRpcMethod,
                                       &kRpcStatus,
                                       &kErrorMessage,
                                       &kTimeout,
                                       &kRequestMessages,
                                       &kRequestMessageBytes,
                                       &kResponseMessages,
                                       &kResponseMessageBytes};
const Vocabulary kHttp2Vocabulary{"http2", MetricFamily::kHttp, {}, kAsked, kAnswered, kLabels};
const Vocabulary kGrpcVocabulary{"grpc",     MetricFamily::kRpc, {},
                                 kGrpcAsked, kGrpcAnswered,      kGrpcLabels};

void Http2Fields::add(const Field& field, std::string_view text) {
  values_[count_++] = FieldValue::of(field, text);
}

void Http2Fields::add(const Field& field, std::int64_t number) {
  values_[count_++] = FieldValue::of(field, number);
}

void Http2Fields::unknown(const Http2Head& head) {
  if (head.unknown > 0) add(kUnknownFields, std::int64_t{head.unknown});
}

Http2Fields& Http2Fields::request(const Http2Head& head, bool grpc) {
  if (grpc) {
    add(kRpcSystem, "grpc");
    if (!head.path.empty()) add(kRpcMethod, head.path.substr(head.path[0] == '/' ? 1 : 0));
    const std::int64_t timeout = head.grpc_timeout.empty() ? -1 : timeout_ns(head.grpc_timeout);
    if (timeout >= 0) add(kTimeout, timeout);
  } else {
    const bool conventional = is_conventional_http_method(head.method);
    if (!head.method.empty()) add(kHttpMethod, conventional ? head.method : "_OTHER");
    if (!head.method.empty() && !conventional) add(kHttpMethodOriginal, head.method);
    const std::size_t mark = head.path.find('?');
    if (!head.path.empty()) add(kUrlPath, head.path.substr(0, mark));
    if (mark != std::string_view::npos && mark + 1 < head.path.size()) {
      add(kUrlQuery, redacted_http_query(head.path.substr(mark + 1), query_));
    }
    if (!head.scheme.empty()) add(kUrlScheme, head.scheme);
  }
  std::string_view host = head.authority.empty() ? head.host : head.authority;
  host.remove_prefix(host.rfind('@') + 1);
  if (!host.empty()) add(kHttpHost, host);
  if (!head.user_agent.empty()) add(kUserAgent, head.user_agent);
  add(kHttpVersion, "2");
  unknown(head);
  return *this;
}

Http2Fields& Http2Fields::response(const Http2Head& head, bool grpc) {
  if (grpc && !head.grpc_status.empty()) {
    add(kRpcStatus, status_name(head.grpc_status));
    if (!head.grpc_message.empty()) add(kErrorMessage, decoded(head.grpc_message, message_));
  }
  if (head.status != 0 && !(grpc && head.status == 200)) status(head.status);
  unknown(head);
  return *this;
}

Http2Fields& Http2Fields::status(int status) {
  add(kHttpStatus, std::int64_t{status});
  return *this;
}

Http2Fields& Http2Fields::stream(std::uint32_t id) {
  add(kStreamId, std::int64_t{id});
  return *this;
}

Http2Fields& Http2Fields::pushed() {
  add(kPushed, 1);
  return *this;
}

Http2Fields& Http2Fields::upgraded() {
  add(kUpgraded, 1);
  return *this;
}

Http2Fields& Http2Fields::reset(std::uint32_t code) {
  add(kReset, error_name(code));
  return *this;
}

Http2Fields& Http2Fields::goaway(std::uint32_t code) {
  add(kGoaway, error_name(code));
  return *this;
}

Http2Fields& Http2Fields::messages(const GrpcMessages& messages, bool request) {
  if (!messages.known()) return *this;
  add(request ? kRequestMessages : kResponseMessages, static_cast<std::int64_t>(messages.count()));
  add(request ? kRequestMessageBytes : kResponseMessageBytes,
      static_cast<std::int64_t>(messages.bytes()));
  return *this;
}

}  // namespace weir
