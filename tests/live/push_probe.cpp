// push_probe: pushes made series, for the live tests.
//   push_probe URL [--KEY VALUE]...
// Keys: series (in the set, 3), queue (bytes), timeout (ms), user, password, token, token-file, ca,
// header, insecure (1), most-delay (ms), samples (of a request, at most).
// Prints {"ready":...}, and one JSON object for each line of its standard input:
//   round [MS]    sets series i to 1000 * round + i and pushes; at this time, or now
//   remove N      removes the first N series
//   add N         adds N series
//   readings      what the push says of itself
//   page          its metrics page, as {"page":...}
//   stop MS       stops it with so much patience, then its readings
// When the input ends it ends, without patience.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "output/push.h"
#include "output/push_metrics.h"
#include "output/push_round.h"

namespace {

using nlohmann::json;
using weir::Count;
using weir::kMillisecond;

struct Made {
  weir::SeriesSet& set;
  weir::SeriesSet::Family family;
  std::deque<std::pair<int, weir::SeriesSet::Handle>> live;
  int next = 0;

  void add(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string index = std::to_string(next);
      const weir::SeriesLabel labels[] = {
          {"index", index}, {"hostile", "a\"b\\c\nd\xff{e=\"f\"} 1"}, {"empty", ""}};
      if (const auto handle = set.add(family, labels)) live.emplace_back(next, *handle);
      ++next;
    }
  }
};

std::int64_t microseconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               begin)
      .count();
}

json readings_of(const weir::Push& push) {
  const weir::PushReadings readings = push.readings();
  json requests = json::object();
  for (const auto& [code, count] : readings.requests) requests[std::to_string(code)] = count;
  const auto& ledger = readings.ledger;
  return {{"seen", ledger.get(Count::kPushSeen)},
          {"delivered", ledger.get(Count::kPushDelivered)},
          {"overflow", ledger.get(Count::kPushLostOverflow)},
          {"rejected", ledger.get(Count::kPushLostRejected)},
          {"closed", ledger.get(Count::kPushLostClosed)},
          {"pending", ledger.still_pending(weir::Stage::kPush)},
          {"unaccounted", ledger.unaccounted(weir::Stage::kPush)},
          {"requests", requests},
          {"retried", readings.retried_samples},
          {"queue_bytes", readings.queue_bytes},
          {"queue_requests", readings.queue_requests}};
}

// False: no such key.
bool take(const std::string& key, const std::string& value, weir::PushSettings& settings,
          weir::SeriesSet::Limits& limits, int& series) {
  const auto number = [&] { return std::strtoll(value.c_str(), nullptr, 10); };
  if (key == "series") {
    series = static_cast<int>(number());
  } else if (key == "samples") {
    limits.request_samples = static_cast<std::size_t>(number());
  } else if (key == "queue") {
    settings.queue_bytes = static_cast<std::size_t>(number());
  } else if (key == "timeout") {
    settings.timeout = number() * kMillisecond;
  } else if (key == "most-delay") {
    settings.most_delay = number() * kMillisecond;
  } else if (key == "user") {
    settings.user = value;
  } else if (key == "password") {
    settings.password = value;
  } else if (key == "token") {
    settings.bearer_token = value;
  } else if (key == "token-file") {
    settings.bearer_token_file = value;
  } else if (key == "ca") {
    settings.ca_file = value;
  } else if (key == "header") {
    settings.headers.push_back(value);
  } else if (key == "insecure") {
    settings.insecure = number() != 0;
  } else {
    return false;
  }
  return true;
}

json done(const std::string& line, Made& made, int& round, weir::Push& push) {
  std::istringstream words(line);
  std::string verb;
  std::int64_t number = 0;
  words >> verb;
  const bool has_number = static_cast<bool>(words >> number);
  if (verb == "round") {
    const std::int64_t ms = has_number ? number : weir::wall_clock_now() / kMillisecond;
    const auto begin = std::chrono::steady_clock::now();
    for (const auto& [index, handle] : made.live) made.set.set(handle, 1000.0 * round + index);
    weir::push_round(made.set, ms * kMillisecond, push);
    return {{"round", round++}, {"ms", ms}, {"took_us", microseconds_since(begin)}};
  }
  if (verb == "remove") {
    for (; number > 0 && !made.live.empty(); --number) {
      made.set.remove(made.live.front().second);
      made.live.pop_front();
    }
    return {{"series", made.set.size()}};
  }
  if (verb == "add") {
    made.add(static_cast<int>(number));
    return {{"series", made.set.size()}};
  }
  if (verb == "page") {
    std::string text;
    weir::MetricPage page(text);
    weir::add_push_metrics(page, push.readings());
    return {{"page", text}};
  }
  if (verb == "stop") {
    const auto begin = std::chrono::steady_clock::now();
    push.stop(std::chrono::milliseconds{number});
    json said = readings_of(push);
    said["took_us"] = microseconds_since(begin);
    return said;
  }
  return readings_of(push);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  weir::PushSettings settings{.url = argv[1]};
  weir::SeriesSet::Limits limits;
  int series = 3;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!take(argv[i] + 2, argv[i + 1], settings, limits, series)) return 2;
  }
  auto push = weir::Push::start(settings);
  if (!push) {
    std::cout << json{{"error", push.error().text()}} << std::endl;
    return 1;
  }
  weir::SeriesSet set(weir::push_form(settings.url), limits);
  Made made{set, set.family("weir_made", "gauge", "Made."), {}};
  made.add(series);
  std::cout << json{{"ready", (*push)->target()}} << std::endl;
  int round = 0;
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << done(line, made, round, **push) << std::endl;
  }
}
