#include "contract/golden.h"

#include <fstream>
#include <stdexcept>

#include "protocol/registry.h"

namespace weir::test {

namespace {

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) throw std::runtime_error("an escape without a letter");
    switch (text[i]) {
      case 'r':
        out += '\r';
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case '\\':
        out += '\\';
        break;
      case 'x':
        out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      default:
        throw std::runtime_error("an unknown escape");
    }
  }
  return out;
}

void read_line(const std::string& line, const Protocol* protocol, std::size_t number,
               std::vector<Conversation>& out) {
  if (line.empty() || line[0] == '#') return;
  if (line[0] == '=') {
    Conversation& conversation = out.emplace_back();
    conversation.protocol = protocol;
    conversation.transport = line.substr(2, 3) == "udp" ? Transport::kUdp : Transport::kTcp;
    conversation.messages = std::stoul(line.substr(6));
    conversation.name = std::string(protocol->name) + '_' + std::to_string(number);
    return;
  }
  if (out.empty() || line.size() < 2 || line[1] != ' ') throw std::runtime_error("no such line");
  std::vector<Conversation::Line>& lines = out.back().lines;
  const std::string bytes = unescaped(std::string_view(line).substr(2));
  switch (line[0]) {
    case '>':
      lines.push_back({Direction::kToServer, bytes});
      break;
    case '<':
      lines.push_back({Direction::kToClient, bytes});
      break;
    case '+':
      lines.at(lines.size() - 1).bytes += bytes;
      break;
    default:
      throw std::runtime_error("no such line");
  }
}

}  // namespace

std::string Conversation::head(Direction direction) const {
  std::string out;
  for (const Line& line : lines) {
    if (line.direction != direction) continue;
    out += line.bytes;
    if (transport == Transport::kUdp) break;
  }
  return out;
}

void Conversation::feed(Drive& drive) const {
  for (const Line& line : lines) drive.feed(line.direction, line.bytes);
}

std::vector<Conversation> load_golden(const std::string& directory) {
  std::vector<Conversation> all;
  for (const Protocol* protocol : protocols()) {
    const std::string path = directory + '/' + std::string(protocol->name) + ".txt";
    std::ifstream file(path);
    std::vector<Conversation> read;
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
      try {
        read_line(line, protocol, number, read);
      } catch (const std::exception& error) {
        throw std::runtime_error(path + ':' + std::to_string(number) + ": " + error.what());
      }
    }
    all.insert(all.end(), read.begin(), read.end());
  }
  return all;
}

}  // namespace weir::test
