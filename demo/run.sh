#!/usr/bin/env bash
# The demo shop on a private server: starts one with this build in it, and runs demo.py against it. Behind `make demo`.
# PHOTOS=/some/dir uses the pictures there instead of ours; KEEP=1 leaves the server running. Writes demo/out/*.png,
# and nothing else outside its temporary directory.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/private_server.sh
source scripts/private_server.sh

# Debian's packages psycopg2 and PIL belong to Debian's Python, which need not be the first on PATH.
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import psycopg2, PIL' || fail "$python lacks psycopg2 or PIL; run: make deps"

private_install "$(realpath "${BUILD:-build}")"
private_server_start shared_buffers=128MB
"$python" demo/demo.py --photos "${PHOTOS:-}" --out demo/out
