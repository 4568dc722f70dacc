#include "protocol/redis_inline.h"

namespace weir {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// From behind the opening quote to behind the closing one. False: there is none, or text follows.
bool read_quoted(std::string_view line, std::size_t& at, char quote, std::string& word) {
  for (; at < line.size(); ++at) {
    const std::size_t left = line.size() - at;
    if (line[at] == quote) {
      ++at;
      return at == line.size() || is_space(line[at]);
    }
    if (quote == '\'') {
      if (line[at] == '\\' && left > 1 && line[at + 1] == '\'') ++at;
      word += line[at];
    } else if (line[at] != '\\' || left < 2) {
      word += line[at];
    } else if (line[at + 1] == 'x' && left > 3 && hex_value(line[at + 2]) >= 0 &&
               hex_value(line[at + 3]) >= 0) {
      word += static_cast<char>(hex_value(line[at + 2]) * 16 + hex_value(line[at + 3]));
      at += 3;
    } else {
      word += unescaped(line[++at]);
    }
  }
  return false;
}

}  // namespace

bool read_inline_command(std::string_view line, RedisCommand& command, std::string& word) {
  std::size_t at = 0;
  for (bool first = true;; first = false) {
    while (at < line.size() && is_space(line[at])) ++at;
    if (at == line.size()) return true;
    word.clear();
    while (at < line.size() && !is_space(line[at])) {
      const char c = line[at++];
      if (c == '"' || c == '\'') {
        if (!read_quoted(line, at, c, word)) return false;
      } else if (c == '\0') {
        return false;
      } else {
        word += c;
      }
    }
    if (first &&
        word.find_first_not_of("!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") != std::string::npos) {
      return false;
    }
    command.add(word);
  }
}

}  // namespace weir
