# What people type. The build itself is CMake's: see CMakePresets.json.

# One compiler per processor, and per 1.5 GB of free memory.
JOBS ?= $(shell awk -v n="$$(nproc)" '/^MemAvailable/ {m = int($$2 / 1500000)} \
          END {print m < 1 ? 1 : m < n ? m : n}' /proc/meminfo)
FUZZ_SECONDS ?= 600
FUZZERS := $(basename $(notdir $(wildcard tests/fuzz/*_fuzz.cpp))) seed_corpus
FORMAT ?= clang-format-19
PREFIX ?= /usr/local
SUDO := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo)

.PHONY: build run install test bench format fuzz clean

build:
	@scripts/install-deps
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target weir

# The round trips of this machine, as they happen. ARGS go to weir.
run: build
	$(SUDO) build/release/weir requests $(ARGS)

install:
	install -D -m 755 build/release/weir $(DESTDIR)$(PREFIX)/bin/weir

# Everything: unit and contract tests under the sanitizers, recordings, a minute of fuzzing, live
# traffic (root), some of it in virtual machines with other kernels, formatting. The last line is
# the total.
test: build
	@scripts/install-deps --test
	cmake --preset asan -DWEIR_WERROR=ON
	cmake --build --preset asan --parallel $(JOBS)
	@tests/run

# What weir costs: single steps and their allocations, many series, reading files, live traffic,
# counting on an interface and by flow, following connections (root). Twelve minutes; each can be run by itself.
bench:
	@scripts/install-deps --test --bench
	cmake --preset release -DWEIR_BENCH=ON
	cmake --build --preset release --parallel $(JOBS)
	build/release/pipeline_bench --benchmark_min_time=0.2
	build/release/export_bench
	bench/offline
	bench/live
	build/release/program_cost
	build/release/flow_cost
	bench/overhead
	bench/connections

format:
	git ls-files '*.h' '*.cpp' '*.c' | xargs $(FORMAT) -i

# Each protocol's decoder by itself, and the whole way to records: two hours.
fuzz:
	@scripts/install-deps --test
	cmake --preset asan -DWEIR_WERROR=ON
	cmake --build --preset asan --parallel $(JOBS) --target $(FUZZERS)
	@tests/run --fuzz-seconds $(FUZZ_SECONDS) --fuzz-each fuzz

clean:
	rm -rf build
