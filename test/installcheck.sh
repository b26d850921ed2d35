#!/usr/bin/env bash
# Regression and isolation tests against a running server on which imagehash is installed. Behind `make installcheck`.
# The role must be a superuser: the database is dropped and created.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=test/lib/regress.sh
source test/lib/regress.sh

output=${BUILD:-build}/installcheck
export IMAGEHASH_SOURCE=$PWD
shared=$(realpath "${SHARED:-../shared}")
[[ ! -d $shared ]] || export IMAGEHASH_SHARED=$shared

status=0
for kind in sql specs; do
    mapfile -t names < <(test_names "$kind" test)
    run_regress "$kind" test "$output/$kind" "${names[@]}" || status=1
done
exit "$status"
