#include "output/push_settings.h"

#include <curl/curl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace weir {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<> check_headers(const PushSettings& settings) {
  for (std::size_t i = 0; i < settings.headers.size(); ++i) {
    const std::string& header = settings.headers[i];
    const std::size_t colon = header.find(':');
    if (colon == 0 || colon == std::string::npos || has_control(header) ||
        header.find(' ') < colon) {
      return failure("push header " + std::to_string(i + 1) + ": must be `Name: value`");
    }
  }
  if (has_control(settings.user) || has_control(settings.password) ||
      has_control(settings.bearer_token)) {
    return failure("push credentials: control characters are not allowed");
  }
  if (settings.user.find(':') != std::string::npos) {
    return failure("push user: a colon is not allowed");
  }
  return {};
}

Result<> check_files(const PushSettings& settings) {
  for (const std::string& file : {settings.ca_file, settings.bearer_token_file}) {
    if (!file.empty() && access(file.c_str(), R_OK) != 0) return system_failure("read " + file);
  }
  return {};
}

}  // namespace

PushProtocol push_protocol(std::string_view url) {
  return url.find("/api/v1/write") != std::string_view::npos ? PushProtocol::kRemoteWrite
                                                             : PushProtocol::kTextImport;
}

SeriesSet::Form push_form(std::string_view url) {
  return push_protocol(url) == PushProtocol::kRemoteWrite ? SeriesSet::Form::kRemoteWrite
                                                          : SeriesSet::Form::kText;
}

Result<PushTarget> check_push_settings(const PushSettings& settings) {
  const Url url(curl_url());
  if (curl_url_set(url.get(), CURLUPART_URL, settings.url.c_str(), 0) != CURLUE_OK) {
    return failure("push URL: not a URL; it must be like http://host:8428/api/v1/write");
  }
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    return failure("push URL: must begin with http:// or https://");
  }
  PushTarget target;
  target.user = part(url.get(), CURLUPART_USER, CURLU_URLDECODE);
  target.password = part(url.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
  if (!settings.user.empty()) {
    target.user = settings.user;
    target.password = settings.password;
  }
  target.query = part(url.get(), CURLUPART_QUERY);
  for (const CURLUPart secret : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_FRAGMENT}) {
    curl_url_set(url.get(), secret, nullptr, 0);
  }
  target.url = part(url.get(), CURLUPART_URL);
  curl_url_set(url.get(), CURLUPART_QUERY, nullptr, 0);
  target.shown = part(url.get(), CURLUPART_URL);
  const bool bearer = !settings.bearer_token.empty() || !settings.bearer_token_file.empty();
  if (bearer && !target.user.empty()) {
    return failure("push credentials: either a user or a bearer token, not both");
  }
  if (settings.timeout < kMillisecond) return failure("push timeout: must be 1 ms at least");
  if (auto checked = check_headers(settings); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_files(settings); !checked) return tl::unexpected(checked.error());
  return target;
}

}  // namespace weir
