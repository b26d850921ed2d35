#!/usr/bin/env bash
# Every test there is, on a private copy of PostgreSQL with this build in it. Behind `make check`.
# The last line is `N passed, N failed`: googletest cases + SQL tests + isolation tests + TAP assertions. A stage that
# runs nothing counts as a failure. Installs nothing on the system; leaves nothing behind.
#
# PGVECTOR=/dir has a built pgvector; without it, and where none is installed, test/lib/pgvector stands in for it.
#
# test/run_all.sh [STAGE | STAGE/NAME ...] runs only those; a stage is a directory here: unit, sql, specs, t.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/private_server.sh
source scripts/private_server.sh
# shellcheck source=test/lib/regress.sh
source test/lib/regress.sh

selection=("$@")
build=$(realpath "${BUILD:-build}")
passed=0 failed=0 skipped=0
failures=()

# record NAME PASSED FAILED SKIPPED: adds to the sums; a part in which nothing ran has failed.
record() {
    local name=$1 ok=$2 bad=$3 skip=$4
    if ((ok + bad + skip == 0)); then
        bad=1
        echo "$name: no test ran"
    fi
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    ((bad == 0)) || failures+=("$name")
    printf -- '-- %s: %d passed, %d failed, %d skipped (%d s)\n' "$name" "$ok" "$bad" "$skip" "$((SECONDS - started))"
}

count() {
    grep -c -E -- "$1" "$2" || true
}

