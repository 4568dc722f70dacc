#include "cli/dropin/go_flags.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

namespace weir {
namespace {

bool is_among(const std::string& text, std::initializer_list<const char*> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool set_bool(bool& target, const std::string& text) {
  const bool yes = is_among(text, {"1", "t", "T", "true", "True", "TRUE"});
  if (!yes && !is_among(text, {"0", "f", "F", "false", "False", "FALSE"})) return false;
  target = yes;
  return true;
}

// Decimal, 0x or octal, as Go has it.
bool set_number(std::int64_t& target, const std::string& text) {
  if (text.find_first_not_of("+-0123456789abcdefABCDEFxX") != text.npos) return false;
  char* end = nullptr;
  errno = 0;
  const long long number = std::strtoll(text.c_str(), &end, 0);
  if (text.empty() || *end != '\0' || errno != 0) return false;
  target = number;
  return true;
}

}  // namespace

void GoFlags::add(const std::vector<std::string>& names, const Flag& flag) {
  for (const std::string& name : names) flags_[name] = flag;
}

void GoFlags::add(const std::vector<std::string>& names, std::string& target) {
  add(names, Flag{[&target](const std::string& text) {
        target = text;
        return true;
      }});
}

void GoFlags::add(const std::vector<std::string>& names, std::int64_t& target) {
  add(names, Flag{[&target](const std::string& text) { return set_number(target, text); }});
}

void GoFlags::add(const std::vector<std::string>& names, bool& target) {
  add(names, Flag{[&target](const std::string& text) { return set_bool(target, text); }, true});
}

Result<std::vector<std::string>> GoFlags::parse(const std::vector<std::string>& arguments) const {
  auto at = arguments.begin();
  while (at != arguments.end()) {
    const std::string& argument = *at;
    if (argument.size() < 2 || argument[0] != '-') break;
    ++at;
    if (argument == "--") break;
    std::string name = argument.substr(argument[1] == '-' ? 2 : 1);
    if (name.empty() || name[0] == '-' || name[0] == '=') {
      return failure("bad flag syntax: " + argument);
    }
    std::optional<std::string> value;
    if (const std::size_t equals = name.find('='); equals != name.npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto flag = flags_.find(name);
    if (flag == flags_.end()) return failure("flag provided but not defined: -" + name);
    const bool is_switch = flag->second.is_switch;
    if (!value && is_switch) value = "true";
    if (!value && at != arguments.end()) value = *at++;
    if (!value) return failure("flag needs an argument: -" + name);
    if (!flag->second.set(*value)) {
      const std::string kind = is_switch ? "boolean value" : "value";
      const std::string where = is_switch ? " for -" : " for flag -";
      return failure("invalid " + kind + " \"" + *value + "\"" + where + name + ": parse error");
    }
  }
  return std::vector<std::string>(at, arguments.end());
}

}  // namespace weir
