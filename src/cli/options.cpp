#include "cli/options.h"

#include <charconv>
#include <map>

#include "agent/listen_address.h"
#include "cli/duration.h"

namespace weir {

void add_duration(CLI::App& verb, const std::string& names, Nanos& target,
                  const std::string& description) {
  verb.add_option_function<std::string>(
          names,
          [&target, names](const std::string& text) {
            const Result<Nanos> parsed = parse_duration(text);
            if (!parsed) throw CLI::ValidationError(names, parsed.error().text());
            target = *parsed;
          },
          description)
      ->type_name("TIME");
}

void add_output_format(CLI::App& verb, OutputFormat& target) {
  const std::map<std::string, OutputFormat> formats{
      {"text", OutputFormat::kText}, {"json", OutputFormat::kJson}, {"none", OutputFormat::kNone}};
  verb.add_option_function<std::string>(
          "-o,--output",
          [&target, formats](const std::string& text) {
            const auto found = formats.find(text);
            if (found == formats.end()) {
              throw CLI::ValidationError("-o", "'" + text + "' is not text, json or none");
            }
            target = found->second;
          },
          "text, json or none")
      ->type_name("FORMAT");
}

void add_count(CLI::App& verb, std::uint64_t& target, const std::string& what,
               const std::string& more) {
  verb.add_option_function<std::string>(
          "--count",
          [&target, what](const std::string& text) {
            const char* end = text.data() + text.size();
            const auto [at, error] = std::from_chars(text.data(), end, target);
            if (error != std::errc() || at != end || target == 0) {
              throw CLI::ValidationError("--count", "'" + text + "' is no number of " + what);
            }
          },
          "End after N " + what + more)
      ->type_name("N");
}

void add_listen(CLI::App& verb, std::string& target) {
  verb.add_option("--listen", target, "Serve GET /metrics on ADDRESS:PORT")
      ->type_name("ADDRESS:PORT")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const auto address = ListenAddress::parse(text);
            return address ? std::string() : address.error().text();
          },
          ""));
}

}  // namespace weir
