"""What a session that hashes costs, by what the server has loaded at its start: the first image and a warm one, and memory.

A session that loads the libraries itself pays for them once, in time and in memory of its own. Times are processor time,
which other work on the machine disturbs least; memory is the mean of many sessions that are open at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2

from bench_server import CORES, processor_seconds
from hashing import load_pictures

PRELOADED = "imagehash, vision, semantic"  # all there is
# What is preloaded: shared_preload_libraries and imagehash.preload_libraries.
SERVERS = {
    "nothing": (None, None),
    "imagehash": ("imagehash", None),
    "imagehash, vision": ("imagehash", "vision"),
    PRELOADED: ("imagehash", "vision, semantic"),
}
HASHES = ("perceptual_hash", "semantic_hash")
ROUNDS = 3  # the best counts
OPEN = 20  # sessions, at the same time
IMAGES = 20  # hashed in one session


class Session:
    def __init__(self):
        self.connection = psycopg2.connect("")
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute("SELECT pg_backend_pid()")
        self.pid = self.cursor.fetchone()[0]
        # The session's own start, and reading the picture, are not what is measured.
        self.cursor.execute("SELECT length(photo) FROM picture WHERE id = 1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def hash(self, function, images=1):
        """Milliseconds of processor time for each."""
        times = []
        for _ in range(images):
            started = processor_seconds(self.pid)
            self.cursor.execute(f"SELECT {function}(photo) FROM picture WHERE id = 1")
            times.append(1000 * (processor_seconds(self.pid) - started))
        return times

    def memory(self):
        """kB: what no other process has, and that with its share of what others have too."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
        kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
        return {"private_kb": kb["Private_Dirty"] + kb["Private_Clean"], "pss_kb": kb["Pss"]}


def times(function):
    """The best of several sessions, which are open one after the other."""
    rounds = []
    for _ in range(ROUNDS):
        with Session() as session:
            rounds.append(session.hash(function, IMAGES))
    return {"first_ms": min(first for first, *_ in rounds), "warm_ms": min(min(warm) for _, *warm in rounds)}


def memory_after(steps):
    """Means over sessions of which each has taken a step before any is looked at. A step is its name, a function, and how
    many images."""
    sessions, means = [Session() for _ in range(OPEN)], {}
    with ThreadPoolExecutor(len(CORES)) as pool:
        for name, function, images in steps:
            list(pool.map(lambda session: session.hash(function, images), sessions))
            looks = [session.memory() for session in sessions]
            means[name] = {kind: sum(look[kind] for look in looks) / OPEN for kind in looks[0]}
    for session in sessions:
        session.connection.close()
    return means


def measure(server, _kind, _bits):
    load_pictures(server)
    result = {"open": OPEN, "images": IMAGES, "servers": {}}
    for name, (shared, libraries) in SERVERS.items():
        server.restart(shared_preload_libraries=shared, imagehash__preload_libraries=libraries)
        memory = memory_after([("start", HASHES[0], 0), ("perceptual", HASHES[0], 1)])
        memory |= memory_after([("semantic", HASHES[1], 1), ("semantics", HASHES[1], IMAGES - 1)])
        result["servers"][name] = {"times": {function: times(function) for function in HASHES}, "memory": memory}
        print(f"  preloaded {name}: {result['servers'][name]}", flush=True)
    server.restart(shared_preload_libraries=None, imagehash__preload_libraries=None)
    return result
