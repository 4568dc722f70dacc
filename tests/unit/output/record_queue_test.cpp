#include "output/record_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <fstream>
#include <sstream>

#include "base/fd.h"

namespace weir {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience(5000);

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
  std::string drain() {
    write.reset();
    std::string text;
    char buffer[65536];
    for (ssize_t n; (n = ::read(read.get(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }
  Fd read, write;
};

LedgerTotals totals_of(const RecordQueue& queue) {
  LedgerTotals totals;
  queue.add_to(totals);
  return totals;
}

void add(RecordQueue::Lines& lines, std::string_view text, Nanos completed) {
  lines.text() += text;
  lines.text() += '\n';
  lines.end_line(completed);
}

TEST(RecordQueue, WritesLinesInOrderAndCounts) {
  Pipe pipe;
  RecordQueue queue({.fd = pipe.write.get(), .header = "HEAD\n"});
  auto lines = queue.lines();
  add(lines, "one", 1);
  add(lines, "two", 2);
  lines.flush();
  lines.flush();
  add(lines, "three", 3);
  lines.flush();
  EXPECT_TRUE(queue.finish(kPatience));
  EXPECT_EQ(pipe.drain(), "HEAD\none\ntwo\nthree\n");
  const LedgerTotals totals = totals_of(queue);
  EXPECT_EQ(totals.get(Count::kQueueSeen), 3u);
  EXPECT_EQ(totals.get(Count::kQueueDelivered), 3u);
  EXPECT_EQ(totals.unaccounted(Stage::kQueue), 0);
}

TEST(RecordQueue, WritesWithoutBeingAskedTwice) {
  Pipe pipe;
  RecordQueue queue({.fd = pipe.write.get()});
  auto lines = queue.lines();
  add(lines, "now", 1);
  lines.flush();
  char buffer[16];
  EXPECT_EQ(::read(pipe.read.get(), buffer, sizeof buffer), 4);
}

TEST(RecordQueue, MergesWorkersByCompletion) {
  Pipe pipe;
  RecordQueue queue({.fd = pipe.write.get()});
  auto a = queue.lines();
  auto b = queue.lines();
  add(a, "a10", 10);
  add(a, "a30", 30);
  add(a, "a20 later than 30", 20);  // a worker's own order stands
  add(b, "b5", 5);
  add(b, "b10", 10);
  add(b, "b40", 40);
  b.flush();
  a.flush();
  EXPECT_TRUE(queue.finish(kPatience));
  EXPECT_EQ(pipe.drain(), "b5\na10\nb10\na30\na20 later than 30\nb40\n");
}

TEST(RecordQueue, ManyWorkersNeverInterleave) {
  Pipe pipe;
  std::string text;
  std::thread reader;
  {
    RecordQueue queue({.fd = pipe.write.get(), .wait_when_full = true});
    reader = std::thread([&] {
      char buffer[65536];
      for (ssize_t n; (n = ::read(pipe.read.get(), buffer, sizeof buffer)) > 0;) {
        text.append(buffer, static_cast<std::size_t>(n));
      }
    });
    std::vector<std::thread> workers;
    for (int w = 0; w < 3; ++w) {
      workers.emplace_back([&queue, w] {
        auto lines = queue.lines();
        for (unsigned i = 0; i < 5000; ++i) {
          add(lines, std::string(20 + i % 50, static_cast<char>('a' + w)), i);
        }
        lines.flush();
      });
    }
    for (auto& worker : workers) worker.join();
    EXPECT_TRUE(queue.finish(kPatience));
    EXPECT_EQ(totals_of(queue).get(Count::kQueueDelivered), 15'000u);
  }
  pipe.write.reset();
  reader.join();
  std::istringstream stream(text);
  int count = 0;
  for (std::string line; std::getline(stream, line); ++count) {
    EXPECT_EQ(line.find_first_not_of(line[0]), std::string::npos) << line;
  }
  EXPECT_EQ(count, 15'000);
}

TEST(RecordQueue, ABlockedReaderCostsRecordsNotMemory) {
  Pipe pipe;
  RecordQueue queue({.fd = pipe.write.get(), .capacity_bytes = 200'000});
  auto lines = queue.lines();
  for (int i = 0; i < 20'000; ++i) add(lines, std::string(99, 'x'), i);
  lines.flush();
  const LedgerTotals before = totals_of(queue);
  EXPECT_EQ(before.get(Count::kQueueSeen), 20'000u);
  EXPECT_GT(before.get(Count::kQueueLostOverflow), 10'000u);
  EXPECT_EQ(before.unaccounted(Stage::kQueue), 0);

  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(queue.finish(milliseconds(50)));  // nobody reads: it gives up
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1000));
  const LedgerTotals after = totals_of(queue);
  EXPECT_EQ(after.unaccounted(Stage::kQueue), 0);
  EXPECT_EQ(after.still_pending(Stage::kQueue), 0u);
  EXPECT_GT(after.get(Count::kQueueLostClosed), 0u);
  // What the pipe holds are the lines that were counted, none of them cut.
  EXPECT_EQ(pipe.drain().size(), 100 * after.get(Count::kQueueDelivered));
}

TEST(RecordQueue, WaitingLosesNothing) {
  Pipe pipe;
  RecordQueue queue({.fd = pipe.write.get(), .capacity_bytes = 100'000, .wait_when_full = true});
  std::size_t read_bytes = 0;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t n;
         read_bytes < 2'000'000 && (n = ::read(pipe.read.get(), buffer, sizeof buffer)) > 0;) {
      read_bytes += static_cast<std::size_t>(n);
    }
  });
  auto lines = queue.lines();
  for (int i = 0; i < 20'000; ++i) add(lines, std::string(99, 'x'), i);
  lines.flush();
  EXPECT_TRUE(queue.finish(milliseconds::max()));
  reader.join();
  EXPECT_EQ(read_bytes, 2'000'000u);
  EXPECT_EQ(totals_of(queue).get(Count::kQueueDelivered), 20'000u);
}

TEST(RecordQueue, AClosedPipeStopsCleanly) {
  Pipe pipe;
  RecordQueue queue({.fd = pipe.write.get(), .wait_when_full = true});
  auto lines = queue.lines();
  pipe.read.reset();
  for (int i = 0; i < 2000; ++i) {
    add(lines, "line", i);
    lines.flush();
  }
  EXPECT_TRUE(queue.finish(kPatience));  // no error
  EXPECT_TRUE(queue.stopped());
  const LedgerTotals totals = totals_of(queue);
  EXPECT_EQ(totals.get(Count::kQueueLostClosed), 2000u);
  EXPECT_EQ(totals.unaccounted(Stage::kQueue), 0);
}

TEST(RecordQueue, NoticesAClosedPipeWithoutWriting) {
  Pipe pipe;
  RecordQueue queue({.fd = pipe.write.get()});
  pipe.read.reset();
  for (int i = 0; i < 40 && !queue.stopped(); ++i) std::this_thread::sleep_for(milliseconds(50));
  EXPECT_TRUE(queue.stopped());
}

TEST(RecordQueue, AFullDiskIsAnError) {
  const Fd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  if (!full.valid()) GTEST_SKIP() << "no /dev/full";
  RecordQueue queue({.fd = full.get()});
  auto lines = queue.lines();
  add(lines, "line", 1);
  lines.flush();
  const auto finished = queue.finish(kPatience);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, std::errc::no_space_on_device);
  EXPECT_TRUE(queue.stopped());
  EXPECT_EQ(totals_of(queue).get(Count::kQueueLostClosed), 1u);
}

}  // namespace
}  // namespace weir
