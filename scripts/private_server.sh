# A private PostgreSQL: a copy of the installed one under /tmp with our build laid over it, and a server on a Unix
# socket. Sourced by test/run_all.sh, demo/run.sh and bench/run.sh, so that none of them needs root, touches
# the system's PostgreSQL or meets its servers. As root, everything of the server runs as user postgres.
#
# PostgreSQL finds its share and lib directories relative to its own binary, after resolving symbolic links. So the
# binaries are copied as files and the rest is links. The copy keeps the system's paths under $PRIVATE_ROOT.
# shellcheck shell=bash

PG_CONFIG=${PG_CONFIG:-pg_config}

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Runs a command as the user who owns the server.
as_owner() {
    if [[ $EUID -eq 0 ]]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# private_install BUILD: sets PRIVATE_ROOT and PRIVATE_BIN, and puts PRIVATE_BIN first on PATH.
private_install() {
    local build=$1 bin lib share module
    bin=$("$PG_CONFIG" --bindir)
    lib=$("$PG_CONFIG" --pkglibdir)
    share=$("$PG_CONFIG" --sharedir)
    [[ -x $bin/postgres ]] || fail "no server in $bin, where $PG_CONFIG points; run: make deps"
    for module in imagehash libimagehash_vision libimagehash_semantic; do
        [[ -f $build/$module.so ]] || fail "$build/$module.so is not built; run: make"
    done

    umask 022  # the server's user must read all of it
    # /tmp and not TMPDIR: a socket's path must fit in 107 bytes.
    PRIVATE_ROOT=$(mktemp -d /tmp/imagehash.XXXXXX)
    trap private_cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    PRIVATE_BIN=$PRIVATE_ROOT$bin
    chmod 755 "$PRIVATE_ROOT"
    mkdir -p "$PRIVATE_ROOT$bin" "$PRIVATE_ROOT$lib" "$PRIVATE_ROOT$share"
    cp -a "$bin/." "$PRIVATE_ROOT$bin"
    cp -rs "$lib/." "$PRIVATE_ROOT$lib"
    cp -rs "$share/." "$PRIVATE_ROOT$share"
    # A link to an installed imagehash would be written through.
    find "$PRIVATE_ROOT$lib" "$PRIVATE_ROOT$share" -name 'imagehash*' -prune -exec rm -r {} +
    rm -f "$build/install_manifest.txt"  # written anew; root's, after `sudo make install`
    DESTDIR=$PRIVATE_ROOT cmake --install "$build" >/dev/null
    export PATH=$PRIVATE_BIN:$PATH
}

# private_pgvector DIR: lays a built pgvector, or what stands in for it, over the copy.
private_pgvector() {
    local share
    share=$("$PRIVATE_BIN/pg_config" --sharedir)/extension
    [[ -f $1/vector.control ]] || fail "no vector.control in $1"
    [[ ! -f $1/vector.so ]] || cp --remove-destination "$1/vector.so" "$("$PRIVATE_BIN/pg_config" --pkglibdir)"
    cp --remove-destination "$1/vector.control" "$share"
    find "$1" -maxdepth 2 -name 'vector--*.sql' -exec cp --remove-destination -t "$share" {} +
}

# private_server_start [SETTING=VALUE ...]: a new cluster, PGHOST and friends set to reach it. Without fsync: its
# data are made to be thrown away.
private_server_start() {
    local setting
    PRIVATE_DATA=$PRIVATE_ROOT/data
    PRIVATE_LOG=$PRIVATE_ROOT/server.log
    export PGHOST=$PRIVATE_ROOT PGUSER=postgres PGDATABASE=postgres
    unset PGPORT PGPASSWORD PGSERVICE PGOPTIONS
    [[ $EUID -ne 0 ]] || chown postgres: "$PRIVATE_ROOT"
    as_owner "$PRIVATE_BIN/initdb" --pgdata="$PRIVATE_DATA" --username=postgres --auth=trust --locale=C \
        --encoding=UTF8 --no-sync >"$PRIVATE_ROOT/initdb.log" || { cat "$PRIVATE_ROOT/initdb.log" >&2; fail "initdb failed"; }
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$PRIVATE_ROOT'"
        echo "fsync = off"
        for setting in "$@"; do
            echo "${setting%%=*} = '${setting#*=}'"
        done
    } | as_owner tee -a "$PRIVATE_DATA/postgresql.conf" >/dev/null
    if ! as_owner "$PRIVATE_BIN/pg_ctl" start --wait --silent --pgdata="$PRIVATE_DATA" --log="$PRIVATE_LOG"; then
        tail -n 40 "$PRIVATE_LOG" >&2 || true
        fail "the server did not start"
    fi
}

private_server_stop() {
    [[ -f ${PRIVATE_DATA:-}/postmaster.pid ]] || return 0
    as_owner "$PRIVATE_BIN/pg_ctl" stop --mode=immediate --silent --pgdata="$PRIVATE_DATA" || true
}

# Runs on exit, however that comes about. KEEP=1 leaves the server and says how to use and stop it.
private_cleanup() {
    local status=$?
    trap - EXIT INT TERM
    if [[ ${KEEP:-0} == 1 && -f ${PRIVATE_DATA:-}/postmaster.pid ]]; then
        local as=''
        [[ $EUID -ne 0 ]] || as='runuser -u postgres -- '
        echo
        echo "The server is left running. To look around:"
        echo "  $PRIVATE_BIN/psql -h $PGHOST -U $PGUSER $PGDATABASE"
        echo "To stop and remove it:"
        echo "  $as$PRIVATE_BIN/pg_ctl stop -D $PRIVATE_DATA; rm -r $PRIVATE_ROOT"
    else
        private_server_stop
        rm -rf "$PRIVATE_ROOT"
    fi
    exit "$status"
}
