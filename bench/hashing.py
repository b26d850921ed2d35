"""Hashing of pictures: in bulk, in one backend and with parallel workers, against a bare LibTorch loop outside the server;
and decoding of large photos.

Rates of one process are by processor time, which other work on the machine disturbs least."""

import subprocess
from pathlib import Path

from bench_server import CORES, processor_seconds

MODEL = "models/efficientnet_lite0.pt"
PICTURES = Path("demo/pictures")
ROUNDS = 3  # the best counts on either side
COPIES = 4  # of each picture in the table that parallel workers share
LOOP = "bare loop"
QUERIES = {"image_embedding": "SELECT count(image_embedding(photo)) FROM picture",
           "semantic_hash": "SELECT count(semantic_hash(photo)) FROM picture",
           "semantic_hash of an array": "SELECT cardinality(semantic_hashes(array_agg(photo))) FROM picture"}


def load_pictures(server):
    """Into the table picture, numbered from 1. Returns how many."""
    pictures = [path.read_bytes() for path in sorted(PICTURES.glob("*.jpg"))]
    server.run("DROP TABLE IF EXISTS picture")
    server.run("CREATE TABLE picture (id int PRIMARY KEY, photo bytea)")
    server.cursor.executemany("INSERT INTO picture VALUES (%s, %s)", list(enumerate(pictures, 1)))
    return len(pictures)


def bare_loops(server, processes):
    """Images per second of all together, and images per second of processor time."""
    running = [subprocess.Popen([server.options.build / "bare_loop", MODEL, PICTURES], text=True, stdout=subprocess.PIPE)
               for _ in range(processes)]
    outputs = [process.communicate()[0].split() for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("bench: bare_loop failed")
    return sum(float(elapsed) for elapsed, _ in outputs), sum(float(processor) for _, processor in outputs)


def bulk(server, pictures):
    best = dict.fromkeys([LOOP, *QUERIES], 0.0)
    pid = server.value("SELECT pg_backend_pid()")
    server.run("SELECT semantic_hash(photo) FROM picture LIMIT 1")  # loads the model
    # Taken in turn, so that a slow spell of the machine meets all of them.
    for _ in range(ROUNDS):
        best[LOOP] = max(best[LOOP], bare_loops(server, 1)[1])
        for name, query in QUERIES.items():
            started = processor_seconds(pid)
            server.run(query)
            best[name] = max(best[name], pictures / (processor_seconds(pid) - started))
    return best


def parallel(server, pictures, processes):
    """Images per second, elapsed, of CREATE TABLE AS with that many processes, and of as many bare loops."""
    # Pictures lie outside the table's pages; a few rows a page are what workers can share evenly.
    server.run("DROP TABLE IF EXISTS pictures, hashed")
    server.run("CREATE TABLE pictures (photo bytea, filler char(1800) DEFAULT '')")
    server.run("ALTER TABLE pictures ALTER filler SET STORAGE PLAIN")
    server.run("INSERT INTO pictures SELECT photo FROM picture, generate_series(1, %s)", [COPIES])
    server.run("ANALYZE pictures")
    server.set(max_parallel_workers_per_gather=processes - 1, min_parallel_table_scan_size=0, parallel_setup_cost=0)
    statement = "CREATE TABLE hashed AS SELECT semantic_hash(photo) FROM pictures"
    if processes > 1 and "Gather" not in server.plan(statement):
        raise SystemExit("bench: the planner does not hash in parallel")
    best = {"processes": processes, "loop": 0.0, "semantic_hash": 0.0}
    for _ in range(ROUNDS):
        best["loop"] = max(best["loop"], bare_loops(server, processes)[0])
        best["semantic_hash"] = max(best["semantic_hash"], COPIES * pictures / server.seconds(statement))
        server.run("DROP TABLE hashed")
    server.run("DROP TABLE pictures")
    return best


def large_photos(server):
    output = subprocess.run([server.options.build / "decode_speed", PICTURES], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    names = ("kb", "full_ms", "reduced_ms", "full_input_ms", "reduced_input_ms")
    rows = [line.split() for line in output.splitlines()]
    return [{"kind": kind, **dict(zip(names, map(float, numbers)))} for kind, *numbers in rows]


def measure(server, _kind, _bits):
    pictures = load_pictures(server)
    print(f"  hashing {pictures} pictures", flush=True)
    result = {"images_per_s": bulk(server, pictures), "large": large_photos(server)}
    # Parallel workers are sessions of their own, which would load the libraries anew.
    server.restart(shared_preload_libraries="imagehash", imagehash__preload_libraries="vision, semantic")
    result["parallel"] = parallel(server, pictures, len(CORES))
    server.restart(shared_preload_libraries=None, imagehash__preload_libraries=None)
    print(f"  {result}", flush=True)
    return result
