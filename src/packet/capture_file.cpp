#include "packet/capture_file.h"

#include <fmt/format.h>

#include <utility>

namespace weir {

std::string damage(const char* what, std::uint64_t offset) {
  return fmt::format("{} at byte {}; the file is damaged from there on", what, offset);
}

std::string cut_off(const char* what, std::uint64_t offset, std::uint64_t needed,
                    std::uint64_t present) {
  return fmt::format("{} at byte {} is cut off: {} of {} bytes are there", what, offset, present,
                     needed);
}

CaptureFile::CaptureFile(std::string path, std::unique_ptr<ByteSource> source)
    : path_(std::move(path)), source_(std::move(source)) {}

Result<std::unique_ptr<CaptureFile>> CaptureFile::open(const std::string& path, int stop_fd) {
  const std::string shown = path == "-" ? "standard input" : path;
  auto source = ByteSource::open(path, stop_fd);
  if (!source) {
    const Error& cause = source.error();  // of a system call, the code says it all
    std::string context = "read " + shown;
    if (!cause.code) context += ": " + cause.context;
    return tl::unexpected<Error>(Error{std::move(context), cause.code});
  }
  std::unique_ptr<CaptureFile> file(new CaptureFile(shown, std::move(*source)));
  ByteSource& bytes = *file->source_;
  const Bytes head = bytes.peek(Pcap::kMagicBytes);
  std::string problem;
  if (bytes.stopped()) {
    file->ended_ = ReadResult::kEnd;
  } else if (Pcap::recognises(head)) {
    if (!file->format_.emplace<Pcap>().begin(bytes, problem)) {
      file->end(ReadResult::kError, std::move(problem));
      return tl::unexpected<Error>(file->error_);
    }
  } else if (Pcapng::recognises(head)) {
    file->format_.emplace<Pcapng>();
  } else if (bytes.failed()) {
    file->end(ReadResult::kError, {});
    return tl::unexpected<Error>(file->error_);
  } else if (head.empty()) {
    return failure(fmt::format("read {}: it is empty", shown));
  } else {
    return failure(fmt::format("read {}: neither pcap nor pcapng: it begins with {:02x}", shown,
                               fmt::join(head, " ")));
  }
  return file;
}

ReadResult CaptureFile::next(Frame& frame) noexcept {
  if (ended_ != ReadResult::kFrame) return ended_;
  ReadResult result;
  if (auto* pcap = std::get_if<Pcap>(&format_)) {
    result = pcap->next(*source_, frame, problem_);
  } else {
    result = std::get<Pcapng>(format_).next(*source_, frame, problem_);
  }
  if (result == ReadResult::kFrame) [[likely]] {
    return result;
  }
  return end(result, std::move(problem_));
}

// What the source says of its own failure explains more than the record it cut.
ReadResult CaptureFile::end(ReadResult result, std::string problem) {
  if (source_->stopped()) {
    ended_ = ReadResult::kEnd;
  } else if (source_->failed()) {
    const Error& cause = source_->error();
    error_ = Error{fmt::format("read {}: at byte {}: {}", path_, source_->offset(), cause.context),
                   cause.code};
    ended_ = ReadResult::kError;
  } else {
    if (result == ReadResult::kError)
      error_ = Error{fmt::format("read {}: {}", path_, problem), {}};
    ended_ = result;
  }
  return ended_;
}

}  // namespace weir
