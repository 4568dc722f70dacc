// Pcap: the records of a pcap file, both byte orders, microseconds and nanoseconds.
#pragma once

#include "packet/capture_format.h"

namespace weir {

class Pcap {
 public:
  static constexpr std::size_t kMagicBytes = 4;
  static bool recognises(Bytes head);

  // Reads the file header; false with `problem` set where it cannot.
  bool begin(ByteSource& source, std::string& problem);
  // `frame` is valid until the next call. kError sets `problem`, unless the source itself failed.
  ReadResult next(ByteSource& source, Frame& frame, std::string& problem) noexcept;

 private:
  ByteOrder order_;
  bool nanoseconds_ = false;
  std::uint16_t minor_version_ = 4;
  std::uint16_t link_type_ = 0;
};

}  // namespace weir
