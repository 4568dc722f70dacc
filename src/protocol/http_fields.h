// What an HTTP message says of itself: its declared fields, without credentials.
#pragma once

#include <array>
#include <span>
#include <string>

#include "protocol/http_head.h"
#include "record/field.h"

namespace weir {

extern const Field kHttpMethod, kHttpMethodOriginal, kUrlPath, kUrlQuery, kUrlScheme, kHttpHost,
    kUserAgent, kHttpVersion, kHttpStatus;

extern const Vocabulary kHttpVocabulary;
extern const Field* const kHttpFields[9];  // every one there is

// A query with the values of signatures and keys taken out: itself, or in `scratch`.
std::string_view redacted_http_query(std::string_view query, std::string& scratch);

// Of HTTP/1. The values are views into the head and into this object: valid until the next call.
class HttpFields {
 public:
  std::span<const FieldValue> request(const HttpHead& head);
  std::span<const FieldValue> response(const HttpHead& head, bool with_version);

 private:
  std::array<FieldValue, 9> values_;
  std::string query_, host_, user_agent_;  // those that are not shown as sent
};

}  // namespace weir
