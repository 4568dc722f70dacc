// PcapFilter: a pcap-filter(7) expression applied to captured frames of any link type. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "packet/packet.h"

struct bpf_program;

namespace weir {

class PcapFilter {
 public:
  // Compiles for one link type at once, so that a bad expression fails here; for the others when
  // they are first met. An empty expression matches everything.
  static Result<PcapFilter> compile(std::string expression, std::uint16_t link_type = 1);

  PcapFilter(PcapFilter&&) noexcept;
  PcapFilter& operator=(PcapFilter&&) noexcept;
  ~PcapFilter();

  bool matches(const Frame& frame) noexcept;
  // Set once the expression makes no sense for a link type that was met (its frames do not match).
  const Error& error() const { return error_; }

 private:
  struct Program {
    std::uint16_t link_type = 0;
    std::unique_ptr<bpf_program> code;  // null: does not compile for this link type
  };

  explicit PcapFilter(std::string expression);
  Result<> add(std::uint16_t link_type);
  const Program& program(std::uint16_t link_type);

  std::string expression_;
  std::vector<Program> programs_;  // few: one per link type of the input
  Error error_;
};

}  // namespace weir
