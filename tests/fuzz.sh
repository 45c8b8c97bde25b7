#!/usr/bin/env bash
# Runs the fuzz targets, from the committed seeds on.
#
#   tests/fuzz.sh [SECONDS [TARGET...]]     each target, or some of them, for so long; a minute by default
#
# They need a nightly Rust and cargo-fuzz, which are installed where rustup is there and can; where not, nothing is run
# and the script says so. What is found lies in target/fuzz/artifacts; what was learned stays in target/fuzz/corpus. An
# input that failed belongs among the seeds, tests/fuzz/seeds/TARGET, when it passes.
#
# No sanitizer: what is fuzzed has no unsafe code, and librdkafka, which is linked, can't be built with one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TARGETS=(checkpoint session_script sockjs_framing stomp_decoder tick_decoder websocket_reader)
readonly OUTPUT=target/fuzz
readonly FUZZ=(--fuzz-dir tests/fuzz --target-dir "$OUTPUT" --sanitizer none)

say() { printf '    %s\n' "$*"; }

have_tools() {
  if ! cargo +nightly --version >/dev/null 2>&1; then
    command -v rustup >/dev/null || return 1
    say 'nightly Rust is missing: installing it by rustup'
    rustup toolchain install nightly --profile minimal >/dev/null 2>&1 || return 1
  fi
  if ! cargo fuzz --version >/dev/null 2>&1; then
    say 'cargo-fuzz is missing: installing it by cargo'
    cargo install --locked --quiet cargo-fuzz || return 1
  fi
}

# run SECONDS TARGET
run() {
  local seconds=$1 target=$2
  mkdir -p "$OUTPUT/corpus/$target" "$OUTPUT/artifacts/$target"
  cargo +nightly fuzz run "${FUZZ[@]}" "$target" "$OUTPUT/corpus/$target" "tests/fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -dict=tests/fuzz/stomp.dict -artifact_prefix="$OUTPUT/artifacts/$target/" \
    -print_final_stats=1 -timeout=10 -rss_limit_mb=1024
}

main() {
  local seconds=${1:-60} target
  shift || true
  if [[ ! $seconds =~ ^[1-9][0-9]*$ ]]; then
    printf 'error: %s\n' "'$seconds' is no number of seconds" >&2
    exit 1
  fi
  local -a chosen=("$@") failed=()
  [[ ${#chosen[@]} -gt 0 ]] || chosen=("${TARGETS[@]}")
  for target in "${chosen[@]}"; do
    if [[ " ${TARGETS[*]} " != *" $target "* ]]; then
      printf 'error: %s\n' "unknown target '$target': expected any of ${TARGETS[*]}" >&2
      exit 1
    fi
  done
  if ! have_tools; then
    say 'fuzz targets: NOT run, they need a nightly Rust and cargo-fuzz'
    return
  fi
  # The page is no part of what is fuzzed.
  export TICKCAST_PAGE=skip
  for target in "${chosen[@]}"; do
    printf '\n=== fuzz: %s for %d s\n' "$target" "$seconds"
    run "$seconds" "$target" || failed+=("$target")
  done
  if [[ ${#failed[@]} -gt 0 ]]; then
    printf 'FAILED: %s; the inputs are in %s/artifacts\n' "${failed[*]}" "$OUTPUT"
    exit 1
  fi
}

main "$@"
