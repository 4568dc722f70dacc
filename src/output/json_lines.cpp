#include "output/json_lines.h"

#include "record/json.h"

namespace weir {

void JsonLines::render(std::string& out, const RoundTrip& trip) { append_json(out, trip); }

}  // namespace weir
