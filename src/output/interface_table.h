// InterfaceTable: -o text of the interfaces lens, all interfaces at once, for people.
#pragma once

#include <string>
#include <vector>

#include "record/interface_sample.h"

namespace weir {

// Rates are those of the wire; totals are of the wire too, since counting began. One line per
// interface under two lines of headings, each with its line end.
std::string render_interface_table(const std::vector<InterfaceSample>& samples);

}  // namespace weir
