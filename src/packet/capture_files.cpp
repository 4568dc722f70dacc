#include "packet/capture_files.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

std::size_t common_prefix(const std::string& a, const std::string& b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

}  // namespace

Result<CaptureFiles> CaptureFiles::open(const std::vector<std::string>& paths, int stop_fd) {
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    return failure("read standard input: it can be given once only");
  }
  CaptureFiles files;
  for (const auto& path : paths) {
    auto file = CaptureFile::open(path, stop_fd);
    if (!file) return tl::unexpected<Error>(file.error());
    files.entries_.emplace_back().file = std::move(*file);
  }
  return files;
}

inline std::uint32_t CaptureFiles::global_id(Numbers& numbers, std::uint32_t local) {
  while (numbers.ids.size() <= local) numbers.ids.push_back(next_id_++);
  return numbers.ids[local];
}

ReadResult CaptureFiles::next(Frame& frame) noexcept {
  if (taken_ && heap_.size() == 1) [[likely]] {  // nothing to put in order
    const Entry& only = entries_[heap_.front()];
    if (only.file->next(frame) == ReadResult::kFrame) [[likely]] {
      frame.interface_id = global_id(numbers_[only.numbers], frame.interface_id);
      return ReadResult::kFrame;
    }
  }
  if (!started_) {
    started_ = true;
    heap_.reserve(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) start(i);
  } else if (taken_) {
    taken_ = false;
    Entry& top = entries_[heap_.front()];
    if (top.file->next(top.head) == ReadResult::kFrame) [[likely]] {
      sift_down();
    } else {
      const std::size_t index = heap_.front();
      heap_.front() = heap_.back();
      heap_.pop_back();
      sift_down();
      finish(index);
    }
  }
  if (heap_.empty()) return error_.context.empty() ? ReadResult::kEnd : ReadResult::kError;
  Entry& top = entries_[heap_.front()];
  if (!top.begun) {
    top.begun = true;
    top.numbers = take_numbers(top.file->path());
  }
  frame = top.head;
  frame.interface_id = global_id(numbers_[top.numbers], top.head.interface_id);
  taken_ = true;
  return ReadResult::kFrame;
}

// Reads the first frame of a file and enters it into the heap.
void CaptureFiles::start(std::size_t index) {
  if (entries_[index].file->next(entries_[index].head) != ReadResult::kFrame) return finish(index);
  heap_.push_back(index);
  std::push_heap(heap_.begin(), heap_.end(),
                 [this](std::size_t a, std::size_t b) { return earlier(b, a); });
}

void CaptureFiles::finish(std::size_t index) {
  Entry& entry = entries_[index];
  if (entry.begun) numbers_[entry.numbers].free = true;
  const std::unique_ptr<CaptureFile> file = std::move(entry.file);
  const Error& error = file->error();
  if (error.context.empty()) return;
  if (error_.context.empty()) {
    error_ = error;
  } else {
    error_.context = error_.text() + "; " + error.text();
    error_.code = {};
  }
}

bool CaptureFiles::earlier(std::size_t a, std::size_t b) const {
  return std::pair(entries_[a].head.time, a) < std::pair(entries_[b].head.time, b);
}

// The top's head has changed: one pass restores the order.
void CaptureFiles::sift_down() {
  std::size_t hole = 0;
  for (;;) {
    std::size_t child = 2 * hole + 1;
    if (child >= heap_.size()) return;
    if (child + 1 < heap_.size() && earlier(heap_[child + 1], heap_[child])) ++child;
    if (earlier(heap_[hole], heap_[child])) return;
    std::swap(heap_[hole], heap_[child]);
    hole = child;
  }
}

std::size_t CaptureFiles::take_numbers(const std::string& path) {
  std::size_t best = numbers_.size();
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    if (!numbers_[i].free) continue;
    if (best == numbers_.size() ||
        common_prefix(numbers_[i].path, path) > common_prefix(numbers_[best].path, path)) {
      best = i;
    }
  }
  if (best == numbers_.size()) numbers_.emplace_back();
  numbers_[best].path = path;
  numbers_[best].free = false;
  return best;
}

std::uint64_t CaptureFiles::mapped_bytes() const {
  std::uint64_t total = 0;
  for (const auto& entry : entries_) {
    if (entry.file != nullptr) total += entry.file->mapped_bytes();
  }
  return total;
}

}  // namespace weir
