#include "output/text.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <string_view>

#include "output/printable.h"
#include "output/units.h"

namespace weir {
namespace {

constexpr std::size_t kProtocolColumns = 10;
constexpr std::size_t kAnswerColumns = 12;
constexpr std::size_t kDurationColumns = 8;
constexpr Nanos kSlow = kSecond;

constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kReset = "\x1b[0m";

void pad(std::string& out, std::size_t used, std::size_t columns) {
  if (used < columns) out.append(columns - used, ' ');
}

void append_endpoint(std::string& out, const Endpoint& endpoint) {
  const bool brackets = !endpoint.address.is_v4();
  if (brackets) out += '[';
  append_address(out, endpoint.address);
  if (brackets) out += ']';
  fmt::format_to(std::back_inserter(out), ":{}", endpoint.port);
}

std::string_view colour_of(const RoundTrip& trip) {
  if (trip.status == Status::kError) return kRed;
  if (trip.status == Status::kUnanswered) return kYellow;
  return trip.duration_ns > kSlow ? kBold : std::string_view();
}

// Whether the duration says how long an answer took, or how long one was waited for.
bool has_duration(const RoundTrip& trip) {
  return trip.request.has_value() && trip.status != Status::kOneWay;
}

}  // namespace

std::shared_ptr<TextStyle> TextStyle::for_output(int fd) {
  if (isatty(fd) == 0) return std::make_shared<TextStyle>();
  const char* no_colour = std::getenv("NO_COLOR");
  const bool colour = no_colour == nullptr || *no_colour == '\0';
  winsize window{};
  if (ioctl(fd, TIOCGWINSZ, &window) != 0 || window.ws_col == 0) {
    return std::make_shared<TextStyle>(colour);
  }
  // time, two endpoints and their arrow, protocol, answer, duration, and the gaps between them
  constexpr std::size_t kOthers = 12 + 2 + 2 * kEndpointColumns + 3 + 2 + kProtocolColumns + 2 + 2 +
                                  kAnswerColumns + 2 + kDurationColumns;
  const std::size_t room = window.ws_col > kOthers ? window.ws_col - kOthers : 0;
  return std::make_shared<TextStyle>(colour, std::clamp<std::size_t>(room, 20, 120));
}

std::size_t TextStyle::endpoint_columns(std::size_t needed) {
  std::size_t columns = endpoint_columns_.load(std::memory_order_relaxed);
  while (columns < needed &&
         !endpoint_columns_.compare_exchange_weak(columns, needed, std::memory_order_relaxed)) {
  }
  return std::max(columns, needed);
}

std::string TextStyle::header() const {
  return fmt::format("{:<12}  {:>{}} → {:<{}}  {:<{}}  {:<{}}  {:<{}}  {:>{}}\n", "TIME", "CLIENT",
                     kEndpointColumns, "SERVER", kEndpointColumns, "PROTOCOL", kProtocolColumns,
                     "ASKED", asked_columns_, "ANSWER", kAnswerColumns, "LATENCY",
                     kDurationColumns);
}

Text::Text(RecordQueue::Lines lines, std::shared_ptr<TextStyle> style)
    : RecordWriter(std::move(lines)), style_(std::move(style)) {}

void Text::append_time(std::string& out, Nanos time) {
  std::int64_t second = time / kSecond;
  std::int64_t rest = time % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --second;
  }
  if (second != second_ || clock_.empty()) {
    const std::time_t clock = second;
    std::tm date{};
    localtime_r(&clock, &date);
    clock_.clear();
    fmt::format_to(std::back_inserter(clock_), "{:02}:{:02}:{:02}", date.tm_hour, date.tm_min,
                   date.tm_sec);
    second_ = second;
  }
  out += clock_;
  fmt::format_to(std::back_inserter(out), ".{:03}", rest / kMillisecond);
}

void Text::append_endpoints(std::string& out, const RoundTrip& trip) {
  client_.clear();
  server_.clear();
  append_endpoint(client_, trip.client);
  append_endpoint(server_, trip.server);
  const std::size_t columns = style_->endpoint_columns(std::max(client_.size(), server_.size()));
  pad(out, client_.size(), columns);
  out += client_;
  out += " → ";
  out += server_;
  pad(out, server_.size(), columns);
}

void Text::render(std::string& out, const RoundTrip& trip) {
  append_time(out, trip.time);
  out += "  ";
  append_endpoints(out, trip);
  out += "  ";
  out += trip.vocabulary->name;
  pad(out, trip.vocabulary->name.size(), kProtocolColumns);
  out += "  ";
  const std::string_view colour = style_->colour() ? colour_of(trip) : std::string_view();
  out += colour;
  std::size_t used = append_asked(out, trip, style_->asked_columns());
  if (used == 0) {
    out += '-';
    used = 1;
  }
  pad(out, used, style_->asked_columns());
  out += "  ";
  pad(out, append_answer(out, trip, kAnswerColumns), kAnswerColumns);
  out += "  ";
  if (has_duration(trip)) {
    append_duration(out, trip.duration_ns);
  } else {
    out += "    -   ";
  }
  if (!colour.empty()) out += kReset;
  if (trip.quality != Quality::kComplete) {
    out += "  (";
    out += quality_name(trip.quality);
    out += ')';
  }
}

}  // namespace weir