# wanted STAGE [NAME]: whether the command line asks for a stage, or for a test of it.
wanted() {
    local choice
    ((${#selection[@]} > 0)) || return 0
    for choice in "${selection[@]}"; do
        case $choice in
            "$1" | "$1/${2:-*}") return 0 ;;
            "$1"/*) [[ $# -eq 2 ]] || return 0 ;;
        esac
    done
    return 1
}

stage() {
    printf '\n== %s\n' "$1"
}

# The test programs run whole: ctest would start a process for each case, and each would load LibTorch.
unit_tests() {
    stage 'unit tests (googletest)'
    local program log ok bad skip status ran=no
    for program in "$build"/*_test; do
        if [[ ! -f $program || ! -x $program ]] || ! wanted unit "$(basename "$program")"; then continue; fi
        ran=yes started=$SECONDS status=0
        log=$PRIVATE_ROOT/$(basename "$program").log
        "$program" >"$log" 2>&1 || status=$?
        ok=$(count '^\[       OK \]' "$log")
        bad=$(count '^\[  FAILED  \] .* \([0-9]+ ms\)$' "$log")
        skip=$(count '^\[  SKIPPED \] .* \([0-9]+ ms\)$' "$log")
        if ((status != 0)); then
            ((bad > 0)) || bad=1
            grep -v -E '^\[( RUN      |       OK )\]' "$log" || true
        elif ((skip > 0)); then
            grep -A 2 -E ': Skipped$' "$log" || true
        fi
        record "$(basename "$program")" "$ok" "$bad" "$skip"
    done
    [[ $ran == yes ]] || { started=$SECONDS; record 'unit tests' 0 0 0; }
}

# pg_regress speaks of `test NAME ... ok` before PostgreSQL 16 and TAP since.
sql_tests() {
    local kind=$1 log=$PRIVATE_ROOT/$1.log status=0 ok bad
    local all names=() name line='^(not )?ok +[0-9]+ |^(test| ) .* \.\.\. (ok|FAILED)'
    stage "$2"
    started=$SECONDS
    mapfile -t all < <(test_names "$kind" "$IMAGEHASH_SOURCE/test")
    for name in "${all[@]}"; do
        ! wanted "$kind" "$name" || names+=("$name")
    done
    run_regress "$kind" "$IMAGEHASH_SOURCE/test" "$PRIVATE_ROOT/results_$kind" "${names[@]}" >"$log" 2>&1 || status=$?
    if ((status == 0)); then grep -E "$line" "$log"; else cat "$log"; fi
    ok=$(grep -E "$line" "$log" | grep -c -v -E 'not ok|FAILED' || true)
    bad=$(grep -E "$line" "$log" | grep -c -E 'not ok|FAILED' || true)
    if ((status != 0)); then
        ((bad > 0)) || bad=1
        # Errors are what many tests are about; only what ended a process is news.
        grep -E 'PANIC|TRAP|was terminated by signal' "$PRIVATE_LOG" || true
    fi
    record "$2" "$ok" "$bad" 0
}

# Each file starts servers of its own, which PostgreSQL refuses to do as root.
tap_tests() {
    stage 'TAP tests (prove)'
    local file name log status ran=no
    local pgxs_perl
    pgxs_perl=$(dirname "$("$PRIVATE_BIN/pg_config" --pgxs)")/../test/perl
    for file in "$IMAGEHASH_SOURCE"/test/t/*.pl; do
        name=$(basename "$file" .pl)
        if [[ ! -f $file ]] || ! wanted t "$name"; then continue; fi
        ran=yes started=$SECONDS status=0
        log=$PRIVATE_ROOT/$name.tap.log
        tap_file "$file" "$IMAGEHASH_SOURCE/tap/$name" "$pgxs_perl" >"$log" 2>&1 || status=$?
        tap_report "$name" "$log" "$status"
    done
    [[ $ran == yes ]] || { started=$SECONDS; record 'TAP tests' 0 0 0; }
}

# tap_file FILE WORK_DIR PERL_LIBRARY: one file by prove, with what PostgreSQL::Test::Cluster of every version wants.
tap_file() {
    as_owner mkdir -p "$2/log"
    as_owner env -u PGHOST -u PGUSER -u PGDATABASE \
        PATH="$PATH" PERL5LIB="$3" PG_REGRESS="$3/../regress/pg_regress" PGPORT=65432 \
        TESTDIR="$2" TESTDATADIR="$2" TESTLOGDIR="$2/log" \
        IMAGEHASH_SOURCE="$IMAGEHASH_SOURCE" IMAGEHASH_ROOT="$PRIVATE_ROOT" \
        ${IMAGEHASH_SMALL_DISK:+IMAGEHASH_SMALL_DISK="$IMAGEHASH_SMALL_DISK"} \
        ${IMAGEHASH_TEST_POINTS:+IMAGEHASH_TEST_POINTS="$IMAGEHASH_TEST_POINTS"} ${IMAGEHASH_SHARED:+IMAGEHASH_SHARED="$IMAGEHASH_SHARED"} \
        prove --verbose "$1"
}

tap_report() {
    local name=$1 log=$2 status=$3 ok bad skip
    skip=$(count '^ok [0-9]+ # skip |skipped: ' "$log")
    ok=$(($(count '^ok [0-9]+' "$log") - $(count '^ok [0-9]+ # skip ' "$log")))
    bad=$(count '^not ok [0-9]+( - [^#]*)?$' "$log")
    grep -E '^ok [0-9]+ # skip |skipped: ' "$log" || true
    sed -n 's/^# measured: /   /p' "$log"
    if ((status != 0)); then
        ((bad > 0)) || bad=1
        cat "$log"
        find "$IMAGEHASH_SOURCE/tap/$name" -name '*.log' -o -name 'regress_log_*' | while read -r server_log; do
            echo "--- end of $(basename "$server_log") ---"
            sed '/LOG:  statement: /d' "$server_log" | tail -n 30
        done
    fi
    record "$name" "$ok" "$bad" "$skip"
}

# A second copy of the installation, beside the first, in which the module has test points (src/index/store/test_point.h).
install_test_points() {
    local root=$PRIVATE_ROOT/test_points module=$build/test_points/imagehash.so directory
    if [[ ! -f $module ]]; then
        echo "$module is not built: tests that need test points are skipped"
        return
    fi
    mkdir "$root"
    for directory in "$PRIVATE_ROOT"/*/; do
        [[ $directory == "$root/" ]] || cp -al "$directory" "$root"
    done
    directory=$("$PRIVATE_BIN/pg_config" --pkglibdir)
    cp --remove-destination "$module" "$root${directory#"$PRIVATE_ROOT"}"
    export IMAGEHASH_TEST_POINTS=$root${PRIVATE_BIN#"$PRIVATE_ROOT"}
    cp "$build/test_points/fail_nth.so" "$directory"
}

# Keeps the status, for private_cleanup().
unmount_small_disk() {
    local status=$?
    umount "$PRIVATE_ROOT/small_disk" 2>/dev/null || umount --lazy "$PRIVATE_ROOT/small_disk" || true
    return "$status"
}

# A disk that is soon full, for t/025, where a file system can be mounted; it is unmounted on exit.
mount_small_disk() {
    local disk=$PRIVATE_ROOT/small_disk
    [[ $EUID -eq 0 ]] || return 0
    mkdir "$disk"
    if ! mount -t tmpfs -o size=8m,mode=700,uid="$(id -u postgres)",gid="$(id -g postgres)" tmpfs "$disk" 2>/dev/null; then
        rmdir "$disk"
        return 0
    fi
    trap 'unmount_small_disk || private_cleanup; private_cleanup' EXIT
    export IMAGEHASH_SMALL_DISK=$disk
}

private_install "$build"
install_test_points
! wanted t 025_no_room || mount_small_disk
if [[ -n ${PGVECTOR:-} ]]; then
    private_pgvector "$PGVECTOR"
elif [[ ! -f $("$PRIVATE_BIN/pg_config" --sharedir)/extension/vector.control ]]; then
    private_pgvector test/lib/pgvector
fi
# An autovacuum that looks at one table keeps dead rows of another from the vacuum that a test waits for.
private_server_start shared_buffers=64MB autovacuum=off
# A copy that the server's user can read, wherever this tree lies.
export IMAGEHASH_SOURCE=$PRIVATE_ROOT/source
mkdir -p "$IMAGEHASH_SOURCE"
cp -r test "$IMAGEHASH_SOURCE/test"
# Documents are run (t/016) and demo pictures hashed.
cp -r README.md SECURITY.md docs demo src "$IMAGEHASH_SOURCE"
[[ $EUID -ne 0 ]] || chown -R postgres: "$IMAGEHASH_SOURCE"
# The paths of the private copy from here on.
PG_CONFIG=$PRIVATE_BIN/pg_config
shared=$(realpath -m "${SHARED:-../shared}")
if [[ -d $shared ]]; then
    export IMAGEHASH_SHARED=$shared
else
    echo "$shared is not there: tests that need its data are skipped"
fi

! wanted unit || unit_tests
! wanted sql || sql_tests sql 'SQL tests (pg_regress)'
! wanted specs || sql_tests specs 'isolation tests'
! wanted t || tap_tests

echo
echo "all tests: $SECONDS s"
((${#failures[@]} == 0)) || echo "failed: ${failures[*]}"
closing="$passed passed, $failed failed"
((skipped == 0)) || closing="$closing, $skipped skipped"
echo "$closing"
((failed == 0 && passed > 0))
