// RoundTrip: one exchange of an application protocol, as docs/records.md describes it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "record/address.h"
#include "record/field.h"

namespace weir {

enum class Status : std::uint8_t { kOk, kError, kUnanswered, kOneWay };
enum class Quality : std::uint8_t { kComplete, kGap, kLateJoin, kTruncated };

// Exact text of records.md.
std::string_view status_name(Status status);
std::string_view quality_name(Quality quality);
std::string_view transport_name(Transport transport);

struct RoundTrip {
  struct Side {
    std::optional<std::uint64_t> size_bytes;  // as the protocol counts its body
    std::uint64_t wire_bytes = 0;             // all bytes of the message in the stream
    Nanos first = 0, last = 0;                // of its first and last byte
  };

  const Vocabulary* vocabulary = nullptr;
  Transport transport = Transport::kTcp;
  Endpoint client, server;
  Nanos time = 0;         // first byte of the request; of the response where there is no request
  Nanos completed = 0;    // when the last byte, the time-out or the reset came
  Nanos duration_ns = 0;  // completed - time
  Status status = Status::kOk;
  Quality quality = Quality::kComplete;
  bool server_is_local = true;  // metrics role: server when local or read from a file
  std::optional<Side> request, response;
  const FieldList* request_fields = nullptr;   // never null; empty where there is no request
  const FieldList* response_fields = nullptr;  // never null
};

// The first value of `field` on either side, the request's before the response's.
bool find_field(const RoundTrip& trip, const Field& field, FieldValue& out);

}  // namespace weir
