#include "protocol/http_fields.h"

#include <algorithm>

#include "protocol/http_match.h"

namespace weir {

extern const Field kHttpMethod{"http.request.method", FieldType::kText};

namespace {

const Field kMethodOriginal{"http.request.method_original", FieldType::kText};
const Field kPath{"url.path", FieldType::kText};
const Field kQuery{"url.query", FieldType::kText};
const Field kScheme{"url.scheme", FieldType::kText};
const Field kHost{"http.request.header.host", FieldType::kText};
const Field kUserAgent{"user_agent.original", FieldType::kText};
const Field kVersion{"network.protocol.version", FieldType::kText};
const Field kStatusCode{"http.response.status_code", FieldType::kInt};

constexpr const Field* kAsked[] = {&kHttpMethod, &kPath};
constexpr const Field* kAnswered[] = {&kStatusCode};
constexpr const Field* kLabels[] = {&kHttpMethod, &kStatusCode, &kVersion};

// A value without the line ends that folded it.
std::string_view unfolded(std::string_view value, std::string& scratch) {
  if (value.find('\n') == std::string_view::npos) return value;
  scratch.clear();
  bool blank = false;
  for (char c : value) {
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!space && blank) scratch += ' ';
    if (!space) scratch += c;
    blank = space;
  }
  return scratch;
}

bool is_sensitive(std::string_view key) {
  return key == "sig" || key == "Signature" || key == "AWSAccessKeyId" || key == "X-Goog-Signature";
}

// The query with the values of signatures and keys taken out.
std::string_view redacted(std::string_view query, std::string& scratch) {
  bool changed = false;
  std::size_t copied = 0;
  for (std::size_t begin = 0; begin < query.size();) {
    const std::size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view pair = query.substr(begin, end - begin);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && is_sensitive(pair.substr(0, equals))) {
      if (!changed) scratch.clear();
      changed = true;
      scratch.append(query, copied, begin + equals + 1 - copied).append("REDACTED");
      copied = end;
    }
    begin = end + 1;
  }
  if (!changed) return query;
  return scratch.append(query, copied);
}

}  // namespace

const Field* const kHttpFields[9] = {&kHttpMethod, &kMethodOriginal, &kPath,
                                     &kQuery,      &kHost,           &kScheme,
                                     &kVersion,    &kUserAgent,      &kStatusCode};
const Vocabulary kHttpVocabulary{"http", MetricFamily::kHttp, {}, kAsked, kAnswered, kLabels};

std::span<const FieldValue> HttpFields::request(const HttpHead& head) {
  std::size_t count = 0;
  const auto add = [&](const Field& field, std::string_view text) {
    values_[count++] = FieldValue::of(field, text);
  };
  const HttpTarget target = split_http_target(head.method, head.target);
  const bool connect = head.method == "CONNECT";
  const bool conventional = is_conventional_http_method(head.method);
  add(kHttpMethod, conventional ? head.method : "_OTHER");
  if (!conventional) add(kMethodOriginal, head.method);
  if (!connect) add(kPath, target.path);
  if (!target.query.empty()) add(kQuery, redacted(target.query, query_));
  std::string_view host = head.folded ? unfolded(head.host, host_) : head.host;
  host.remove_prefix(host.rfind('@') + 1);
  if (host.empty()) host = target.authority;
  if (!host.empty()) add(kHost, host);
  if (!connect) add(kScheme, target.scheme.empty() ? "http" : target.scheme);
  add(kVersion, head.version);
  const auto agent = head.folded ? unfolded(head.user_agent, user_agent_) : head.user_agent;
  if (!agent.empty()) add(kUserAgent, agent);
  return std::span(values_).first(count);
}

std::span<const FieldValue> HttpFields::response(const HttpHead& head, bool with_version) {
  values_[0] = FieldValue::of(kStatusCode, std::int64_t{head.status});
  values_[1] = FieldValue::of(kVersion, head.version);
  return std::span(values_).first(with_version ? 2 : 1);
}

}  // namespace weir
