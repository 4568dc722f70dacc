// flow_cost [ROUNDS]: what counting a packet's flow costs, by the kernel's test run: weir's
// program, the parsers alone and tables of other kinds, in turns, behind one program that makes the
// packets; and what reading the flows costs. Verifies the counts. Needs root; takes one processor.
#include <linux/bpf.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flow_cycle.h"
#include "flow_designs.h"
#include "kernel/flow_program.h"
#include "live/made_programs.h"

namespace {

using weir::FlowDesigns;
using weir::FlowOrder;
using weir::FlowProgram;

constexpr std::uint32_t kBits = 17;
constexpr std::uint32_t kFlows = 1 << kBits;
constexpr std::uint32_t kEntries = 2 * kFlows;  // of each table, as weir's has
constexpr std::uint32_t kCycleFlows = 100'000;

// Hashes put a new flow's memory behind that of the one before. What is visited in the order in
// which it was put in lies in sequence then, which no traffic does: tables of their own.
enum TablesIndex { kRandom, kOrdered, kFull, kTables };

// Fewer flows leave weir's table in one of the short test runs than are told by a wake-up; in one
// of the late ones, three times as many.
struct Load {
  const char* name;
  FlowOrder order;
  std::uint32_t packets, at_a_time;
  TablesIndex tables;
};
enum LoadIndex { kOne, kThousand, kMany, kInTurns, kFlood, kLateFlood, kLoads };
constexpr Load kLoad[kLoads] = {
    {"1 flow", FlowOrder::one(), 1 << 20, 1 << 16, kRandom},
    {"1 k", FlowOrder::random(10), 1 << 20, 1 << 16, kRandom},
    {"128 k", FlowOrder::random(kBits), 1 << 19, 1 << 16, kRandom},
    {"128 k in turns", FlowOrder::in_turns(kBits), 1 << 19, 1 << 16, kOrdered},
    {"all new", FlowOrder::all_new(), 1 << 18, 1 << 13, kFull},
    {"all new, read late", FlowOrder::all_new(), 1 << 18, 1 << 15, kFull},
};

struct Tables {
  std::unique_ptr<FlowDesigns> designs;
  std::unique_ptr<FlowProgram> weir;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

// Of the ratios of each round.
double median_ratio(const std::vector<double>& over, const std::vector<double>& under) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(over.size(), under.size()); ++i) {
    ratios.push_back(over[i] / under[i]);
  }
  return median(ratios);
}

struct Row {
  const char* name;
  std::function<int(const Tables&)> program;
  // What its table holds; none: it has no table.
  std::function<void(const Tables&, const FlowDesigns::Counted&)> read = nullptr;
  bool is_weir = false;

  std::array<std::vector<double>, kLoads> times{};  // nanoseconds a packet, by round
  std::array<std::vector<double>, kLoads> timer{};  // the same by the kernel
  // Packets of each flow; of those that are all new, none.
  std::vector<std::uint64_t> sent = std::vector<std::uint64_t>(kFlows);
  std::vector<std::uint64_t> counted = std::vector<std::uint64_t>(kFlows);
  double whole = 0;  // of the flows, the share of which every packet was counted

  bool run(const std::array<Tables, kTables>& tables, LoadIndex index, bool keep);
  void check(const std::array<Tables, kTables>& tables);
};

bool Row::run(const std::array<Tables, kTables>& tables, LoadIndex index, bool keep) {
  const Load& load = kLoad[index];
  if ((load.tables == kFull && !read) || (index == kLateFlood && !is_weir)) return true;
  const Tables& own = tables[load.tables];
  FlowDesigns& source = *tables[0].designs;
  const bool checked = read && load.tables != kFull;
  if (checked) source.foresee(load.order, load.packets, sent);
  const auto time = source.run(program(own), load.order, load.packets, load.at_a_time, [&] {
    if (!is_weir) return;
    own.weir->take_leavers([&](const flow_leaver& leaver) {
      if (checked) counted[FlowDesigns::flow_of(leaver.slot.key)] += leaver.slot.packets;
    });
  });
  if (keep) {
    times[index].push_back(time.cpu_ns);
    timer[index].push_back(time.timer_ns);
  }
  return time.cpu_ns > 0;
}

