#include "metrics/series_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "remote_write_reader.h"

namespace weir {
namespace {

constexpr Nanos kNow = 1'700'000'000'123 * kMillisecond;
using Labels = std::vector<SeriesLabel>;
using Form = SeriesSet::Form;

std::vector<ReadSample> round_of(SeriesSet& set, Nanos time = kNow) {
  std::vector<ReadSample> samples;
  set.encode_round(time, [&](std::string_view body, std::size_t count) {
    const auto some = read_remote_write(body);
    EXPECT_EQ(some.size(), count);
    samples.insert(samples.end(), some.begin(), some.end());
  });
  return samples;
}

std::string lines_of(SeriesSet& set, Nanos time = kNow) {
  std::string lines;
  set.encode_round(time, [&](std::string_view body, std::size_t) { lines += body; });
  return lines;
}

TEST(SeriesSet, RemoteWriteIsWhatProtobufReads) {
  SeriesSet set(Form::kRemoteWrite);
  const auto bytes = set.family("bytes_total", "counter", "Bytes.");
  const auto a = *set.add(bytes, Labels{{"src", "10.0.0.1"}, {"dst", "10.0.0.2"}});
  set.add(bytes, Labels{});
  set.set(a, 12345.5);
  const auto samples = round_of(set);
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].series, R"(bytes_total{dst="10.0.0.2",src="10.0.0.1"})");
  EXPECT_EQ(samples[0].value, 12345.5);
  EXPECT_EQ(samples[0].milliseconds, 1'700'000'000'123);
  EXPECT_EQ(samples[1].series, "bytes_total{}");
  EXPECT_EQ(samples[1].value, 0);
}

TEST(SeriesSet, TheNameStandsWhereTheOrderOfBytesHasIt) {
  SeriesSet set(Form::kRemoteWrite);
  const auto family = set.family("m", "gauge", "");
  set.add(family, Labels{{"a", "1"}, {"Z", "2"}, {"__a__", "3"}});
  EXPECT_EQ(round_of(set)[0].series,
            R"(m{Z="2",__a__="3",a="1"})");  // read_remote_write has checked
}

TEST(SeriesSet, EveryTimeStampIsReadAgain) {
  SeriesSet set(Form::kRemoteWrite);
  set.add(set.family("m", "gauge", ""), Labels{});
  for (const std::int64_t ms :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{127}, std::int64_t{128},
        std::int64_t{1'763'000'000'000}, (std::int64_t{1} << 42) - 1}) {
    EXPECT_EQ(round_of(set, ms * kMillisecond).at(0).milliseconds, ms);
  }
}

TEST(SeriesSet, TextHasTimeStampsAndNumbersAsTheyAre) {
  SeriesSet set(Form::kText);
  const auto family = set.family("m", "gauge", "Help.");
  const auto none = *set.add(family, Labels{});
  const auto one = *set.add(family, Labels{{"b", "2"}, {"a", "1"}});
  set.set(none, 9007199254740991);
  set.set(one, -0.25);
  EXPECT_EQ(lines_of(set),
            "m 9007199254740991 1700000000123\nm{a=\"1\",b=\"2\"} -0.25 1700000000123\n");
  set.set(none, std::numeric_limits<double>::infinity());
  set.set(one, std::nan(""));
  EXPECT_EQ(lines_of(set), "m +Inf 1700000000123\nm{a=\"1\",b=\"2\"} NaN 1700000000123\n");
  set.set(none, 1e300);
  set.set(one, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(lines_of(set), "m 1e+300 1700000000123\nm{a=\"1\",b=\"2\"} -Inf 1700000000123\n");
}

TEST(SeriesSet, APageHasFamiliesInOrder) {
  SeriesSet set(Form::kText);
  const auto a = set.family("a_total", "counter", "The a.");
  const auto b = set.family("b", "gauge", "The b.");
  set.family("c", "gauge", "Nothing of it.");
  set.set(*set.add(b, Labels{{"x", "1"}}), 1.5);
  const auto gone = *set.add(a, Labels{{"x", "0"}});
  set.set(*set.add(a, Labels{{"x", "1"}}), 7);
  set.remove(gone);
  std::string page = "before\n";
  set.append_page(page);
  EXPECT_EQ(page,
            "before\n# HELP a_total The a.\n# TYPE a_total counter\na_total{x=\"1\"} 7\n"
            "# HELP b The b.\n# TYPE b gauge\nb{x=\"1\"} 1.5\n");
}

TEST(SeriesSet, HostileValues) {
  const std::string nul("a\0b", 3), longest(5000, 'x');
  std::string cut_within;
  for (int i = 0; i < 1000; ++i) cut_within += "\xe2\x82\xac";  // 1024 is within one
  const Labels labels{{"bad", "\xff\xfe ok"}, {"cut", cut_within}, {"empty", ""},
                      {"long", longest},      {"nul", nul},        {"quote", "a\"b\\c\nd"}};
  SeriesSet proto(Form::kRemoteWrite), text(Form::kText);
  proto.add(proto.family("m", "gauge", ""), labels);
  text.add(text.family("m", "gauge", ""), labels);
  std::string cut;
  for (int i = 0; i < 341; ++i) cut += "\xe2\x82\xac";
  const std::string head = "m{bad=\"\xef\xbf\xbd\xef\xbf\xbd ok\",cut=\"" + cut + "\",long=\"" +
                           std::string(1024, 'x') + "\",nul=\"" + nul + "\",quote=\"";
  EXPECT_EQ(round_of(proto)[0].series, head + "a\"b\\c\nd\"}");
  EXPECT_EQ(lines_of(text), head + "a\\\"b\\\\c\\nd\"} 0 1700000000123\n");
}

TEST(SeriesSet, TheEndOfASeriesIsToldOnce) {
  SeriesSet set(Form::kRemoteWrite);
  const auto family = set.family("m", "gauge", "");
  const auto a = *set.add(family, Labels{{"l", "a"}});
  const auto b = *set.add(family, Labels{{"l", "b"}});
  set.set(b, 5);
  EXPECT_EQ(round_of(set).size(), 2u);
  set.remove(a);
  EXPECT_EQ(set.size(), 1u);
  const auto samples = round_of(set, kNow + kSecond);
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].series, R"(m{l="a"})");
  EXPECT_TRUE(samples[0].stale());
  EXPECT_EQ(samples[0].milliseconds, kNow / kMillisecond + 999);
  EXPECT_EQ(samples[1].series, R"(m{l="b"})");
  EXPECT_EQ(samples[1].value, 5);
  EXPECT_EQ(round_of(set, kNow + 2 * kSecond).size(), 1u);
}

