// JsonLines: -o json, one object per line.
#pragma once

#include "output/record_writer.h"

namespace weir {

class JsonLines final : public RecordWriter {
 public:
  using RecordWriter::RecordWriter;

  using RecordWriter::on;
  void on(const InterfaceSample& sample) noexcept override;
  void on(const FlowSample& flow) noexcept override;
  void on(const QueuePairSample& pair) noexcept override;
  void on(const ConnectionSample& sample) noexcept override;
  void on(const ConnectionEvent& event) noexcept override;
  void on(const DropSample& sample) noexcept override;
  void on(const DropEvent& event) noexcept override;

 protected:
  void render(std::string& out, const RoundTrip& trip) override;
};

}  // namespace weir
