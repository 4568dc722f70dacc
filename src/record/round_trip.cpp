#include "record/round_trip.h"

namespace weir {

std::string_view status_name(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kError:
      return "error";
    case Status::kUnanswered:
      return "unanswered";
    case Status::kOneWay:
      return "one_way";
  }
  return "";
}

std::string_view quality_name(Quality quality) {
  switch (quality) {
    case Quality::kComplete:
      return "complete";
    case Quality::kGap:
      return "gap";
    case Quality::kLateJoin:
      return "late_join";
    case Quality::kTruncated:
      return "truncated";
  }
  return "";
}

std::string_view transport_name(Transport transport) {
  return transport == Transport::kTcp ? "tcp" : "udp";
}

bool find_field(const RoundTrip& trip, const Field& field, FieldValue& out) {
  return trip.request_fields->find(field, out) || trip.response_fields->find(field, out);
}

}  // namespace weir
