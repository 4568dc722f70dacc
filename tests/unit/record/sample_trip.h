// Round trips for the tests of everything that takes records.
#pragma once

#include <string_view>

#include "record/round_trip.h"

namespace weir::sample {

inline constexpr Field kMethod{"http.request.method", FieldType::kText};
inline constexpr Field kPath{"url.path", FieldType::kText};
inline constexpr Field kVersion{"network.protocol.version", FieldType::kText};
inline constexpr Field kCode{"http.response.status_code", FieldType::kInt};
inline constexpr const Field* kHttpAsked[] = {&kMethod, &kPath};
inline constexpr const Field* kHttpAnswered[] = {&kCode};
inline constexpr const Field* kHttpLabels[] = {&kMethod, &kCode, &kVersion};
inline constexpr Vocabulary kHttp{"http",     MetricFamily::kHttp, "",
                                  kHttpAsked, kHttpAnswered,       kHttpLabels};

inline constexpr Field kName{"dns.question.name", FieldType::kText};
inline constexpr Field kRcode{"dns.response.code", FieldType::kText};
inline constexpr Field kAnswers{"dns.answers", FieldType::kTextList};
inline constexpr Field kRepeated{"weir.repeated", FieldType::kBool};
inline constexpr const Field* kDnsAsked[] = {&kName};
inline constexpr const Field* kDnsAnswered[] = {&kRcode};
inline constexpr const Field* kDnsLabels[] = {&kRcode};
inline constexpr Vocabulary kDns{"dns",     MetricFamily::kDns, "",
                                 kDnsAsked, kDnsAnswered,       kDnsLabels};

inline constexpr Field kOperation{"db.operation.name", FieldType::kText};
inline constexpr Field kPrefix{"db.response.status_code", FieldType::kText};
inline constexpr Field kSystem{"db.system.name", FieldType::kText};
inline constexpr const Field* kRedisAsked[] = {&kOperation};
inline constexpr const Field* kRedisAnswered[] = {&kPrefix};
inline constexpr const Field* kRedisLabels[] = {&kSystem, &kOperation};
inline constexpr Vocabulary kRedis{"redis",     MetricFamily::kDb, "redis",
                                   kRedisAsked, kRedisAnswered,    kRedisLabels};

inline constexpr Nanos kStart = 1'751'805'411'498'096'950;  // 2025-07-06T12:36:51.498096950Z

inline IpAddress address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  const std::uint8_t four[] = {a, b, c, d};
  return IpAddress::v4(four);
}

inline IpAddress loopback6() {
  std::uint8_t sixteen[16] = {};
  sixteen[15] = 1;
  return IpAddress::v6(sixteen);
}

// A record that owns its fields. Begins as an answered exchange of 5 ms without fields.
struct Trip : RoundTrip {
  explicit Trip(const Vocabulary& of) {
    vocabulary = &of;
    client = {address(192, 168, 255, 128), 36654};
    server = {address(54, 243, 106, 191), 80};
    time = kStart;
    completed = kStart + 5 * kMillisecond;
    duration_ns = 5 * kMillisecond;
    request = Side{0, 118, kStart, kStart + 21'000};
    response = Side{255, 514, kStart + 4 * kMillisecond, completed};
    request_fields = &asked;
    response_fields = &answered;
  }
  Trip(const Trip&) = delete;
  Trip& operator=(const Trip&) = delete;

  FieldList asked, answered;
};

struct HttpTrip : Trip {
  HttpTrip(std::string_view method, std::string_view path, int code) : Trip(sample::kHttp) {
    asked.add(FieldValue::of(kMethod, method));
    asked.add(FieldValue::of(kPath, path));
    asked.add(FieldValue::of(kVersion, std::string_view("1.1")));
    if (code == 0) {
      response.reset();
      status = Status::kUnanswered;
      return;
    }
    answered.add(FieldValue::of(kCode, std::int64_t{code}));
    if (code >= 400) status = Status::kError;
  }
};

}  // namespace weir::sample
