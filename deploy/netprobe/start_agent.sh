#!/bin/sh
# start_agent.sh: builds weir and starts it as netprobe-agent, with the options and environment
# variables of NetProbe Agent's script of that name. WEIR names the binary, if it is elsewhere.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
weir=${WEIR:-$root/build/release/weir}

usage() {
  cat <<EOF
usage: start_agent.sh [OPTION]...
  -p, --port PORT          port of the metrics (METRICS_PORT, default 8081)
  -i, --interval INTERVAL  between collections (COLLECT_INTERVAL, default 5s)
  -f, --filter INTERFACES  only these, separated by commas (INTERFACE_FILTER, default all)
  -a, --active-only        only interfaces that have had traffic (ACTIVE_ONLY=true)
  -d, --debug              log requests, and the state every 30 s (DEBUG=1)
      --attach INTERFACE   count this interface alone (ATTACH_INTERFACE)
      --build-only         build and do not start
      --skip-build         start what is built
  -h, --help               this text
EOF
}

value() {
  [ $# -ge 2 ] || { echo "start_agent.sh: $1 needs a value" >&2; exit 1; }
}

build=1 start=1
while [ $# -gt 0 ]; do
  case $1 in
    -p | --port) value "$@"; METRICS_PORT=$2; shift ;;
    -i | --interval) value "$@"; COLLECT_INTERVAL=$2; shift ;;
    -f | --filter) value "$@"; INTERFACE_FILTER=$2; shift ;;
    -a | --active-only) ACTIVE_ONLY=true ;;
    -d | --debug) DEBUG=1 ;;
    --attach) value "$@"; ATTACH_INTERFACE=$2; shift ;;
    --build-only) start=0 ;;
    --skip-build) build=0 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "start_agent.sh: unknown option $1" >&2; usage >&2; exit 1 ;;
  esac
  shift
done

[ $build -eq 0 ] || make -C "$root" build
[ $start -eq 1 ] || exit 0
export METRICS_PORT="${METRICS_PORT:-8081}" COLLECT_INTERVAL="${COLLECT_INTERVAL:-5s}" \
  INTERFACE_FILTER="${INTERFACE_FILTER:-}" ACTIVE_ONLY="${ACTIVE_ONLY:-false}" DEBUG="${DEBUG:-0}" \
  ATTACH_INTERFACE="${ATTACH_INTERFACE:-}"
echo "Metrics: http://localhost:$METRICS_PORT/metrics"
echo "Health: http://localhost:$METRICS_PORT/health"
exec "$weir" as netprobe-agent
