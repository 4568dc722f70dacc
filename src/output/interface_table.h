// InterfaceTable: -o text of the interfaces lens, all interfaces at once, for people.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "output/terminal.h"
#include "record/interface_sample.h"

namespace weir {

class InterfaceTable {
 public:
  // What drops are told from, before the first table.
  void begin(const std::vector<InterfaceSample>& samples);

  // Two lines of headings, of which the first has the local time, and one per interface, each with
  // its line end. Rates and totals are those of the wire, totals since counting began; drops are
  // those of queue and device and the device's errors, each second since the table before. What
  // the room does not hold is cut: of interfaces the less busy ones.
  std::string render(std::vector<InterfaceSample> samples, Room room = {});

 private:
  std::string drops_of(const InterfaceSample& sample) const;

  std::map<std::uint32_t, std::uint64_t> lost_;  // at the table before, by index
};

}  // namespace weir
