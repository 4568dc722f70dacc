// Attaching to interfaces beside programs of others, in a network namespace of its own. Needs root.
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <optional>

#include "kernel/clsact.h"
#include "kernel/tc_attachment.h"
#include "kernel/traffic_program.h"
#include "kernel/xdp_attachment.h"
#include "live/made_programs.h"
#include "live/own_namespace.h"

namespace weir {
namespace {

constexpr std::int32_t kGoOn = -1, kAccept = 0, kDrop = 2;
constexpr std::uint32_t kLoopback = 1;

// One datagram from this host to itself: a frame out of lo, and one in.
void send_over_loopback() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(9);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

// Someone else's program on lo's ingress: by TCX behind or in front of all others, by clsact with
// the priority that tc chooses or the very first handle.
class Theirs {
 public:
  Theirs(int fd, TcMode mode, bool in_front) {
    if (mode == TcMode::kTcx) {
      LIBBPF_OPTS(bpf_link_create_opts, options, .flags = in_front ? 1U << 3 : 0);
      link_ = Fd(bpf_link_create(fd, kLoopback, static_cast<bpf_attach_type>(46), &options));
      EXPECT_TRUE(link_.valid());
      return;
    }
    bpf_tc_hook_create(&hook_);
    options_.prog_fd = fd;
    options_.handle = in_front ? 1 : 0;
    options_.priority = in_front ? 1 : 0;
    EXPECT_EQ(bpf_tc_attach(&hook_, &options_), 0);
  }
  ~Theirs() {
    if (link_.valid()) return;
    options_.prog_fd = 0;
    options_.prog_id = 0;
    options_.flags = 0;
    EXPECT_EQ(bpf_tc_detach(&hook_, &options_), 0);
  }

 private:
  Fd link_;
  bpf_tc_hook hook_{
      .sz = sizeof(bpf_tc_hook), .ifindex = kLoopback, .attach_point = BPF_TC_INGRESS, .parent = 0};
  bpf_tc_opts options_{.sz = sizeof(bpf_tc_opts),
                       .prog_fd = 0,
                       .flags = 0,
                       .prog_id = 0,
                       .handle = 0,
                       .priority = 0};
};

class AttachmentTest : public testing::TestWithParam<TcMode> {
 protected:
  static void SetUpTestSuite() { ready_ = enter_own_namespace(); }

  void SetUp() override {
    if (!ready_) GTEST_SKIP() << "SKIPPED: needs root, for a network namespace";
    (void)!std::system("tc qdisc del dev lo clsact 2>/dev/null");
    auto loaded = TrafficProgram::load(2);
    ASSERT_TRUE(loaded) << loaded.error().text();
    program_ = std::move(*loaded);
    if (GetParam() == TcMode::kTcx && !has_tcx(program_->fd(TRAFFIC_INGRESS)).value()) {
      GTEST_SKIP() << "SKIPPED: this kernel has no TCX";
    }
    auto owner = ClsactOwner::claim();
    ASSERT_TRUE(owner) << owner.error().text();
    owner_.emplace(std::move(*owner));
    ASSERT_TRUE(program_->add(kLoopback));
  }

  TcAttachment attach(traffic_direction direction) {
    auto attached =
        TcAttachment::attach(program_->fd(direction), kLoopback, direction, GetParam(), &*owner_);
    EXPECT_TRUE(attached) << attached.error().text();
    return std::move(*attached);
  }
  std::uint64_t counted(traffic_direction direction) {
    return program_->read(kLoopback, direction).frames;
  }
  static bool qdisc_there() { return std::system("tc qdisc show dev lo | grep -q clsact") == 0; }

