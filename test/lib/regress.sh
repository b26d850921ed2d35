# How the SQL tests and the isolation tests are run, here once for `make check` and `make installcheck`. Sourced.
# The server is the one that PGHOST, PGPORT, PGUSER, ... say. The tests are whatever lies in test/sql and test/specs.
# shellcheck shell=bash

PG_CONFIG=${PG_CONFIG:-pg_config}

# test_names sql|specs TEST_DIR: the tests of a kind, one a line, in order.
test_names() {
    find "$2/$1" -maxdepth 1 \( -name '*.sql' -o -name '*.spec' \) -printf '%f\n' | sed 's/\.[a-z]*$//' | LC_ALL=C sort
}

# run_regress sql|specs TEST_DIR OUTPUT_DIR NAME ...: runs these tests of a kind. Prints the report of pg_regress, and
# the differences where there are any. Fails when one failed, or when none is named.
run_regress() {
    local kind=$1 test_dir=$2 output_dir=$3 runner tests status=0
    shift 3
    [[ $# -gt 0 ]] || { echo "no test in $test_dir/$kind" >&2; return 1; }
    tests=$(dirname "$("$PG_CONFIG" --pgxs)")/../test
    case $kind in
        sql) runner=$tests/regress/pg_regress ;;
        specs) runner=$tests/isolation/pg_isolation_regress ;;
    esac
    [[ -x $runner ]] || { echo "$runner is missing: it comes with PostgreSQL's development package" >&2; return 1; }
    mkdir -p "$output_dir"
    "$runner" --bindir="$("$PG_CONFIG" --bindir)" --inputdir="$test_dir" --outputdir="$output_dir" \
        --dbname=imagehash_regression --load-extension=imagehash "$@" 2>&1 || status=$?
    [[ $status -eq 0 || ! -f $output_dir/regression.diffs ]] || cat "$output_dir/regression.diffs"
    return "$status"
}