void Row::check(const std::array<Tables, kTables>& tables) {
  if (!read) return;
  for (const TablesIndex index : {kRandom, kOrdered}) {
    read(tables[index], [&](const flow_key& key, std::uint64_t packets) {
      counted[FlowDesigns::flow_of(key)] += packets;
    });
  }
  std::size_t exact = 0;
  for (std::size_t flow = 0; flow < kFlows; ++flow) exact += sent[flow] == counted[flow];
  whole = static_cast<double>(exact) / kFlows;
}

// Prints goals and counts those that are missed.
class Goals {
 public:
  void hold(const char* name, double figure, double goal, bool at_most) {
    const bool met = at_most ? figure <= goal : figure >= goal;
    ++goals_;
    missed_ += met ? 0 : 1;
    std::printf("| %s | %.3f (%s %.2f)%s |\n", name, figure, at_most ? "≤" : "≥", goal,
                met ? "" : " MISSED");
  }
  void close(double others) const {
    std::printf(
        "%d of %d goals missed. Other programs kept %.2f of %ld processors busy meanwhile.\n",
        missed_, goals_, others, sysconf(_SC_NPROCESSORS_ONLN));
  }

 private:
  int goals_ = 0, missed_ = 0;
};

// What all processors have done so far, without this process, and the time: seconds.
struct Busy {
  double others = 0, wall = 0;

  static Busy now() {
    unsigned long long user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0;
    if (std::FILE* file = std::fopen("/proc/stat", "r")) {
      if (std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                      &waiting, &irq, &softirq) != 7) {
        idle = 0;
      }
      std::fclose(file);
    }
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    const double busy = static_cast<double>(user + nice + system + irq + softirq) / ticks;
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return {busy - seconds(own.ru_utime) - seconds(own.ru_stime),
            (busy + static_cast<double>(idle + waiting) / ticks) /
                static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN))};
  }
};

void stay_on_one_processor() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sched_getcpu(), &set);
  sched_setaffinity(0, sizeof set, &set);
}

// Everything that is measured.
struct Bench {
  std::array<Tables, kTables> tables;
  weir::EmptyProgram empty{BPF_PROG_TYPE_SCHED_CLS, -1};
  std::vector<Row> rows;

  static weir::Result<std::unique_ptr<Bench>> prepare();
};

enum RowIndex { kEmpty, kParseIpv4, kParse, kPercpuHash, kLruHash, kLinearProbing, kWeir };

Row table_row(const char* name, FlowDesigns::Kind kind) {
  return {.name = name,
          .program = [kind](const Tables& tables) { return tables.designs->program(kind); },
          .read = [kind](const Tables& tables,
                         const FlowDesigns::Counted& visit) { tables.designs->read(kind, visit); }};
}

void read_weir(const Tables& tables, const FlowDesigns::Counted& visit) {
  flow_slot slot;
  flow_more more;
  for (std::size_t index = 0; index < tables.weir->slot_count(); ++index) {
    if (tables.weir->read(index, slot, more)) visit(slot.key, slot.packets);
  }
}

weir::Result<std::unique_ptr<Bench>> Bench::prepare() {
  auto bench = std::make_unique<Bench>();
  for (Tables& tables : bench->tables) {
    auto designs = FlowDesigns::load(kEntries);
    if (!designs) return tl::unexpected(designs.error());
    tables.designs = std::move(*designs);
    auto program = FlowProgram::load({.flows_per_processor = kFlows});
    if (!program) return tl::unexpected(program.error());
    tables.weir = std::move(*program);
  }
  using Kind = FlowDesigns::Kind;
  const auto row = [](const char* name, auto program) {
    return Row{.name = name, .program = program};
  };
  bench->rows = {
      row("nothing", [fd = bench->empty.fd()](const Tables&) { return fd; }),
      row("parser for IPv4 alone", [](const Tables& t) { return t.designs->parse_ipv4(); }),
      row("weir's parser", [](const Tables& t) { return t.designs->parse_flow(); }),
      table_row("per-CPU hash", Kind::kPercpuHash),
      table_row("LRU hash", Kind::kLruHash),
      table_row("linear probing", Kind::kLinearProbing),
      {.name = "weir",
       .program = [](const Tables& t) { return t.weir->fd(TRAFFIC_INGRESS, false); },
       .read = read_weir,
       .is_weir = true}};
  return bench;
}

