// Result<T>: a value or an Error, for the cold path. An error is returned or logged, never both.
// Its context reads outside-in and ends with what to do.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace weir {

struct Error {
  std::string context;
  std::error_code code;  // absent (value 0) where no system call failed

  std::string text() const { return code ? context + ": " + code.message() : context; }
};

template <class T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> failure(std::string context) {
  return tl::unexpected<Error>(Error{std::move(context), {}});
}

// With the reason of the system call that has just failed.
inline tl::unexpected<Error> system_failure(std::string context, int error = errno) {
  return tl::unexpected<Error>(Error{std::move(context), {error, std::generic_category()}});
}

}  // namespace weir
