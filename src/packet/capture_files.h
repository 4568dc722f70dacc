// CaptureFiles: several capture files as one, merged by packet time (ties: in the order given). One
// thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "packet/capture_file.h"

namespace weir {

class CaptureFiles {
 public:
  // Fails with the first file that cannot be opened. "-" may appear once. `stop_fd` as CaptureFile.
  static Result<CaptureFiles> open(const std::vector<std::string>& paths, int stop_fd = -1);

  // As CaptureFile::next(). A damaged file ends early, the others are read on, and kError comes at
  // the very end, when error() names every file that was damaged.
  //
  // Frame.interface_id is one number per (file, interface): packets seen by two captures at one
  // time are two sightings. A file that begins after another has ended continues it (a rotated
  // capture) and takes over its numbers; of several that have ended, the one most alike by name.
  ReadResult next(Frame& frame) noexcept;
  const Error& error() const { return error_; }

  std::uint64_t mapped_bytes() const;

 private:
  // The interface numbers of one file, and then of the one that continues it.
  struct Numbers {
    std::vector<std::uint32_t> ids;  // by the file's own number
    std::string path;                // who had them last
    bool free = false;
  };
  struct Entry {
    std::unique_ptr<CaptureFile> file;  // null once it has ended
    Frame head;                         // its next frame
    std::size_t numbers = 0;            // index, once begun
    bool begun = false;
  };

  void start(std::size_t index);
  void finish(std::size_t index);
  void sift_down();
  bool earlier(std::size_t a, std::size_t b) const;
  std::size_t take_numbers(const std::string& path);
  std::uint32_t global_id(Numbers& numbers, std::uint32_t local);

  std::vector<Entry> entries_;
  std::vector<std::size_t> heap_;  // of entries with a head, the earliest first
  std::vector<Numbers> numbers_;
  std::uint32_t next_id_ = 0;
  bool started_ = false;
  bool taken_ = false;  // the top's head was handed out
  Error error_;
};

}  // namespace weir
