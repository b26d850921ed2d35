#!/usr/bin/env bash
# Speed and size as ratios, measured on a private server. Behind `make bench`; its options are bench.py's.
# Prints as it goes; keeps raw numbers in BUILD/bench.json and writes bench/RESULTS.md and bench/knn.svg from them.
# Asserts nothing about time: only that answers are exact.
#
#   BUILD=build        what is measured
#   SHARED=../shared   where the collections lie; without it, no real codes
#   PGVECTOR=/dir      a built pgvector (vector.so, vector.control, vector--*.sql), the peer; it is never part of this
#                      tree, and without it its rows say "not measured"
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=test/lib/private_server.sh
source test/lib/private_server.sh

# install_peer DIR LIB SHARE: lays a built pgvector over the private copy of PostgreSQL.
install_peer() {
    local lib=$PRIVATE_ROOT$2 share=$PRIVATE_ROOT$3/extension
    [[ -f $1/vector.so && -f $1/vector.control ]] || fail "no vector.so and vector.control in PGVECTOR=$1"
    cp --remove-destination "$1/vector.so" "$lib"
    cp --remove-destination "$1/vector.control" "$share"
    find "$1" -maxdepth 2 -name 'vector--*.sql' -exec cp --remove-destination -t "$share" {} +
}

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import psycopg2' || fail "$python lacks psycopg2; run: make deps"

build=$(realpath "${BUILD:-build}")
for tool in bare_loop make_codes flat_scan; do
    [[ -x $build/$tool ]] || fail "$build/$tool is not built; run: make bench"
done
# Asked before private_install, which puts the copy's pg_config first on PATH.
lib=$("$PG_CONFIG" --pkglibdir)
share=$("$PG_CONFIG" --sharedir)
private_install "$build"
[[ -z ${PGVECTOR:-} ]] || install_peer "$PGVECTOR" "$lib" "$share"
private_server_start shared_buffers=2GB max_wal_size=8GB checkpoint_timeout=1h maintenance_work_mem=1GB \
    max_parallel_maintenance_workers=0 max_parallel_workers_per_gather=0 jit=off autovacuum=off
"$python" test/bench/bench.py --build "$build" --shared "${SHARED:-../shared}" "$@"
