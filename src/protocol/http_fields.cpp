#include "protocol/http_fields.h"

#include <algorithm>

#include "protocol/http_match.h"

namespace weir {

extern const Field kHttpMethod{"http.request.method", FieldType::kText};
extern const Field kHttpMethodOriginal{"http.request.method_original", FieldType::kText};
extern const Field kUrlPath{"url.path", FieldType::kText};
extern const Field kUrlQuery{"url.query", FieldType::kText};
extern const Field kUrlScheme{"url.scheme", FieldType::kText};
extern const Field kHttpHost{"http.request.header.host", FieldType::kText};
extern const Field kUserAgent{"user_agent.original", FieldType::kText};
extern const Field kHttpVersion{"network.protocol.version", FieldType::kText};
extern const Field kHttpStatus{"http.response.status_code", FieldType::kInt};

namespace {

constexpr const Field* kAsked[] = {&kHttpMethod, &kUrlPath};
constexpr const Field* kAnswered[] = {&kHttpStatus};
constexpr const Field* kLabels[] = {&kHttpMethod, &kHttpStatus, &kHttpVersion};

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

}  // namespace

std::string_view redacted_http_query(std::string_view query, std::string& scratch) {
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

const Field* const kHttpFields[9] = {&kHttpMethod,  &kHttpMethodOriginal, &kUrlPath,
                                     &kUrlQuery,    &kHttpHost,           &kUrlScheme,
                                     &kHttpVersion, &kUserAgent,          &kHttpStatus};
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
  if (!conventional) add(kHttpMethodOriginal, head.method);
  if (!connect) add(kUrlPath, target.path);
  if (!target.query.empty()) add(kUrlQuery, redacted_http_query(target.query, query_));
  std::string_view host = head.folded ? unfolded(head.host, host_) : head.host;
  host.remove_prefix(host.rfind('@') + 1);
  if (host.empty()) host = target.authority;
  if (!host.empty()) add(kHttpHost, host);
  if (!connect) add(kUrlScheme, target.scheme.empty() ? "http" : target.scheme);
  add(kHttpVersion, head.version);
  const auto agent = head.folded ? unfolded(head.user_agent, user_agent_) : head.user_agent;
  if (!agent.empty()) add(kUserAgent, agent);
  return std::span(values_).first(count);
}

std::span<const FieldValue> HttpFields::response(const HttpHead& head, bool with_version) {
  values_[0] = FieldValue::of(kHttpStatus, std::int64_t{head.status});
  values_[1] = FieldValue::of(kHttpVersion, head.version);
  return std::span(values_).first(with_version ? 2 : 1);
}

}  // namespace weir
