// A message contains what it must say; otherwise the failure shows the message.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weir {

inline testing::AssertionResult says(const std::string& message, std::string_view part) {
  if (message.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << message << "\" does not say \"" << part << "\"";
}

}  // namespace weir
