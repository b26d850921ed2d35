#!/usr/bin/env bash
# Speed and size as ratios, measured on a private server. Behind `make bench`; its options are bench.py's.
# Prints as it goes; keeps raw numbers in BUILD/bench.json and writes bench/RESULTS.md and bench/knn.svg from them.
# Asserts nothing about time: only that answers are exact.
#
#   BUILD=build        what is measured
#   SHARED=../shared   where the collections lie; without it, no real codes
#   PGVECTOR=/dir      a built pgvector (vector.so, vector.control, vector--*.sql), the peer; it is never part of this
#                      tree, and without it its rows say "not measured"
#   FAISS=/dir         a virtual environment with faiss-cpu, the peer outside a server; without it, the same
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/private_server.sh
source scripts/private_server.sh

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import psycopg2' || fail "$python lacks psycopg2; run: make deps"

build=$(realpath "${BUILD:-build}")
for tool in bare_loop make_codes flat_scan decode_speed; do
    [[ -x $build/$tool ]] || fail "$build/$tool is not built; run: make bench"
done
private_install "$build"
[[ -z ${PGVECTOR:-} ]] || private_pgvector "$PGVECTOR"
private_server_start shared_buffers=2GB max_wal_size=8GB checkpoint_timeout=1h maintenance_work_mem=1GB \
    max_parallel_maintenance_workers=0 max_parallel_workers_per_gather=0 jit=off autovacuum=off
"$python" bench/bench.py --build "$build" --shared "${SHARED:-../shared}" "$@"
