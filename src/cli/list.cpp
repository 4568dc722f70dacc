#include "cli/list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/log.h"
#include "kernel/interface.h"

namespace weir {
namespace {

constexpr std::size_t kColumns = 7;
using Row = std::array<std::string, kColumns>;

void print_json(const Interface& interface, std::ostream& out) {
  nlohmann::ordered_json object{{"interface", interface.name},
                                {"ifindex", interface.index},
                                {"state", interface.state()},
                                {"kind", interface.kind_or_hardware()},
                                {"mtu", interface.mtu}};
  if (!interface.mac.empty()) object["mac"] = interface.mac_text();
  object["addresses"] = interface.addresses;
  // A name may hold any bytes but '/' and white space.
  out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
}

Row row_of(const Interface& interface) {
  const auto or_dash = [](std::string text) { return text.empty() ? "-" : text; };
  return {std::to_string(interface.index),
          interface.name,
          std::string(interface.state()),
          interface.kind_or_hardware(),
          std::to_string(interface.mtu),
          or_dash(interface.mac_text()),
          or_dash(fmt::format("{}", fmt::join(interface.addresses, " ")))};
}

void print_table(const std::vector<Row>& rows, std::ostream& out) {
  std::array<std::size_t, kColumns> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i + 1 < kColumns; ++i) {
      line += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    out << line << row.back() << '\n';
  }
}

}  // namespace

int run_list(bool json, std::ostream& out) {
  const auto interfaces = list_interfaces();
  if (!interfaces) {
    log_error("list interfaces: " + interfaces.error().text());
    return 1;
  }
  std::vector<Row> rows{{"INDEX", "NAME", "STATE", "KIND", "MTU", "MAC", "ADDRESSES"}};
  for (const auto& interface : *interfaces) {
    if (json) {
      print_json(interface, out);
    } else {
      rows.push_back(row_of(interface));
    }
  }
  if (!json) print_table(rows, out);
  out.flush();
  return out ? 0 : 1;
}

}  // namespace weir
