#!/usr/bin/env bash
# Measures what tickcast is to reach, on any Debian 12 or later with Rust, as root or with sudo where something has to be
# installed.
#
#   tests/bench.sh GOAL... [--quick] [--rounds N] [--load-s S]
#
#     fanout    CPU time a write, against the bare `send` and a naive actix-ws server
#     all       all of these, one after the other
#
#   --quick     shorter and smaller: to see that it works; its figures are none
#   --rounds N  how often each figure is measured
#   --load-s S  seconds of load between the two looks at the memory of idle sessions
#
# What each counts stands in its file under tests/benches/goals. It prints a table and writes target/goals/GOAL.json with
# the figures of every round. On a machine that does something else meanwhile the figures are worth little; CPU times and
# ratios still more than times.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/tools.sh
source tests/tools.sh

readonly GOALS=(fanout)

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

# build_harness: the harness and the server in release builds; sets HARNESS.
build_harness() {
  say 'building the harness and the server'
  local messages
  messages=$(CARGO_INCREMENTAL=0 cargo bench --locked --quiet --no-run --bench goals --message-format json)
  HARNESS=$(sed -nE 's/.*"name":"goals".*"executable":"([^"]+)".*/\1/p' <<<"$messages")
  [[ -x $HARNESS ]] || die 'cargo built no harness'
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
  build_harness
  local goal failed=0
  for goal in "${goals[@]}"; do
    printf '\n=== %s\n' "$goal"
    "$HARNESS" "$goal" "${options[@]}" --json "target/goals/$goal.json" || failed=$((failed + 1))
  done
  [[ $failed -eq 0 ]] || die "$failed of ${#goals[@]} could not be measured"
}

main "$@"
