// Text: -o text, one aligned line per round trip, for people.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "output/record_writer.h"

namespace weir {

// How all workers' lines look. The columns of addresses begin at the width of IPv4 and grow with
// the widest address met, together for all workers.
class TextStyle {
 public:
  static constexpr std::size_t kAskedColumns = 48;

  explicit TextStyle(bool colour = false, std::size_t asked_columns = kAskedColumns)
      : colour_(colour), asked_columns_(asked_columns) {}

  // Colour on a terminal unless NO_COLOR is set; what was asked gets the room the terminal has.
  static std::shared_ptr<TextStyle> for_output(int fd);

  bool colour() const { return colour_; }
  std::size_t asked_columns() const { return asked_columns_; }
  // The width to pad to, `needed` included.
  std::size_t endpoint_columns(std::size_t needed);
  // The line that names the columns, with its line end.
  std::string header() const;

 private:
  static constexpr std::size_t kEndpointColumns = 21;  // 255.255.255.255:65535

  bool colour_;
  std::size_t asked_columns_;
  std::atomic<std::size_t> endpoint_columns_{kEndpointColumns};
};

class Text final : public RecordWriter {
 public:
  Text(RecordQueue::Lines lines, std::shared_ptr<TextStyle> style);

 protected:
  void render(std::string& out, const RoundTrip& trip) override;

 private:
  void append_time(std::string& out, Nanos time);
  void append_endpoints(std::string& out, const RoundTrip& trip);

  std::shared_ptr<TextStyle> style_;
  std::string client_, server_;  // scratch
  std::int64_t second_ = -1;     // which clock_ shows
  std::string clock_;            // HH:MM:SS
};

}  // namespace weir
