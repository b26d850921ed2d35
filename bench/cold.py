"""The index where its pages are not in shared buffers: the first query after a restart, with nothing in memory, and a server
whose shared buffers are smaller than the index.

Files are dropped from the operating system's cache page by page, which needs no root; how much a query then reads from
storage is measured, too. Where the file system lets no page go, that is 0."""

import os
import statistics
import time
from pathlib import Path

from datasets import NEAREST, check_exact, loaded, use_index
from knn import FORCED

RESTARTS = 5  # the median counts
SHARE = 0.4  # of the index, in shared buffers smaller than it
LEAST_KB = 1024


def files(server, *relations):
    """The paths of a relation's main fork, each segment of it."""
    data = Path(server.value("SHOW data_directory"))
    for relation in relations:
        first = data / server.value("SELECT pg_relation_filepath(%s)", [relation])
        yield from [first, *first.parent.glob(first.name + ".*")]


def drop_from_memory(paths):
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)  # only pages that are written can go
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def bytes_from_storage(server):
    """By the session's backend, since it began."""
    pid = server.value("SELECT pg_backend_pid()")
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("read_bytes")))


def milliseconds(server, dataset, query):
    return 1000 * server.seconds(f"SELECT id FROM {dataset.table} ORDER BY hash <~> %s LIMIT {NEAREST}", [query])


def reading_all(paths):
    """Milliseconds in which a program reads the files from storage, one block after another."""
    paths = list(paths)
    drop_from_memory(paths)
    started = time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
    return 1000 * (time.perf_counter() - started)


def measure_first(server, kind, bits):
    """The first query after a restart and the second; the first of a new session when all is in memory, and later ones."""
    dataset = loaded(server, kind, bits, server.options.rows)
    if dataset is None:
        return None
    _, size = dataset.build_index()
    dataset.find_truth()
    check_exact(dataset)
    names = ("first", "first_mb", "second", "read_index", "session", "warm")
    rounds = {name: [] for name in names}
    for number in range(RESTARTS):
        queries = dataset.queries[3 * number:3 * number + 3]
        server.run("CHECKPOINT")
        server.restart()
        use_index(server)
        paths = list(files(server, dataset.index, dataset.table))
        rounds["read_index"].append(reading_all(files(server, dataset.index)))
        drop_from_memory(paths)
        before = bytes_from_storage(server)
        rounds["first"].append(milliseconds(server, dataset, queries[0]))
        rounds["first_mb"].append((bytes_from_storage(server) - before) / 1e6)
        rounds["second"].append(milliseconds(server, dataset, queries[1]))
        for query in dataset.queries:  # all of the index is in shared buffers after that
            milliseconds(server, dataset, query)
        server.connection.close()
        server.connect()
        use_index(server)
        rounds["session"].append(milliseconds(server, dataset, queries[2]))
        rounds["warm"] += [milliseconds(server, dataset, query) for query in dataset.queries]
    result = {"rows": dataset.rows, "bytes": size, **{name: statistics.median(rounds[name]) for name in names}}
    print("  " + ", ".join(f"{name} {result[name]:.3f}" for name in names) + " (ms; MB)", flush=True)
    return result


def measure_buffers(server, kind, bits):
    """The same search with all of the index in shared buffers, and with less than half of it."""
    dataset = loaded(server, kind, bits, server.options.rows)
    if dataset is None:
        return None
    _, size = dataset.build_index()
    dataset.find_truth()
    small = f"{max(LEAST_KB, round(SHARE * size / (1 << 20)) * 1024)}kB"
    result = {"rows": dataset.rows, "bytes": size}
    for name, setting in [("all", None), ("small", small)]:
        server.restart(shared_buffers=setting)
        check_exact(dataset)
        ms, _ = server.pgbench(dataset.knn_script(), settings=FORCED)
        result[name] = {"ms": ms, "shared_buffers": server.value("SHOW shared_buffers")}
        print(f"  shared_buffers {result[name]['shared_buffers']}, index {size / 1e6:.1f} MB: {ms:.3f} ms", flush=True)
    server.restart(shared_buffers=None)
    return result
