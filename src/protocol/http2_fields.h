// What an HTTP/2 or gRPC message says of itself: its declared fields, without credentials.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "protocol/grpc_messages.h"
#include "protocol/http2_head.h"
#include "record/field.h"

namespace weir {

extern const Vocabulary kHttp2Vocabulary, kGrpcVocabulary;
extern const Field* const kHttp2Fields[24];  // every one there is, of both

// The values are views into the head and into this object: valid until clear().
class Http2Fields {
 public:
  Http2Fields& clear() {
    count_ = 0;
    return *this;
  }
  Http2Fields& request(const Http2Head& head, bool grpc);
  // Of a head, or of trailers.
  Http2Fields& response(const Http2Head& head, bool grpc);
  Http2Fields& status(int status);
  Http2Fields& stream(std::uint32_t id);  // of the request; of a response that has none
  Http2Fields& pushed();
  Http2Fields& upgraded();
  Http2Fields& reset(std::uint32_t code);
  Http2Fields& goaway(std::uint32_t code);
  Http2Fields& messages(const GrpcMessages& messages, bool request);
  std::span<const FieldValue> span() const { return std::span(values_).first(count_); }

 private:
  void add(const Field& field, std::string_view text);
  void add(const Field& field, std::int64_t number);
  void unknown(const Http2Head& head);

  std::array<FieldValue, 24> values_;
  std::size_t count_ = 0;
  std::string query_, message_;
};

}  // namespace weir
