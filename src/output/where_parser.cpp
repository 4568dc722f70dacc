// From the text of --where to its expression. Precedence: not, and, or.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "output/where.h"
#include "output/where_expression.h"

namespace weir {
namespace {

using Expression = Where::Expression;
using Parsed = Result<std::unique_ptr<Expression>>;

struct Named {
  std::string_view name;
  Property property;
};

constexpr Named kProperties[] = {
    {"protocol", Property::kProtocol},
    {"transport", Property::kTransport},
    {"status", Property::kStatus},
    {"quality", Property::kQuality},
    {"duration", Property::kDuration},
    {"latency", Property::kDuration},
    {"client", Property::kClient},
    {"client.address", Property::kClient},
    {"client.port", Property::kClientPort},
    {"server", Property::kServer},
    {"server.address", Property::kServer},
    {"server.port", Property::kServerPort},
    {"request.size_bytes", Property::kRequestSize},
    {"request.wire_bytes", Property::kRequestWire},
    {"response.size_bytes", Property::kResponseSize},
    {"response.wire_bytes", Property::kResponseWire},
};

struct Operator {
  std::string_view text;
  Comparison comparison;
};

// Longer ones first, where one begins another.
constexpr Operator kOperators[] = {
    {"==", Comparison::kEqual},        {"!=", Comparison::kNotEqual},
    {"!~", Comparison::kMatchesNot},   {"<=", Comparison::kLessEqual},
    {">=", Comparison::kGreaterEqual}, {"=", Comparison::kEqual},
    {"<", Comparison::kLess},          {">", Comparison::kGreater},
    {"~", Comparison::kMatches}};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// At most three names that `name` may have meant, the nearest first.
std::vector<std::string_view> nearest(std::string_view name,
                                      std::span<const std::string_view> attributes) {
  std::vector<std::pair<std::size_t, std::string_view>> near;
  const auto consider = [&](std::string_view known) {
    const std::size_t distance = edit_distance(name, known);
    const bool part = name.size() >= 3 && known.find(name) != std::string_view::npos;
    if (part || distance <= 1 + name.size() / 3) near.emplace_back(distance, known);
  };
  for (const Named& named : kProperties) consider(named.name);
  for (const std::string_view attribute : attributes) consider(attribute);
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < std::min<std::size_t>(near.size(), 3); ++i) {
    names.push_back(near[i].second);
  }
  return names;
}

// The values a property can have; empty where any will do.
std::vector<std::string_view> values_of(Property property) {
  std::vector<std::string_view> values;
  if (property == Property::kStatus) {
    for (const auto s : {Status::kOk, Status::kError, Status::kUnanswered, Status::kOneWay}) {
      values.push_back(status_name(s));
    }
  } else if (property == Property::kQuality) {
    for (const auto q :
         {Quality::kComplete, Quality::kGap, Quality::kLateJoin, Quality::kTruncated}) {
      values.push_back(quality_name(q));
    }
  } else if (property == Property::kTransport) {
    values = {transport_name(Transport::kTcp), transport_name(Transport::kUdp)};
  }
  return values;
}

bool is_number(Property property) {
  return property >= Property::kClientPort && property <= Property::kResponseWire;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !(value >= 0)) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  double factor = 0;
  if (unit == "ns") factor = 1;
  if (unit == "us" || unit == "µs" || unit == "μs") factor = 1e3;  // micro sign, Greek mu
  if (unit == "ms") factor = 1e6;
  if (unit == "s") factor = 1e9;
  const double nanos = std::round(value * factor);
  if (factor == 0 || nanos > 9e18) return std::nullopt;
  return static_cast<std::int64_t>(nanos);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_order(Comparison c) { return c >= Comparison::kLess && c <= Comparison::kGreaterEqual; }
bool is_match(Comparison c) { return c == Comparison::kMatches || c == Comparison::kMatchesNot; }

// Gives a test its value, as its property wants it. Empty, or what is wrong.
std::string set_value(Expression& test) {
  const std::string& text = test.text;
  if (is_match(test.comparison)) {
    if (test.property == Property::kDuration || test.property == Property::kClient ||
        test.property == Property::kServer) {
      return "a regular expression cannot be used here; use = or !=";
    }
    test.regex = std::make_unique<Regex>();
    const std::string wrong = test.regex->compile(text);
    return wrong.empty() ? wrong : fmt::format("regular expression '{}': {}", text, wrong);
  }
  if (test.property == Property::kDuration) {
    test.integer = parse_duration(text);
    return test.integer ? "" : fmt::format("'{}' is no duration; write 10ms, 1.5s, 250us", text);
  }
  if (test.property == Property::kClient || test.property == Property::kServer) {
    if (is_order(test.comparison)) return "addresses have no order; use = or !=";
    test.peer = Peer::parse(text);
    return test.peer ? ""
                     : fmt::format(
                           "'{}' is no address; write 10.0.0.1, 10.0.0.1:80, 10.0.0.0/8, "
                           "[::1]:80 or :80",
                           text);
  }
  test.integer = parse_number<std::int64_t>(text);
  test.number = parse_number<double>(text);
  if (is_number(test.property) && !test.number) return fmt::format("'{}' is no number", text);
  if (is_order(test.comparison) && !test.number) {
    return fmt::format("'{}' is no number, and only numbers have an order", text);
  }
  const auto values = values_of(test.property);
  if (!values.empty() && std::find(values.begin(), values.end(), text) == values.end()) {
    return fmt::format("'{}' cannot be; use one of {}", text, fmt::join(values, ", "));
  }
  return {};
}

class Parser {
 public:
  Parser(std::string_view text, std::span<const std::string_view> attributes)
      : text_(text), attributes_(attributes) {}

