#!/usr/bin/env bash
# Fuzzes each target for MINUTES (default 15), one after the other, with libFuzzer. Behind `make fuzz`.
# Needs clang with its run-time libraries (Debian: clang, libclang-rt-dev), which `make deps` does not install.
#
#   BUILD=build         an ordinary build, laid under the server; the fuzzers are built in BUILD-fuzz
#   TARGETS="info decode type pages"
#
# Corpora grow in BUILD-fuzz/corpus from the seeds in test/fuzz/seeds. What is found lies in BUILD-fuzz/findings; run a
# finding again with `BUILD-fuzz/fuzz_decode FILE`, or for type and pages with REPEAT=FILE and TARGETS.
# Fails if anything was found.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/private_server.sh
source scripts/private_server.sh

build=$(realpath "${BUILD:-build}") minutes=${MINUTES:-15} targets=${TARGETS:-info decode type pages}
fuzz=$build-fuzz
compiler=${FUZZ_CXX:-$(compgen -c clang++ | sort -V | grep -E '^clang\+\+(-[0-9]+)?$' | head -n 1 || true)}
[[ -n $compiler ]] || fail 'no clang++ here; install clang and libclang-rt-dev'

generator=()
[[ -f $fuzz/CMakeCache.txt ]] || ! command -v ninja >/dev/null || generator=(-G Ninja)
cmake -S . -B "$fuzz" "${generator[@]}" \
    -DPG_CONFIG="$PG_CONFIG" -DCMAKE_CXX_COMPILER="$compiler" -DIMAGEHASH_FUZZ=ON >"$build/fuzz-configure.log" ||
    { cat "$build/fuzz-configure.log" >&2; fail 'the fuzzers cannot be configured'; }
cmake --build "$fuzz" --parallel 2 --target imagehash fuzz_info fuzz_decode

# options TARGET: what libFuzzer is told. A finding stops a run; its name begins with what it is.
options() {
    local longest=4096
    [[ $1 != type ]] || longest=300
    [[ $1 != pages ]] || longest=200
    echo "-max_total_time=$((minutes * 60)) -max_len=$longest -timeout=20 -rss_limit_mb=4096 -print_final_stats=1" \
        "-use_value_profile=1 -artifact_prefix=$work/findings/$1-"
}

private_install "$build"
cp --remove-destination "$fuzz/imagehash.so" "$("$PRIVATE_BIN/pg_config" --pkglibdir)"
private_server_start shared_buffers=256MB autovacuum=off
psql -q -v ON_ERROR_STOP=1 <<'SQL'
CREATE EXTENSION imagehash;
CREATE FUNCTION imagehash_fuzz(text, text[]) RETURNS void AS '$libdir/imagehash' LANGUAGE C STRICT;
CREATE TABLE fuzzed (h imagehash);
INSERT INTO fuzzed SELECT CASE WHEN i % 40 > 0 THEN substr(md5(i::text), 1, 16)::imagehash END FROM generate_series(1, 51000) i;
CREATE INDEX fuzzed_h ON fuzzed USING hamming (h);
INSERT INTO fuzzed SELECT substr(md5(i::text), 1, 16)::imagehash FROM generate_series(60001, 61500) i;
VACUUM (INDEX_CLEANUP off) fuzzed;
CHECKPOINT;
SQL

# Where the server may write.
work=$PRIVATE_ROOT/fuzz
as_owner mkdir -p "$work/findings" "$work/corpus"
mkdir -p "$fuzz/corpus" "$fuzz/findings"

# in_server TARGET OPTION ...: the backend ends with libFuzzer, and psql says that it has.
in_server() {
    local target=$1 list
    shift
    list=$(IFS=,; echo "$*")
    PGOPTIONS='-c imagehash.directory_cache=0 -c enable_seqscan=off -c client_min_messages=error' \
        psql -q -c "SELECT imagehash_fuzz('$target', '{$list}')" >/dev/null 2>&1 || true
    # The log of this target alone.
    sed -n "/^-- fuzz $target$/,\$p" "$PRIVATE_LOG"
}

status=0
for target in $targets; do
    seeds=test/fuzz/seeds/$target
    [[ -d $seeds ]] || seeds=test/fuzz/seeds/images
    corpus=$work/corpus/$target
    mkdir -p "$corpus" "$fuzz/corpus/$target"
    cp -r "$seeds/." "$fuzz/corpus/$target/." "$corpus/"
    [[ $EUID -ne 0 ]] || chown -R postgres: "$work"
    log=$fuzz/fuzz-$target.log
    echo "== $target, $minutes minutes"
    # shellcheck disable=SC2046
    case $target in
        info | decode)
            as_owner env ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 nice -n 10 "$fuzz/fuzz_$target" \
                $(options "$target") "$corpus" >"$log" 2>&1 || true
            ;;
        *)
            echo "-- fuzz $target" | as_owner tee -a "$PRIVATE_LOG" >/dev/null
            in_server "$target" ${REPEAT:-$(options "$target") "$corpus"} >"$log"
            ;;
    esac
    cp -r "$corpus/." "$fuzz/corpus/$target/"
    grep -E 'cov: |stat::number_of_executed_units|stat::average_exec_per_sec' "$log" | tail -n 3 || true
    grep -q '^stat::number_of_executed_units' "$log" || { tail -n 30 "$log"; status=1; }
    for finding in "$work/findings/$target"-*; do
        [[ -f $finding ]] || continue
        # Slow inputs are reported, not a failure: a limit on time is not what is tested here.
        [[ $finding == *slow-unit* ]] || status=1
        echo "found: $(basename "$finding")"
        cp "$finding" "$fuzz/findings/"
    done
done
exit "$status"
