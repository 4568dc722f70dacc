// The one JSON form of the records, as docs/records.md describes it: one object, no line end.
#pragma once

#include <string>
#include <string_view>

#include "record/connection.h"
#include "record/drop.h"
#include "record/flow_sample.h"
#include "record/interface_sample.h"
#include "record/queue_pair_sample.h"
#include "record/round_trip.h"

namespace weir {

void append_json(std::string& out, const InterfaceSample& sample);
void append_json(std::string& out, const FlowSample& flow);
void append_json(std::string& out, const QueuePairSample& pair);
void append_json(std::string& out, const ConnectionSample& sample);
void append_json(std::string& out, const ConnectionEvent& event);
void append_json(std::string& out, const DropSample& sample);
void append_json(std::string& out, const DropEvent& event);
void append_json(std::string& out, const RoundTrip& trip);

// A JSON string with its quotes. Well-formed UTF-8 stays as it is, every other byte is escaped as
// \u00XX by itself.
void append_json_string(std::string& out, std::string_view text);

}  // namespace weir