  Parsed parse() {
    Parsed result = alternatives();
    if (!result) return result;
    skip_space();
    if (at_ < text_.size()) return wrong("expected 'and', 'or' or the end");
    return result;
  }

 private:
  static constexpr int kMaxDepth = 64;

  tl::unexpected<Error> wrong(std::string_view what) const {
    const std::string_view rest = text_.substr(std::min(at_, text_.size()), 40);
    return failure(rest.empty() ? fmt::format("--where: at the end: {}", what)
                                : fmt::format("--where: at '{}': {}", rest, what));
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool take_symbol(std::string_view symbol) {
    skip_space();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }

  bool take_word(std::string_view word) {
    skip_space();
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word)) return false;
    if (rest.size() > word.size() && is_name_character(rest[word.size()])) return false;
    at_ += word.size();
    return true;
  }

  Parsed alternatives() {
    return chain(Expression::Kind::kOr, "or", "||", [this] { return conjunction(); });
  }

  Parsed conjunction() {
    return chain(Expression::Kind::kAnd, "and", "&&", [this] { return negation(); });
  }

  template <class Part>
  Parsed chain(Expression::Kind kind, std::string_view word, std::string_view symbol, Part part) {
    Parsed first = part();
    if (!first) return first;
    auto whole = std::make_unique<Expression>();
    whole->kind = kind;
    whole->parts.push_back(std::move(*first));
    while (take_word(word) || take_symbol(symbol)) {
      Parsed next = part();
      if (!next) return next;
      whole->parts.push_back(std::move(*next));
    }
    return whole;
  }

  Parsed negation() {
    if (depth_ == kMaxDepth) return wrong("nested too deeply");
    ++depth_;
    Parsed result = negation_at_depth();
    --depth_;
    return result;
  }

  Parsed negation_at_depth() {
    if (take_word("not") || take_symbol("!")) {
      Parsed inner = negation();
      if (!inner) return inner;
      auto whole = std::make_unique<Expression>();
      whole->kind = Expression::Kind::kNot;
      whole->parts.push_back(std::move(*inner));
      return whole;
    }
    if (take_symbol("(")) {
      Parsed inner = alternatives();
      if (inner && !take_symbol(")")) return wrong("expected ')'");
      return inner;
    }
    return test();
  }

  Parsed test() {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name.empty()) return wrong("expected a field name such as status or url.path");
    auto result = std::make_unique<Expression>();
    if (!set_name(*result, name)) {
      at_ = begin;
      return unknown(name);
    }
    const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                     [&](const Operator& op) { return take_symbol(op.text); });
    if (found == std::end(kOperators)) {
      if (result->property == Property::kAttribute) return result;
      return wrong(fmt::format("expected =, !=, <, <=, >, >=, ~ or !~ after {}", name));
    }
    result->comparison = found->comparison;
    const std::size_t value_begin = at_;
    if (!take_value(result->text)) return wrong("expected a value (quote it, if it is empty)");
    const std::string problem = set_value(*result);
    if (problem.empty()) return result;
    at_ = value_begin;
    return wrong(problem);
  }

  bool set_name(Expression& test, std::string_view name) {
    const auto* found = std::find_if(std::begin(kProperties), std::end(kProperties),
                                     [&](const Named& named) { return named.name == name; });
    if (found != std::end(kProperties)) {
      test.property = found->property;
      return true;
    }
    test.property = Property::kAttribute;
    test.name = name;
    return std::find(attributes_.begin(), attributes_.end(), name) != attributes_.end();
  }

  tl::unexpected<Error> unknown(std::string_view name) const {
    const auto names = nearest(name, attributes_);
    return names.empty()
               ? wrong(fmt::format("no record has a field '{}'; docs/records.md lists them", name))
               : wrong(fmt::format("no record has a field '{}'; did you mean {}?", name,
                                   fmt::join(names, " or ")));
  }

  // 'quoted', "quoted", or up to a space or a ')' that was not opened within the value.
  bool take_value(std::string& value) {
    skip_space();
    if (at_ == text_.size()) return false;
    const char quote = text_[at_];
    if (quote == '\'' || quote == '"') {
      const std::size_t end = text_.find(quote, at_ + 1);
      if (end == std::string_view::npos) return false;
      value = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return true;
    }
    const std::size_t begin = at_;
    int open = 0;
    for (; at_ < text_.size() && !is_space(text_[at_]); ++at_) {
      if (text_[at_] == '(') ++open;
      if (text_[at_] == ')' && --open < 0) break;
    }
    value = text_.substr(begin, at_ - begin);
    return !value.empty();
  }

  std::string_view text_;
  std::span<const std::string_view> attributes_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<Where> Where::parse(std::string_view text, std::span<const std::string_view> attributes) {
  Parsed parsed = Parser(text, attributes).parse();
  if (!parsed) return tl::unexpected<Error>(std::move(parsed.error()));
  return Where(std::move(*parsed));
}

}  // namespace weir
