#include "cli/push_options.h"

#include <cstdlib>
#include <string>

namespace weir {
namespace {

constexpr const char* kPassword = "WEIR_PUSH_PASSWORD";

}  // namespace

void add_push(CLI::App& verb, PushSettings& settings, const std::string& what) {
  verb.add_option("--push", settings.url,
                  "Push " + what +
                      " to this URL: by remote write where it contains /api/v1/write, else as "
                      "Prometheus text")
      ->type_name("URL");
  verb.add_option("--push-user", settings.user,
                  std::string("For basic authentication; the password is in $") + kPassword)
      ->type_name("NAME");
  verb.add_option("--push-token-file", settings.bearer_token_file,
                  "A file with the bearer token, read again for each request")
      ->type_name("FILE");
  verb.add_option("--push-header", settings.headers, "A further header: 'Name: value'")
      ->type_name("HEADER")
      ->allow_extra_args(false);
  verb.add_option("--push-ca", settings.ca_file,
                  "Trust the authorities in this PEM file, and no others")
      ->type_name("FILE");
  verb.add_flag("--push-insecure", settings.insecure, "Take any certificate");
}

void finish_push(PushSettings& settings) {
  if (const char* password = std::getenv(kPassword)) settings.password = password;
  if (settings.url.empty()) return;
  if (const auto target = check_push_settings(settings); !target) {
    throw CLI::ParseError(target.error().text(), CLI::ExitCodes::InvalidError);
  }
}

}  // namespace weir
