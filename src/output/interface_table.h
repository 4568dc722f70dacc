// InterfaceTable: -o text of the interfaces lens, all interfaces at once, for people.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "record/interface_sample.h"

namespace weir {

class InterfaceTable {
 public:
  // Two lines of headings and one per interface, each with its line end. Rates and totals are those
  // of the wire, totals since counting began; drops and errors are the device's own, each second
  // since the table before.
  std::string render(const std::vector<InterfaceSample>& samples);

 private:
  std::map<std::uint32_t, std::uint64_t> bad_;  // drops and errors at the table before, by index
};

}  // namespace weir
