#include "kernel/libbpf_log.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace weir {
namespace {

// libbpf's callback has no argument of the caller's: the thread's own log is found by this.
thread_local std::string* current_warning = nullptr;

int keep_warning(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (current_warning == nullptr || level != LIBBPF_WARN || !current_warning->empty()) return 0;
  char text[512];
  if (std::vsnprintf(text, sizeof text, format, arguments) < 0) return 0;
  std::string line = text;
  line.resize(std::min(line.size(), line.find('\n')));
  *current_warning = line;
  return 0;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  current_warning = &first_warning_;
  libbpf_set_print(&keep_warning);
}

LibbpfLog::~LibbpfLog() { current_warning = nullptr; }

}  // namespace weir
