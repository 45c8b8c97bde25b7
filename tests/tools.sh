# shellcheck shell=bash
# Finds the programs that tests/run.sh needs, and installs the missing ones: Debian packages by apt, what Debian
# has not into tests/.cache (which may be deleted at any time). Sourced by tests/run.sh.

# A failure inside $(…) ends the script as it does outside.
shopt -s inherit_errexit

readonly CACHE="$PWD/tests/.cache"
readonly NODE_AT_LEAST=20.19.0
readonly GO_AT_LEAST=1.23.0

say() { printf '    %s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# need PROGRAM PACKAGE...: the Debian packages that bring PROGRAM are installed unless it is there.
need() {
  local program=$1
  shift
  command -v "$program" >/dev/null && return
  say "$program is missing: installing $* by apt"
  local -a as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "$program is missing; run as root, or install: $*"
    as_root=(sudo)
  fi
  if [[ -z ${APT_UPDATED:-} ]]; then
    "${as_root[@]}" apt-get update -qq
    APT_UPDATED=yes
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  command -v "$program" >/dev/null || die "the packages $* brought no $program"
}

need_rust() {
  command -v cargo >/dev/null || [[ ! -x $HOME/.cargo/bin/cargo ]] || PATH="$HOME/.cargo/bin:$PATH"
  command -v cargo >/dev/null || die "cargo is missing: install Rust (the version is in Cargo.toml: rust-version)"
  need c++ build-essential
  need make build-essential
  need perl perl
  need cmake cmake
}

# The JRE by its version too: Kafka 4 asks for 17.
need_java() {
  need java default-jre-headless
  need mvn maven
  local version
  version=$(java -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p')
  [[ ${version:-0} -ge 17 ]] || die "java is version ${version:-unknown}; Kafka 4 needs 17 or later"
}

# is_at_least WANTED VERSION
is_at_least() {
  [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]
}

# The compiler too, for a driver that is written in Java.
need_jdk() {
  need javac default-jdk-headless
  need_java
}

node_is_current() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  local version
  version=$(node --version)
  is_at_least "$NODE_AT_LEAST" "${version#v}"
}

need_node() {
  node_is_current && return
  local bin
  bin="$(venv node)/bin"
  PATH="$bin:$PATH"
  hash -r
  node_is_current || die "no Node.js of $NODE_AT_LEAST or later could be installed; install one and npm"
  say "node: $(node --version) from $bin, because the system's is absent or below $NODE_AT_LEAST"
}

go_is_current() {
  command -v go >/dev/null || return 1
  local version
  version=$(go env GOVERSION)
  is_at_least "$GO_AT_LEAST" "${version#go}"
}

need_go() {
  go_is_current && return
  local bin
  bin="$(venv go)/bin"
  PATH="$bin:$PATH"
  hash -r
  go_is_current || die "no Go of $GO_AT_LEAST or later could be installed; install one"
  say "go: $(go env GOVERSION) from $bin, because the system's is absent or below $GO_AT_LEAST"
}

# venv NAME: prints the directory of a Python environment with what tests/NAME.txt lists, made when it is missing
# or the list has changed.
venv() {
  local list="tests/$1.txt" directory
  directory="$CACHE/$1-$(sha256sum "tests/$1.txt" | cut -c 1-12)"
  if [[ ! -e $directory/complete ]]; then
    need python3 python3 >&2
    python3 -c 'import ensurepip' 2>/dev/null || install_venv_module >&2
    say "installing what $list lists into ${directory#"$PWD"/}" >&2
    rm -rf "$directory"
    python3 -m venv "$directory"
    "$directory/bin/pip" install --quiet --disable-pip-version-check --requirement "$list" >&2
    touch "$directory/complete"
  fi
  printf '%s\n' "$directory"
}

# Debian packs ensurepip apart from Python.
install_venv_module() {
  local -a as_root=()
  [[ $EUID -eq 0 ]] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
}

# Prints the directory of Kafka's jars, fetched when it is missing or pom.xml has changed.
kafka_libraries() {
  local directory
  directory="$CACHE/kafka-$(sha256sum tests/kafka/pom.xml | cut -c 1-12)"
  if [[ ! -e $directory/complete ]]; then
    say "fetching the jars that tests/kafka/pom.xml lists" >&2
    rm -rf "$directory"
    mvn --quiet --batch-mode --file tests/kafka/pom.xml dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$directory" >&2
    touch "$directory/complete"
  fi
  printf '%s\n' "$directory"
}

# The drivers of tests/clients that aren't JavaScript. Each function prints how its driver is called, as a JSON array,
# and builds it when it is missing or its sources have changed.
readonly DRIVERS="$PWD/tests/clients/drivers"

# driver_directory NAME: prints where a driver is built.
driver_directory() {
  printf '%s/driver-%s-%s\n' "$CACHE" "$1" "$(cat "$DRIVERS/$1"/* | sha256sum | cut -c 1-12)"
}

driver_python() {
  printf '["%s/bin/python","%s/python/driver.py"]\n' "$(venv stomp-py)" "$DRIVERS"
}

driver_go() {
  local directory
  directory="$(driver_directory go)"
  if [[ ! -x $directory/driver ]]; then
    say "building the driver in Go" >&2
    CGO_ENABLED=0 go -C "$DRIVERS/go" build -o "$directory/driver" . >&2
  fi
  printf '["%s/driver"]\n' "$directory"
}

driver_spring() {
  local directory
  directory="$(driver_directory spring)"
  if [[ ! -e $directory/complete ]]; then
    say "building the driver in Java" >&2
    rm -rf "$directory"
    mvn --quiet --batch-mode --file "$DRIVERS/spring/pom.xml" -Ddriver.directory="$directory" \
      compile dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$directory/jars" >&2
    touch "$directory/complete"
  fi
  printf '["java","-cp","%s/classes:%s/jars/*","Driver"]\n' "$directory" "$directory"
}
