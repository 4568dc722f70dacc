#include "output/json_lines.h"

#include "record/json.h"

namespace weir {

void JsonLines::on(const InterfaceSample& sample) noexcept {
  append_json(text(), sample);
  end_line(sample.time);
}

void JsonLines::on(const FlowSample& flow) noexcept {
  append_json(text(), flow);
  end_line(flow.time);
}

void JsonLines::on(const QueuePairSample& pair) noexcept {
  append_json(text(), pair);
  end_line(pair.time);
}

void JsonLines::on(const ConnectionSample& sample) noexcept {
  append_json(text(), sample);
  end_line(sample.time);
}

void JsonLines::on(const ConnectionEvent& event) noexcept {
  append_json(text(), event);
  end_line(event.time);
}

void JsonLines::on(const DropSample& sample) noexcept {
  append_json(text(), sample);
  end_line(sample.time);
}

void JsonLines::on(const DropEvent& event) noexcept {
  append_json(text(), event);
  end_line(event.time);
}

void JsonLines::render(std::string& out, const RoundTrip& trip) { append_json(out, trip); }

}  // namespace weir
