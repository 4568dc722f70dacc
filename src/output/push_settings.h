// PushSettings: where samples are pushed to and how, checked before anything is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "metrics/series_set.h"

namespace weir {

struct PushSettings {
  // http or https. What contains /api/v1/write is taken for remote write 1.0, all else for the
  // import of Prometheus text. A user and password in it are used as those below, and never shown.
  std::string url;
  std::vector<std::string> headers{};  // further ones, "Name: value"
  std::string user{}, password{};      // basic authentication, where there is a user
  std::string bearer_token{};
  std::string bearer_token_file{};  // read again for each request
  std::string ca_file{};            // PEM; these authorities are trusted, and no others
  bool insecure = false;            // any certificate will do
  // Of the form http://host:port. Empty: none, whatever the environment says. A push that follows
  // http_proxy of the shell in which weir was started would take labels and credentials elsewhere.
  std::string proxy{};
  std::string user_agent = "weir";
  Nanos timeout = 10 * kSecond;  // of one request, all of it
  // Of what waits; one request that is under way is beside it.
  std::size_t queue_bytes = 64u << 20U;
  // Between attempts: twice as long each time, between these, and shorter by up to a half at
  // random.
  Nanos least_delay = 250 * kMillisecond;
  Nanos most_delay = 10 * kSecond;
};

enum class PushProtocol : std::uint8_t { kTextImport, kRemoteWrite };

PushProtocol push_protocol(std::string_view url);

// The form of a SeriesSet that is to be pushed there.
SeriesSet::Form push_form(std::string_view url);

// Where to, as it may be shown: without user, password and query.
struct PushTarget {
  std::string url;    // without user and password
  std::string shown;  // also without query and fragment
  std::string query;  // may be as secret as a password
  std::string user, password;
};

// An error says which setting, and holds no credentials.
Result<PushTarget> check_push_settings(const PushSettings& settings);

}  // namespace weir
