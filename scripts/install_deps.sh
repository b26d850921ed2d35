#!/usr/bin/env bash
# Installs with apt what the build, the tests and the demo need. Behind `make deps`.
# Returns at once when everything is there. Never names a version: the PostgreSQL is the one PG_CONFIG speaks for,
# or else the one the distribution calls `postgresql`. Must not change any configuration of the machine.
set -euo pipefail

build_tools=(g++ make cmake ninja-build)
libraries=(libopencv-dev libjpeg-dev libpng-dev libwebp-dev libtorch-dev libopenblas0-pthread)
test_tools=(libgtest-dev perl libipc-run-perl)
demo_tools=(python3 python3-psycopg2 python3-pil fonts-dejavu-core)

installed() {
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# A PostgreSQL of the user's own, built from source say, needs no package. Debian's pg_config without a
# server-dev package answers too, but without server headers.
postgres_is_complete() {
    local pg_config=${PG_CONFIG:-pg_config}
    command -v "$pg_config" >/dev/null &&
        [[ -f "$("$pg_config" --includedir-server 2>/dev/null)/postgres.h" ]] &&
        [[ -x "$("$pg_config" --bindir)/postgres" ]] &&
        [[ -e "$("$pg_config" --pgxs)" ]]
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "deps: these packages are missing: ${missing[*]}" >&2
        echo "deps: there is no sudo here; run as root: make deps" >&2
        exit 1
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@"
}

wanted=("${build_tools[@]}" "${libraries[@]}" "${test_tools[@]}" "${demo_tools[@]}")
if ! command -v dpkg-query >/dev/null; then
    echo "deps: this is not a Debian-like system; install the equivalents of: postgresql ${wanted[*]}" >&2
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    installed "$package" || missing+=("$package")
done
need_postgres=no
postgres_is_complete || need_postgres=yes
if [[ ${#missing[@]} -eq 0 && $need_postgres == no ]]; then
    echo "deps: everything is installed"
    exit 0
fi
[[ $need_postgres == no ]] || missing+=(postgresql)

apt_get update
if [[ $need_postgres == yes ]]; then
    # postgresql depends on postgresql-N; its headers are in postgresql-server-dev-N.
    major=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]\+\)$/\1/p' | head -n 1)
    missing+=("postgresql-server-dev-${major:-all}")
fi
apt_get install --no-install-recommends "${missing[@]}"
