#!/bin/sh
# test_agent.sh: asks a running netprobe-agent for its pages and says whether they are as they
# should be, with the options of NetProbe Agent's script of that name. Needs curl.
set -eu

port=${AGENT_PORT:-8081} timeout=${TEST_TIMEOUT:-30}
health=1 metrics=1 updates=1 load=1

usage() {
  cat <<EOF
usage: test_agent.sh [OPTION]...
  -p, --port PORT        of the agent (AGENT_PORT, default 8081)
  -t, --timeout SECONDS  to wait for it (TEST_TIMEOUT, default 30)
  -m, --metrics-only     only the metrics
  -H, --health-only      only the health report
  -f, --functional       both, and that collections go on
  -P, --performance      only 100 requests, ten at a time
  -h, --help             this text
EOF
}

value() {
  [ $# -ge 2 ] || { echo "test_agent.sh: $1 needs a value" >&2; exit 1; }
}

while [ $# -gt 0 ]; do
  case $1 in
    -p | --port) value "$@"; port=$2; shift ;;
    -t | --timeout) value "$@"; timeout=$2; shift ;;
    -m | --metrics-only) health=0 updates=0 load=0 ;;
    -H | --health-only) metrics=0 updates=0 load=0 ;;
    -f | --functional) load=0 ;;
    -P | --performance) health=0 metrics=0 updates=0 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "test_agent.sh: unknown option $1" >&2; usage >&2; exit 1 ;;
  esac
  shift
done

agent=http://localhost:$port
fail() { echo "FAIL $*" >&2; exit 1; }
get() { curl -s -S -f -m 10 "$agent$1"; }
collections() { get /metrics | sed -n 's/^netprobe_collection_total //p'; }

command -v curl >/dev/null || fail "curl is not installed"

waited=0
until get /health >/dev/null 2>&1; do
  [ "$(curl -s -m 10 -o /dev/null -w '%{http_code}' "$agent/health")" != 503 ] || fail "health: stale"
  [ $waited -lt "$timeout" ] || fail "no agent on port $port within $timeout s"
  sleep 1
  waited=$((waited + 1))
done

if [ $health -eq 1 ]; then
  get /health | grep -q '"status": "ok"' || fail "health: status is not ok"
  echo "PASS health"
fi

if [ $metrics -eq 1 ]; then
  page=$(get /metrics) || fail "metrics: no page"
  for name in netprobe_up netprobe_collection_total netprobe_last_collection_timestamp_seconds; do
    printf '%s\n' "$page" | grep -q "^$name " || fail "metrics: no $name"
  done
  series=$(printf '%s\n' "$page" | grep -c '^netprobe_tc_') || true
  [ "$series" -gt 0 ] || echo "Warning: 暂无 TC 相关指标数据 (no TC metrics yet)"
  echo "PASS metrics: $series netprobe_tc_ series"
fi

if [ $updates -eq 1 ]; then
  first=$(collections)
  waited=0
  while [ "$(collections)" = "$first" ]; do
    [ $waited -lt "$timeout" ] || fail "no collection within $timeout s"
    sleep 1
    waited=$((waited + 1))
  done
  echo "PASS collections go on"
fi

if [ $load -eq 1 ]; then
  seq 100 | xargs -P 10 -I{} curl -s -S -f -m 10 -o /dev/null "$agent/metrics" ||
    fail "performance: a request failed"
  get /health >/dev/null || fail "performance: no health afterwards"
  echo "PASS 100 requests, ten at a time"
fi
