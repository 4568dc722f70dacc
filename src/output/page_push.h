// PagePush: pushes what a page of metrics shows, as the time series that a scrape of it would give.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "metrics/series_set.h"
#include "output/push.h"

namespace weir {

class PagePush {
 public:
  // The push outlives it; `form` is the one of its URL. Series get the labels that a scrape would
  // give them: job="weir", and `instance`.
  PagePush(Push& push, SeriesSet::Form form, std::string instance);

  // `page` is text of the format 0.0.4 without time stamps, as MetricPage writes it. A series that
  // was on the page before and is no longer ends.
  void round(std::string_view page, Nanos time);

 private:
  struct Entry {
    SeriesSet::Handle handle;
    std::uint64_t round;
  };
  void take_line(std::string_view line);
  SeriesSet::Family family_of(std::string_view name);

  Push& push_;
  SeriesSet set_;
  const std::string instance_;
  std::uint64_t round_ = 0;
  std::map<std::string, SeriesSet::Family, std::less<>> families_;
  std::map<std::string, Entry, std::less<>> series_;  // by what stands before the number
};

}  // namespace weir
