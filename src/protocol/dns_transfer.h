// ZoneTransfer: the answer to an AXFR or IXFR query, which may go over many messages
// (RFC 5936, RFC 1995). It is fed the answer records and knows from the SOA records where the
// transfer ends.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "protocol/dns_message.h"

namespace weir {

class ZoneTransfer {
 public:
  static constexpr std::uint16_t kIxfr = 251, kAxfr = 252;

  ZoneTransfer() = default;
  explicit ZoneTransfer(std::uint16_t question_type) : type_(question_type) {}

  void on_answer(Bytes message, const DnsRecord& record) {
    std::uint32_t serial = 0;
    const bool soa = read_soa_serial(message, record, serial);
    if (records_ < 2) ++records_;
    if (records_ == 1) {
      valid_ = soa;
      serial_ = serial;
    } else if (records_ == 2 && !second_) {
      second_ = true;
      // Differences begin with the SOA of an older version; all of the zone with anything else.
      incremental_ = soa && type_ == kIxfr && serial != serial_;
    }
    if (soa && serial == serial_) ++current_seen_;
  }

  // Whether more messages belong to it. A lone SOA answers an IXFR: there is nothing newer.
  bool unfinished() const {
    if (!valid_ || (type_ == kIxfr && records_ == 1)) return false;
    return current_seen_ < (incremental_ ? 3u : 2u);
  }

 private:
  std::uint16_t type_ = 0;
  std::uint32_t serial_ = 0;        // of the version that is transferred
  std::uint32_t current_seen_ = 0;  // SOA records of that version
  std::uint8_t records_ = 0;        // 2: or more
  bool valid_ = false, second_ = false, incremental_ = false;
};

}  // namespace weir
