#!/usr/bin/env bash
# Speed as ratios, each pair measured side by side in one run on one server. Behind `make bench`.
# Prints as it goes and writes bench/RESULTS.md. Asserts nothing about time: only that answers are exact.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=test/lib/private_server.sh
source test/lib/private_server.sh

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import psycopg2' || fail "$python lacks psycopg2; run: make deps"

build=$(realpath "${BUILD:-build}")
[[ -x $build/bare_loop ]] || fail "$build/bare_loop is not built; run: make bench"
private_install "$build"
private_server_start shared_buffers=512MB max_wal_size=4GB jit=off max_parallel_workers_per_gather=0
mkdir -p bench
"$python" test/bench/bench.py --bare-loop "$build/bare_loop" --model models/efficientnet_lite0.pt \
    --pictures demo/pictures --out bench/RESULTS.md "$@"
