#include "kernel/containers.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <fstream>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace weir {
namespace {

constexpr std::size_t kMostEntries = 8192;
// How long an answer holds that another process, or another moment, may change.
constexpr Nanos kHolds = 30 * kSecond;
// The root of the hierarchy: there, or where control groups are not unified.
constexpr std::uint64_t kRootCgroup = 1;
constexpr std::uint64_t kOfProcess = std::uint64_t{1} << 63;
constexpr int kKernfsHandle = 0xfe;  // FILEID_KERNFS: the handle is the identifier

struct KernfsHandle {
  unsigned int bytes;
  int type;
  std::uint64_t id;
};

}  // namespace

// The thread, and what it is asked and answers.
class Containers::Lookup {
 public:
  explicit Lookup(std::string root) : root_(std::move(root)) {
    for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      const std::string path = root_ + mount;
      if (::access((path + "/cgroup.controllers").c_str(), F_OK) != 0) continue;
      hierarchy_ = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Lookup() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void ask(const Question& question) {
    {
      const std::lock_guard lock(mutex_);
      questions_.push_back(question);
    }
    wake_.notify_one();
  }
  std::vector<std::pair<std::uint64_t, Container>> take_answers() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
  }

 private:
  void run();
  Container look_up(const Question& question) const;
  std::optional<std::string> path_of(std::uint64_t cgroup) const;
  Container of_process(std::uint32_t pid) const;

  const std::string root_;
  Fd hierarchy_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::vector<Question> questions_;
  std::vector<std::pair<std::uint64_t, Container>> answers_;
  std::thread thread_;
};

void Containers::Lookup::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !questions_.empty(); });
    if (stop_) return;
    const std::vector<Question> questions = std::exchange(questions_, {});
    for (const Question& question : questions) {
      lock.unlock();
      Container found = look_up(question);
      lock.lock();
      answers_.emplace_back(question.key, std::move(found));
      if (stop_) return;
    }
  }
}

// By the identifier, which never means another; by the process where that cannot be.
Container Containers::Lookup::look_up(const Question& question) const {
  if (question.cgroup > kRootCgroup) {
    if (const auto path = path_of(question.cgroup)) return container_of_cgroup(*path);
  }
  return question.pid != 0 ? of_process(question.pid) : Container{};
}

std::optional<std::string> Containers::Lookup::path_of(std::uint64_t cgroup) const {
  if (!hierarchy_.valid()) return std::nullopt;
  KernfsHandle handle{sizeof handle.id, kKernfsHandle, cgroup};
  const Fd group(::open_by_handle_at(
      hierarchy_.get(), reinterpret_cast<struct file_handle*>(&handle), O_PATH | O_CLOEXEC));
  if (!group.valid()) return std::nullopt;
  std::array<char, 4096> path;
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(group.get())).c_str(),
                                  path.data(), path.size());
  if (size <= 0) return std::nullopt;
  return std::string(path.data(), static_cast<std::size_t>(size));
}

// Lines are `hierarchy:controllers:path`; a container has a group in several, and others may say
// nothing.
Container Containers::Lookup::of_process(std::uint32_t pid) const {
  std::ifstream file(root_ + "/proc/" + std::to_string(pid) + "/cgroup");
  Container best;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    Container container = container_of_cgroup(std::string_view(line).substr(second + 1));
    if (!container.id.empty()) return container;
    if (best.empty()) best = std::move(container);
  }
  return best;
}

Containers::Containers(std::string root) : lookup_(std::make_unique<Lookup>(std::move(root))) {}
Containers::~Containers() = default;

Containers::Answer Containers::find(std::uint64_t cgroup, std::uint32_t pid) {
  if (cgroup <= kRootCgroup && pid == 0) return {.known = true};
  if (asked_ > 0) {
    for (auto& [key, container] : lookup_->take_answers()) {
      --asked_;
      const bool for_good = (key & kOfProcess) == 0 && !container.empty();
      entries_[key] = {true, false, for_good ? 0 : monotonic_now() + kHolds, std::move(container)};
    }
  }
  if (entries_.size() >= kMostEntries) entries_.clear();
  const std::uint64_t key = cgroup > kRootCgroup ? cgroup : kOfProcess | pid;
  Entry& entry = entries_[key];
  const bool holds = entry.known && (entry.until == 0 || monotonic_now() < entry.until);
  if (!holds && !entry.asked) {
    entry.asked = true;
    ++asked_;
    lookup_->ask({key, cgroup, pid});
  }
  return {.known = entry.known, .container = entry.container.empty() ? nullptr : &entry.container};
}

}  // namespace weir
