// A ring buffer map's events, from a program made here. Needs CAP_BPF.
#include "kernel/ring_buffer.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <poll.h>

#include <cstring>
#include <vector>

#include "live/made_programs.h"

namespace weir {
namespace {

// bpf_ringbuf_output(&map, &len, 8, flags), with the packet's length as the event.
Fd load_writer(int map_fd, std::int32_t flags) {
  const bpf_insn code[] = {
      instruction(BPF_LDX | BPF_W | BPF_MEM, 2, 1, 0, 0),
      instruction(BPF_STX | BPF_DW | BPF_MEM, 10, 2, -8, 0),
      instruction(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
      instruction(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8),
      instruction(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
      instruction(0, 0, 0, 0, 0),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 8),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, flags),
      instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ringbuf_output),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  return Fd(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "writer", "GPL", code,
                          sizeof code / sizeof *code, nullptr));
}

void write_event(const Fd& writer, std::size_t length) {
  std::vector<std::uint8_t> frame(length);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
              .data_size_in = static_cast<std::uint32_t>(length));
  ASSERT_EQ(bpf_prog_test_run_opts(writer.get(), &options), 0);
}

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, 200) == 1;
}

TEST(RingBufferTest, EventsComeInOrderAndWakeTheReader) {
  const Fd map(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, 4096, nullptr));
  if (!map.valid()) GTEST_SKIP() << "SKIPPED: needs CAP_BPF";
  std::vector<std::uint64_t> events;
  auto ring = RingBuffer::open(map.get(), [&](Bytes bytes) {
    std::uint64_t event = 0;
    ASSERT_EQ(bytes.size(), sizeof event);
    std::memcpy(&event, bytes.data(), sizeof event);
    events.push_back(event);
  });
  ASSERT_TRUE(ring) << ring.error().text();
  const Fd writer = load_writer(map.get(), 0), silent = load_writer(map.get(), BPF_RB_NO_WAKEUP);
  ASSERT_TRUE(writer.valid() && silent.valid());
  EXPECT_EQ(ring->consume(), 0U);
  write_event(silent, 60);
  EXPECT_FALSE(readable(ring->fd()));
  EXPECT_EQ(ring->consume(), 1U);
  write_event(writer, 61);
  EXPECT_TRUE(readable(ring->fd()));
  write_event(writer, 62);
  EXPECT_EQ(ring->consume(), 2U);
  EXPECT_EQ(events, (std::vector<std::uint64_t>{60, 61, 62}));
  // More than it holds: the program is told, the reader goes on.
  for (int i = 0; i < 400; ++i) write_event(silent, 64);
  const std::uint64_t held = ring->consume();
  EXPECT_GT(held, 100U);
  EXPECT_LT(held, 400U);
  write_event(writer, 99);
  EXPECT_EQ(ring->consume(), 1U);
  EXPECT_EQ(events.back(), 99U);
}

TEST(RingBufferTest, AnythingElseIsAnError) {
  EXPECT_FALSE(RingBuffer::open(0, [](Bytes) {}));
}

}  // namespace
}  // namespace weir
