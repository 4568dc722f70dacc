// CaptureFile: the frames of one pcap or pcapng file, plain or gzip-compressed, or of standard
// input. The same data gives the same frames and the same end whichever way it comes. One thread.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "base/result.h"
#include "packet/byte_source.h"
#include "packet/capture_format.h"
#include "packet/pcap.h"
#include "packet/pcapng.h"

namespace weir {

class CaptureFile {
 public:
  // `path` "-" is standard input; this waits for the first bytes of a pipe. A read that waits ends
  // as kEnd once `stop_fd` (not owned) becomes readable; -1 = never.
  static Result<std::unique_ptr<CaptureFile>> open(const std::string& path, int stop_fd = -1);

  // kFrame fills `frame`; its views are valid until the next call. Everything before a damaged or
  // cut record is delivered, then kError; after kEnd and kError come only these again.
  // Frame.interface_id counts from 0 in each file.
  ReadResult next(Frame& frame) noexcept;
  // After kError: names the file and the place.
  const Error& error() const { return error_; }

  const std::string& path() const { return path_; }
  // Mapped into memory (a plain file); counts as resident memory while it is read.
  std::uint64_t mapped_bytes() const { return source_->mapped_bytes(); }

 private:
  CaptureFile(std::string path, std::unique_ptr<ByteSource> source);
  ReadResult end(ReadResult result, std::string problem);

  std::string path_;  // as shown in messages
  std::unique_ptr<ByteSource> source_;
  std::variant<Pcap, Pcapng> format_;
  std::string problem_;                    // of the frame that could not be read
  ReadResult ended_ = ReadResult::kFrame;  // kFrame = not yet
  Error error_;
};

}  // namespace weir
