// Pcapng: the packets of a pcapng file: any number of sections, each with its own byte order and
// interfaces. Blocks that carry no packet are stepped over.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "packet/capture_format.h"

namespace weir {

class Pcapng {
 public:
  static constexpr std::size_t kMagicBytes = 4;
  static bool recognises(Bytes head);

  // `frame` is valid until the next call. kError sets `problem`, unless the source itself failed.
  // Frame.interface_id is 0-based; an interface that a later section declares again (same name,
  // link type and place) keeps its number, so that concatenated files of one capture read as one.
  ReadResult next(ByteSource& source, Frame& frame, std::string& problem) noexcept;

 private:
  struct Interface {
    std::uint32_t id = 0;
    std::uint16_t link_type = 0;
    std::uint32_t snap_length = 0;  // 0 = none
    std::uint8_t resolution = 6;    // if_tsresol as written
    std::int64_t offset_seconds = 0;
  };
  struct Block {
    std::uint32_t type = 0;
    std::uint64_t offset = 0;  // in the file
    Bytes body;
  };
  using Kind = std::pair<std::string, std::uint16_t>;  // name, link type

  // The next block that is an interface description or a packet (kFrame).
  ReadResult next_block(ByteSource&, Block&, std::string& problem);
  // Each returns false with `problem` set.
  bool begin_section(ByteSource&, std::string& problem);
  bool step_over(ByteSource&, std::uint32_t size, std::string& problem);
  bool add_interface(const Block&, std::string& problem);
  bool read_packet(const Block&, Frame&, std::string& problem);
  void read_options(Bytes options, Interface& interface, std::string& name) const;

  ByteOrder order_;
  std::vector<Interface> interfaces_;                            // of this section
  std::map<Kind, std::uint32_t> alike_;                          // of this section, so far
  std::map<std::pair<Kind, std::uint32_t>, std::uint32_t> ids_;  // (kind, place among alike) to id
  bool in_section_ = false;
  Nanos last_time_ = 0;  // a Simple Packet Block has no time of its own
};

// Ticks of 10^-n s, or of 2^-n s where the highest bit is set, as nanoseconds; saturates.
Nanos pcapng_time(std::uint64_t ticks, std::uint8_t resolution, std::int64_t offset_seconds);

}  // namespace weir