  static bool ready_;
  std::unique_ptr<TrafficProgram> program_;
  std::optional<ClsactOwner> owner_;
};
bool AttachmentTest::ready_ = false;

TEST_P(AttachmentTest, CountsFromAttachmentToItsEnd) {
  {
    const TcAttachment in = attach(TRAFFIC_INGRESS), out = attach(TRAFFIC_EGRESS);
    send_over_loopback();
  }
  EXPECT_GE(counted(TRAFFIC_INGRESS), 1U);  // and the refusal that comes back
  EXPECT_EQ(counted(TRAFFIC_INGRESS), counted(TRAFFIC_EGRESS));
  const std::uint64_t before = counted(TRAFFIC_INGRESS);
  send_over_loopback();
  EXPECT_EQ(counted(TRAFFIC_INGRESS), before);
  EXPECT_FALSE(qdisc_there());
}

// Behind ours theirs may return what they like; in front of it they have to let packets go on.
TEST_P(AttachmentTest, ProgramsOfOthersRunAsTheyDid) {
  for (const auto& [in_front, returns] :
       {std::pair(false, kGoOn), {false, kAccept}, {false, kDrop}, {true, kGoOn}}) {
    const MadeProgram theirs(BPF_PROG_TYPE_SCHED_CLS, returns);
    std::optional<TcAttachment> ours;
    if (in_front) ours.emplace(attach(TRAFFIC_INGRESS));
    const Theirs attached(theirs.fd(), GetParam(), in_front);
    if (!in_front) ours.emplace(attach(TRAFFIC_INGRESS));
    const std::uint64_t before = counted(TRAFFIC_INGRESS);
    send_over_loopback();
    EXPECT_GE(theirs.runs(), 1U) << in_front << returns;
    EXPECT_GE(counted(TRAFFIC_INGRESS), before + 1) << in_front << returns;
  }
}

// tc chooses its priority; the qdisc is somebody else's, too.
TEST_P(AttachmentTest, AFilterOfTcStays) {
  ASSERT_EQ(
      std::system("tc qdisc add dev lo clsact && tc filter add dev lo ingress bpf bytecode "
                  "'1,6 0 0 0' && tc filter add dev lo egress prio 1 bpf bytecode '1,6 0 0 0'"),
      0);
  {
    const TcAttachment in = attach(TRAFFIC_INGRESS), out = attach(TRAFFIC_EGRESS);
    send_over_loopback();
    EXPECT_GE(counted(TRAFFIC_INGRESS), 1U);
    EXPECT_GE(counted(TRAFFIC_EGRESS), 1U);
  }
  for (const std::string direction : {"ingress", "egress"}) {
    const std::string show = "tc filter show dev lo " + direction;
    EXPECT_EQ(std::system((show + " | grep -q bytecode").c_str()), 0);
    EXPECT_NE(std::system((show + " | grep -q weir_").c_str()), 0);
  }
}

// The child attaches and is killed: with links nothing is left, with clsact the next one clears it.
TEST_P(AttachmentTest, AKilledProcessLeavesNothingForLong) {
  int said[2];
  ASSERT_EQ(pipe(said), 0);
  const pid_t child = fork();
  if (child == 0) {
    owner_ = ClsactOwner::claim().value();  // its own
    const TcAttachment in = attach(TRAFFIC_INGRESS), out = attach(TRAFFIC_EGRESS);
    (void)!write(said[1], "x", 1);
    pause();
  }
  char byte;
  ASSERT_EQ(read(said[0], &byte, 1), 1);
  EXPECT_TRUE(clsact_leftovers(kLoopback).value().empty()) << "its owner lives";
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const std::uint64_t before = counted(TRAFFIC_INGRESS);
  send_over_loopback();
  const bool counts_on = counted(TRAFFIC_INGRESS) > before;
  const auto left = clsact_leftovers(kLoopback).value();
  if (GetParam() == TcMode::kTcx) {
    EXPECT_FALSE(counts_on);
    EXPECT_TRUE(left.empty());
    return;
  }
  EXPECT_TRUE(counts_on);
  ASSERT_EQ(left.size(), 2U);
  for (const ClsactLeftover& one : left) EXPECT_TRUE(remove_clsact_leftover(one));
  EXPECT_FALSE(qdisc_there());
}

INSTANTIATE_TEST_SUITE_P(Modes, AttachmentTest, testing::Values(TcMode::kTcx, TcMode::kClsact),
                         [](const auto& mode) {
                           return mode.param == TcMode::kTcx ? "Tcx" : "Clsact";
                         });

class XdpAttachmentTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ready_ = enter_own_namespace(); }
  void SetUp() override {
    if (!ready_) GTEST_SKIP() << "SKIPPED: needs root, for a network namespace";
  }
  static bool ready_;
  MadeProgram pass_{BPF_PROG_TYPE_XDP, 2 /* XDP_PASS */, BPF_F_XDP_HAS_FRAGS};
};
bool XdpAttachmentTest::ready_ = false;

TEST_F(XdpAttachmentTest, InTheDriverWhereItCan) {
  const auto attached = XdpAttachment::attach(pass_.fd(), index_of("va"), "va", XdpMode::kBest);
  ASSERT_TRUE(attached) << attached.error().text();
  EXPECT_EQ(attached->mode(), XdpMode::kNative);
}

TEST_F(XdpAttachmentTest, GenericWhereTheDriverHasNone) {
  EXPECT_FALSE(XdpAttachment::attach(pass_.fd(), kLoopback, "lo", XdpMode::kNative));
  const auto attached = XdpAttachment::attach(pass_.fd(), kLoopback, "lo", XdpMode::kBest);
  ASSERT_TRUE(attached) << attached.error().text();
  EXPECT_EQ(attached->mode(), XdpMode::kGeneric);
  send_over_loopback();
  EXPECT_GE(pass_.runs(), 1U);
}

TEST_F(XdpAttachmentTest, EndsWithItsOwner) {
  for (int i = 0; i < 2; ++i) {
    const auto attached = XdpAttachment::attach(pass_.fd(), kLoopback, "lo", XdpMode::kGeneric);
    EXPECT_TRUE(attached) << attached.error().text();
  }
}

TEST_F(XdpAttachmentTest, SomeoneElsesIsNamed) {
  const MadeProgram theirs(BPF_PROG_TYPE_XDP, 2, BPF_F_XDP_HAS_FRAGS);
  const auto first = XdpAttachment::attach(theirs.fd(), index_of("vb"), "vb", XdpMode::kBest);
  ASSERT_TRUE(first) << first.error().text();
  const auto second = XdpAttachment::attach(pass_.fd(), index_of("vb"), "vb", XdpMode::kBest);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().text().find("vb"), std::string::npos);
  EXPECT_NE(second.error().text().find("another XDP program"), std::string::npos);
}

}  // namespace
}  // namespace weir
