# shellcheck shell=bash
# The servers of others that tests/bench.sh compares ours with. Sourced by it, after tests/tools.sh.

# What `ws` needs, beside its server.
peer_ws() {
  npm --prefix tests/benches/peers ci --silent --no-audit --no-fund
}

# peer_rabbitmq: prints where RabbitMQ and Erlang from Debian's packages are unpacked. They aren't installed, since the
# package would start its server.
peer_rabbitmq() {
  local directory="$CACHE/rabbitmq"
  if [[ ! -e $directory/complete ]]; then
    unpack_rabbitmq "$directory" >&2
    touch "$directory/complete"
  fi
  printf '%s\n' "$directory"
}

unpack_rabbitmq() {
  local directory=$1 packages package
  say "unpacking RabbitMQ's packages into ${directory#"$PWD"/}"
  local -a as_root=()
  [[ $EUID -eq 0 ]] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  rm -rf "$directory"
  mkdir -p "$directory/packages"
  # All of Erlang that it asks for, whether some of it is installed or not.
  packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances rabbitmq-server | grep -E '^(rabbitmq-server|erlang-[a-z0-9-]+)$' | sort -u)
  for package in $packages; do
    # Alternatives that aren't there, and what pulls in graphics or sources, aren't needed.
    [[ $package =~ ^erlang-(wx|debugger|observer|et|dialyzer|reltool|x11|dev|src|doc|manpages|mode|nox|jinterface)$ ]] &&
      continue
    (cd "$directory/packages" && apt-get download -qq "$package" 2>/dev/null) || true
  done
  for package in "$directory"/packages/*.deb; do
    dpkg -x "$package" "$directory"
  done
  rm -rf "$directory/packages"
  [[ -x $directory/usr/lib/erlang/bin/erl ]] || die "Debian's packages brought no Erlang"
  # Erlang's scripts know where they are installed.
  sed -i "s|ROOTDIR=/usr/lib/erlang|ROOTDIR=$directory/usr/lib/erlang|" "$directory"/usr/lib/erlang/bin/erl
}