bool measure(Bench& bench, int rounds) {
  // Two rounds before those that count make the flows, and fill the tables that are to be full.
  for (int round = -2; round < rounds; ++round) {
    for (int load = 0; load < kLoads; ++load) {
      for (Row& row : bench.rows) {
        if (!row.run(bench.tables, static_cast<LoadIndex>(load), round >= 0)) return false;
      }
    }
  }
  return true;
}

void print_costs(const std::vector<Row>& rows) {
  std::printf("| nanoseconds a packet (kernel's timer) |");
  for (const Load& load : kLoad) std::printf(" %s |", load.name);
  std::printf(" flows counted |\n|---|%s---:|\n", "---:|---:|---:|---:|---:|---:|");
  for (const Row& row : rows) {
    std::printf("| %s |", row.name);
    for (int load = 0; load < kLoads; ++load) {
      if (row.times[load].empty()) {
        std::printf(" - |");
      } else {
        std::printf(" %.1f (%.0f) |", median(row.times[load]), median(row.timer[load]));
      }
    }
    if (row.read) {
      std::printf(" %.2f %% |\n", 100 * row.whole);
    } else {
      std::printf(" - |\n");
    }
  }
}

void print_cycles(const weir::FlowCycles& cycles) {
  std::printf("\n| a cycle over %u flows | ms | ns a flow |\n|---|---:|---:|\n", cycles.flows);
  const auto print = [&](const char* name, const std::vector<double>& times) {
    std::printf("| %s | %.2f | %.0f |\n", name, median(times) / 1e6, median(times) / cycles.flows);
  };
  print("per-CPU hash, key by key", cycles.loop);
  print("weir, all changed", cycles.changed);
  print("weir, all idle", cycles.idle);
  std::printf("\nweir looks at %zu slots, those of all processors.\n", cycles.slots);
}

void print_goals(const std::vector<Row>& rows, const weir::FlowCycles& cycles, double others) {
  const auto ratio = [&](RowIndex over, LoadIndex a, RowIndex under, LoadIndex b) {
    return median_ratio(rows[over].times[a], rows[under].times[b]);
  };
  Goals goals;
  std::printf("\n| medians of the ratios of each round | |\n|---|---:|\n");
  goals.hold("weir's parser / that for IPv4 alone", ratio(kParse, kThousand, kParseIpv4, kThousand),
             1.5, true);
  goals.hold("weir, 1 k flows / its parser", ratio(kWeir, kThousand, kParse, kThousand), 2.3, true);
  goals.hold("weir, 128 k flows / per-CPU hash", ratio(kWeir, kMany, kPercpuHash, kMany), 0.75,
             true);
  goals.hold("weir, 128 k flows in turns / per-CPU hash",
             ratio(kWeir, kInTurns, kPercpuHash, kInTurns), 0.75, true);
  goals.hold("weir, share of the flows counted", rows[kWeir].whole, 1, false);
  goals.hold("weir, all new / 128 k flows", ratio(kWeir, kFlood, kWeir, kMany), 2.5, true);
  goals.hold("a cycle, all changed / key by key", median_ratio(cycles.changed, cycles.loop), 0.1,
             true);
  goals.hold("a cycle, all idle / key by key", median_ratio(cycles.idle, cycles.loop), 0.1, true);
  goals.close(others);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;
  stay_on_one_processor();
  auto bench = Bench::prepare();
  if (!bench) {
    std::fprintf(stderr, "%s\n", bench.error().text().c_str());
    return 1;
  }
  const Busy before = Busy::now();
  if (!measure(**bench, rounds)) {
    std::fputs("a test run has failed\n", stderr);
    return 1;
  }
  for (Row& row : (*bench)->rows) row.check((*bench)->tables);
  print_costs((*bench)->rows);
  auto cycles = weir::measure_flow_cycles(kCycleFlows, rounds);
  if (!cycles) {
    std::fprintf(stderr, "%s\n", cycles.error().text().c_str());
    return 1;
  }
  print_cycles(*cycles);
  const Busy after = Busy::now();
  print_goals((*bench)->rows, *cycles, (after.others - before.others) / (after.wall - before.wall));
  return 0;
}
