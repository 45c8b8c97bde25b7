#!/usr/bin/env bash
# Measures what tickcast is to reach, on any Debian 12 or later with Rust, as root or with sudo where something has to be
# installed.
#
#   tests/bench.sh GOAL... [--quick] [--rounds N] [--load-s S] [--pace FACTOR]
#
#     fanout    CPU time a write, against the bare `send` and a naive actix-ws server
#     peers     CPU time a message, against RabbitMQ Web-STOMP and a server on `ws` for Node.js
#     idle      memory of an idle session, and after ten minutes of load
#     feed      CPU time of the fan-out when the feed grows tenfold
#     age       how old prices are at the client
#     stalled   what sessions that don't read cost those that do
#     storm     sessions opened in a second of CPU time
#     workers   two worker threads against one
#     capacity  how CPU time, memory and bandwidth grow with sessions, subscriptions, ticks and length; no goal, but fitted
#     all       all of these, one after the other
#
#   --quick     shorter and smaller: to see that it works; its figures are none
#   --rounds N  how often each figure is measured
#   --load-s S  seconds of load between the two looks at the memory of idle sessions
#   --pace FACTOR
#               by how much the pulses of fanout come faster: costs a write depend on how warm the caches are
#
# TICKCAST_BIN names another server to measure than the one that is built here, such as that of another version.
# Programs that are missing are installed (tests/tools.sh tells how); RabbitMQ's packages are only unpacked below
# tests/.cache, and nothing of what is started runs on.
#
# What each counts stands in its file under tests/benches/goals. It prints a table and writes target/goals/GOAL.json with
# the figures of every round. On a machine that does something else meanwhile the figures are worth little; CPU times and
# ratios still more than times.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/tools.sh
source tests/tools.sh
# shellcheck source=tests/benches/peers/tools.sh
source tests/benches/peers/tools.sh

readonly GOALS=(fanout peers idle feed age stalled storm workers capacity)

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

# build: the harness, whose path HARNESS is set to, and then the server as it's shipped: the one that is built for the
# harness has features of crates that only tests use.
build() {
  say 'building the harness and the server'
  local messages
  messages=$(cargo bench --locked --quiet --no-run --bench goals --message-format json)
  HARNESS=$(sed -nE 's/.*"name":"goals".*"executable":"([^"]+)".*/\1/p' <<<"$messages")
  [[ -x $HARNESS ]] || die 'cargo built no harness'
  if [[ -z ${TICKCAST_BIN:-} ]]; then
    cargo build --locked --quiet --release
    export TICKCAST_BIN="$PWD/target/release/tickcast"
  fi
}

main() {
  local -a goals=() options=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help)
        usage
        return
        ;;
      --quick) options+=("$1") ;;
      --pace)
        [[ ${2:-} =~ ^[0-9]+(\.[0-9]+)?$ ]] || die "--pace ${2:-}: expected a number such as 0.5"
        options+=("$1" "$2")
        shift
        ;;
      --rounds | --load-s)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "$1 ${2:-}: expected a whole number of at least 1"
        options+=("$1" "$2")
        shift
        ;;
      all) goals+=("${GOALS[@]}") ;;
      *)
        [[ " ${GOALS[*]} " == *" $1 "* ]] || die "unknown goal '$1': expected any of ${GOALS[*]} all"
        goals+=("$1")
        ;;
    esac
    shift
  done
  if [[ ${#goals[@]} -eq 0 ]]; then
    usage
    exit 1
  fi
  need_rust
  build
  if [[ " ${goals[*]} " == *' peers '* ]]; then
    need_node
    peer_ws
    TICKCAST_BENCH_RABBITMQ="$(peer_rabbitmq)"
    export TICKCAST_BENCH_RABBITMQ
  fi
  local goal failed=0
  for goal in "${goals[@]}"; do
    printf '\n=== %s\n' "$goal"
    "$HARNESS" "$goal" "${options[@]}" --json "target/goals/$goal.json" || failed=$((failed + 1))
  done
  [[ $failed -eq 0 ]] || die "$failed of ${#goals[@]} could not be measured"
}

main "$@"
