#include "kernel/connection_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "connections.skel.h"
#include "kernel/load_error.h"

namespace weir {
namespace {

constexpr const char* kLoad = "load the programs that follow connections";
constexpr const char* kAttach = "attach the programs that follow connections";
constexpr std::initializer_list<Capability> kCapabilities{Capability::kBpf, Capability::kPerfmon};
constexpr std::uint32_t kEventBytes = 8 << 20;  // some 25 000 events

static_assert(sizeof(connection_record) % 8 == 0 && sizeof(connection_state) == 96);

// All that an iterator writes, in pieces of whole records; `visit` may be empty.
Result<> run_iterator(const bpf_link* link,
                      const std::function<void(const connection_record&)>& visit) {
  const Fd iterator(bpf_iter_create(bpf_link__fd(link)));
  if (!iterator.valid()) return system_failure("read connections");
  std::vector<std::uint8_t> buffer(1 << 16);
  std::size_t held = 0;
  for (;;) {
    const ssize_t got = ::read(iterator.get(), buffer.data() + held, buffer.size() - held);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return system_failure("read connections");
    if (got == 0) return {};
    held += static_cast<std::size_t>(got);
    connection_record record;
    std::size_t at = 0;
    for (; held - at >= sizeof record; at += sizeof record) {
      std::memcpy(&record, buffer.data() + at, sizeof record);
      if (visit) visit(record);
    }
    std::memmove(buffer.data(), buffer.data() + at, held - at);
    held -= at;
  }
}

}  // namespace

void ConnectionProgram::Unload::operator()(connections_bpf* skeleton) const {
  connections_bpf__destroy(skeleton);
}
void ConnectionProgram::Detach::operator()(bpf_link* link) const { bpf_link__destroy(link); }

ConnectionProgram::~ConnectionProgram() = default;

Result<std::unique_ptr<ConnectionProgram>> ConnectionProgram::load(
    const ConnectionProgramOptions& options) {
  const LibbpfLog log;
  std::unique_ptr<ConnectionProgram> program(new ConnectionProgram);
  program->skeleton_.reset(connections_bpf__open());
  if (!program->skeleton_) return load_error(kLoad, errno, kCapabilities, log);
  connections_bpf& skeleton = *program->skeleton_;
  skeleton.rodata->wake_bytes = kEventBytes / 4;
  skeleton.rodata->tell_established = options.tell_established ? 1 : 0;
  bpf_map__set_max_entries(skeleton.maps.events, kEventBytes);
  if (const int status = connections_bpf__load(&skeleton); status != 0) {
    return load_error(kLoad, -status, kCapabilities, log);
  }
  if (auto attached = program->attach(); !attached) return tl::unexpected(attached.error());
  return program;
}

Result<> ConnectionProgram::attach() {
  const auto& programs = skeleton_->progs;
  visit_ = std::make_unique<Event>();
  auto events =
      RingBuffer::open(bpf_map__fd(skeleton_->maps.events), [visit = visit_.get()](Bytes bytes) {
        connection_event event;
        if (bytes.size() < sizeof event) return;
        std::memcpy(&event, bytes.data(), sizeof event);
        (*visit)(event);
      });
  if (!events) return tl::unexpected(events.error());
  events_.emplace(std::move(*events));
  for (bpf_program* program :
       {programs.weir_connection_state, programs.weir_connection_retransmit,
        programs.weir_connection_send_reset, programs.weir_connection_receive_reset}) {
    Link link(bpf_program__attach(program));
    if (!link) return system_failure(kAttach);
    links_.push_back(std::move(link));
  }
  const struct {
    bpf_program* program;
    int map_fd;
    Link& link;
  } iterators[] = {
      {programs.weir_connections_read, bpf_map__fd(skeleton_->maps.connections), reader_},
      {programs.weir_connections_find, -1, finder_},
      {programs.weir_connections_owners, -1, owners_},
  };
  for (const auto& iterator : iterators) {
    auto link = attach_iterator(iterator.program, iterator.map_fd);
    if (!link) return tl::unexpected(link.error());
    iterator.link = std::move(*link);
  }
  return {};
}

Result<ConnectionProgram::Link> ConnectionProgram::attach_iterator(bpf_program* program,
                                                                   int map_fd) const {
  bpf_iter_link_info info{};
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof info);
  info.map.map_fd = static_cast<std::uint32_t>(std::max(0, map_fd));
  Link link(bpf_program__attach_iter(program, map_fd >= 0 ? &options : nullptr));
  if (!link) return system_failure(kAttach);
  return link;
}

Result<> ConnectionProgram::find_older() const { return run_iterator(finder_.get(), nullptr); }
Result<> ConnectionProgram::find_owners() const { return run_iterator(owners_.get(), nullptr); }

Result<> ConnectionProgram::read(const std::function<void(const connection_record&)>& visit) const {
  return run_iterator(reader_.get(), visit);
}

std::uint64_t ConnectionProgram::take_events(const Event& visit) {
  *visit_ = visit;
  return events_->consume();
}

connection_event_counts ConnectionProgram::event_counts() const {
  const auto processors = static_cast<std::size_t>(std::max(1, libbpf_num_possible_cpus()));
  std::vector<connection_event_counts> counts(processors);
  connection_event_counts sum{};
  for (std::uint32_t kind = 0; kind < CONNECTION_EVENT_KINDS; ++kind) {
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.event_counts), &kind, counts.data()) != 0) {
      continue;
    }
    for (const connection_event_counts& count : counts) {
      sum.seen += count.seen;
      sum.lost += count.lost;
    }
  }
  return sum;
}

}  // namespace weir