TEST(SeriesSet, ASeriesThatComesBackAtOnceIsToldAfterItsEnd) {
  SeriesSet set(Form::kRemoteWrite);
  const auto family = set.family("m", "gauge", "");
  const auto first = *set.add(family, Labels{{"l", "a"}});
  round_of(set);
  set.remove(first);
  set.set(*set.add(family, Labels{{"l", "a"}}), 3);
  const auto samples = round_of(set, kNow + kSecond);
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_TRUE(samples[0].stale());
  EXPECT_EQ(samples[1].value, 3);
  EXPECT_LT(samples[0].milliseconds, samples[1].milliseconds);
}

TEST(SeriesSet, WhatWasNeverToldHasNoEndAndTextNeitherHas) {
  SeriesSet proto(Form::kRemoteWrite), text(Form::kText);
  proto.remove(*proto.add(proto.family("m", "gauge", ""), Labels{}));
  EXPECT_TRUE(round_of(proto).empty());
  const auto series = *text.add(text.family("m", "gauge", ""), Labels{});
  EXPECT_NE(lines_of(text), "");
  text.remove(series);
  EXPECT_EQ(lines_of(text), "");
}

TEST(SeriesSet, IsBoundedAndCountsWhatItRefuses) {
  SeriesSet set(Form::kRemoteWrite, {.max_series = 2});
  const auto family = set.family("m", "gauge", "");
  const auto a = *set.add(family, Labels{{"l", "a"}});
  EXPECT_TRUE(set.add(family, Labels{{"l", "b"}}));
  EXPECT_FALSE(set.add(family, Labels{{"l", "c"}}));
  EXPECT_EQ(set.refused(), 1u);
  set.remove(a);
  EXPECT_TRUE(set.add(family, Labels{{"l", "c"}}));
  EXPECT_EQ(set.size(), 2u);
}

TEST(SeriesSet, RequestsAreBounded) {
  for (const Form form : {Form::kRemoteWrite, Form::kText}) {
    SeriesSet set(form, {.request_samples = 10, .request_bytes = 2000});
    const auto family = set.family("m", "gauge", "");
    const std::string longest(900, 'x');
    for (int i = 0; i < 95; ++i) {
      const std::string number = std::to_string(i);
      set.add(family, Labels{{"i", number}, {"l", i < 10 ? longest : ""}});
    }
    std::size_t total = 0, requests = 0;
    set.encode_round(kNow, [&](std::string_view body, std::size_t samples) {
      EXPECT_LE(samples, 10u);
      EXPECT_LE(body.size(), 2000u);
      total += samples;
      ++requests;
    });
    EXPECT_EQ(total, 95u);
    EXPECT_LE(requests, 20u);
  }
}

// Against a map that does the same, with series that come and go.
TEST(SeriesSet, ComingAndGoingLosesNothing) {
  for (const Form form : {Form::kRemoteWrite, Form::kText}) {
    SeriesSet set(form);
    const auto family = set.family("m", "gauge", "");
    std::map<std::string, std::pair<SeriesSet::Handle, double>> live;
    std::mt19937 random(7);
    int next = 0;
    for (int round = 0; round < 25; ++round) {
      const auto added = random() % 1500;
      for (unsigned i = 0; i < added; ++i) {
        const std::string name = std::to_string(next++) + std::string(random() % 200, 'y');
        live[name] = {*set.add(family, Labels{{"n", name}}), 0};
      }
      for (auto it = live.begin(); it != live.end();) {
        if (random() % 4 == 0) {
          set.remove(it->second.first);
          it = live.erase(it);
        } else {
          set.set(it->second.first, it->second.second = static_cast<double>(random()));
          ++it;
        }
      }
      ASSERT_EQ(set.size(), live.size());
      std::map<std::string, double> told;
      if (form == Form::kRemoteWrite) {
        for (const ReadSample& sample : round_of(set, kNow + round * kSecond)) {
          if (!sample.stale()) told[sample.series] = sample.value;
        }
      } else {
        const std::string lines = lines_of(set, kNow + round * kSecond);
        for (std::size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
          const std::size_t blank = lines.find(' ', at);
          told[lines.substr(at, blank - at)] = std::stod(lines.substr(blank));
        }
      }
      ASSERT_EQ(told.size(), live.size());
      for (const auto& [name, series] : live) {
        ASSERT_EQ(told.at("m{n=\"" + name + "\"}"), series.second);
      }
    }
  }
}

}  // namespace
}  // namespace weir
