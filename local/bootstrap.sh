#!/bin/sh
# Bring a fresh Debian or Ubuntu machine to the point where `python -m local` runs.
#
#     local/bootstrap.sh run|demo|dev      (run: the runtime; demo: and the sample data; dev: and the tools of checks and tests)
#
# Installs missing system packages (as root or by passwordless sudo; else prints the line to run), makes .venv with Python 3.11 or
# 3.12 (ESTATE_PYTHON names the one to prefer), and installs the locks by hash. Does nothing, in milliseconds, when all is there and
# the locks have not changed.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE # with it, every Airflow task would compile its imports anew: twice as slow
wanted=${1:-run}
uv_version=0.13.9
began=$(date +%s)

say() { printf '%5d s  %s\n' "$(($(date +%s) - began))" "$*" >&2; } # not among what a command prints for its caller
fail() { printf 'bootstrap: %s\n' "$*" >&2; exit 1; }

has_postgis() { # a server of 15 or newer together with its PostGIS
  for server in /usr/lib/postgresql/*/bin/postgres; do
    version=${server#/usr/lib/postgresql/}
    version=${version%/bin/postgres}
    [ -x "$server" ] && [ "${version%%.*}" -ge 15 ] && [ -f "/usr/share/postgresql/$version/extension/postgis.control" ] && return 0
  done
  return 1
}
has_redis() { command -v redis-server >/dev/null; }
has_openmp() { # LightGBM's wheel expects the system's OpenMP; a slim image has none
  for library in /usr/lib/*/libgomp.so.1 /usr/lib/libgomp.so.1 /lib/*/libgomp.so.1; do [ -e "$library" ] && return 0; done
  return 1
}
has_uv() { { [ -x .estate/uv/bin/uv ] && uv=.estate/uv/bin/uv; } || { uv --version >/dev/null 2>&1 && uv=uv; }; }
has_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

install_packages() { # the system's own daemons are not started: ours have ports and folders of their own
  # shellcheck disable=SC2086
  if [ "$(id -u)" = 0 ]; then as_root=''; elif sudo -n true 2>/dev/null; then as_root='sudo -n'; else as_root=none; fi
  [ "$as_root" = none ] || { say 'apt-get update'; $as_root apt-get update -qq; }
  packages=''
  if ! has_postgis; then
    version=$(apt-cache depends postgresql | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
    [ "${version:-0}" -ge 15 ] || fail "PostgreSQL 15 or newer is needed, this system offers ${version:-none}"
    packages="postgresql-$version postgresql-$version-postgis-3"
  fi
  has_redis || packages="$packages redis-server"
  has_openmp || packages="$packages libgomp1"
  has_uv || has_venv || packages="$packages python3-venv"
  packages=${packages# }
  [ "$as_root" != none ] || fail "system packages are missing and this user may not install them; run

    sudo apt-get update && sudo apt-get install -y --no-install-recommends $packages

and then the same make command again"
  say "apt-get install $packages"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
    trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT
    $as_root chmod 755 /usr/sbin/policy-rc.d
  fi
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
}

find_python() {
  for python in ${ESTATE_PYTHON:-} python3.12 python3.11 python3 "$HOME"/.pyenv/versions/3.12.*/bin/python "$HOME"/.pyenv/versions/3.11.*/bin/python; do
    "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null || continue
    "$python" -c 'import sys; print(sys.executable)'
    return 0
  done
  echo 3.12 # uv fetches one
}

case $wanted in
  run) locks='requirements.txt' ;;
  demo) locks='requirements.txt requirements-demo.txt' ;;
  dev) locks='requirements-dev.txt' ;; # holds the runtime too, with the same pins
  *) fail "unknown set $wanted; say run, demo or dev" ;;
esac

# shellcheck disable=SC2086
digest=$(cat $locks pyproject.toml | sha256sum)
stamp=.venv/.installed-$wanted
if has_postgis && has_redis && has_openmp && [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ]; then exit 0; fi

has_postgis && has_redis && has_openmp && { has_uv || has_venv; } || install_packages
if ! has_uv; then
  say "uv $uv_version, in a folder of its own"
  python3 -m venv .estate/uv
  .estate/uv/bin/pip install --quiet --disable-pip-version-check "uv==$uv_version"
  uv=.estate/uv/bin/uv
fi
if [ ! -x .venv/bin/python ]; then
  python=$(find_python)
  say "environment .venv with Python $python"
  $uv venv --quiet --python "$python" .venv
fi
say "packages of $locks, by hash"
set --
for lock in $locks; do set -- "$@" -r "$lock"; done
{ # without uv's list of every package; its exit code would be lost in the pipe
  code=0
  $uv pip install --python .venv/bin/python --require-hashes --compile-bytecode "$@" 2>&1 || code=$?
  echo "$code" >.venv/.exit
} | grep -v '^ [-+~] ' >&2 || true # what make token prints is a token and nothing else
[ "$(cat .venv/.exit)" = 0 ] || fail 'the packages could not be installed; see above'
$uv pip install --python .venv/bin/python --quiet --no-deps -e .
printf '%s\n' "$digest" >"$stamp"
say 'installed'
