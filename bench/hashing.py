"""Hashing of pictures: in bulk, in one backend and with parallel workers, against a bare LibTorch loop outside the server;
large photos; and what a new session costs where the module is preloaded.

Rates of one process are by processor time, which other work on the machine disturbs least."""

import os
import subprocess
from pathlib import Path

import psycopg2

MODEL = "models/efficientnet_lite0.pt"
PICTURES = Path("demo/pictures")
ROUNDS = 3  # the best counts on either side
COPIES = 4  # of each picture in the table that parallel workers share
SESSIONS = 5
WARM_IMAGES = 20
LOOP = "bare loop"
QUERIES = {"image_embedding": "SELECT count(image_embedding(photo)) FROM picture",
           "semantic_hash": "SELECT count(semantic_hash(photo)) FROM picture",
           "semantic_hash of an array": "SELECT cardinality(semantic_hashes(array_agg(photo))) FROM picture"}


def processor_seconds(pid):
    """The processor time of a process's main thread."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[0]) / 1e9


def memory(pid):
    """kB of a process's memory by kind, as /proc says it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}


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


def one_session():
    """Of a session that has just begun: milliseconds of processor time of its first image and of a warm one, and its memory
    before and after."""
    connection = psycopg2.connect("")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
        # The session's own start, and reading the picture, are not what is measured.
        cursor.execute("SELECT length(photo), imagehash_method('ff') FROM picture WHERE id = 1")
        before, times = memory(pid), []
        for _ in range(WARM_IMAGES):
            started = processor_seconds(pid)
            cursor.execute("SELECT semantic_hash(photo) FROM picture WHERE id = 1")
            times.append(1000 * (processor_seconds(pid) - started))
        after = memory(pid)
    connection.close()
    return times[0], min(times[1:]), before, after


def sessions():
    """The best of several sessions; they are open one after the other."""
    measured = [one_session() for _ in range(SESSIONS)]
    private = [{name: m["Private_Dirty"] + m["Private_Clean"] for name, m in (("before", before), ("after", after))}
               for _, _, before, after in measured]
    return {"first_ms": min(first for first, *_ in measured), "warm_ms": min(warm for _, warm, *_ in measured),
            "private_before_kb": min(p["before"] for p in private), "private_after_kb": min(p["after"] for p in private),
            "rss_kb": min(after["Rss"] for *_, after in measured)}


def large_photos(server):
    output = subprocess.run([server.options.build / "decode_speed", PICTURES], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    names = ("kb", "full_ms", "reduced_ms", "full_input_ms", "reduced_input_ms")
    rows = [line.split() for line in output.splitlines()]
    return [{"kind": kind, **dict(zip(names, map(float, numbers)))} for kind, *numbers in rows]


def measure(server, _kind, _bits):
    pictures = [path.read_bytes() for path in sorted(PICTURES.glob("*.jpg"))]
    cores = len(os.sched_getaffinity(0))
    print(f"  hashing {len(pictures)} pictures", flush=True)
    server.run("DROP TABLE IF EXISTS picture")
    server.run("CREATE TABLE picture (id int PRIMARY KEY, photo bytea)")
    server.cursor.executemany("INSERT INTO picture VALUES (%s, %s)", list(enumerate(pictures, 1)))
    result = {"images_per_s": bulk(server, len(pictures)), "large": large_photos(server)}
    server.restart(shared_preload_libraries="imagehash_vision")
    result |= {"session": sessions(), "parallel": parallel(server, len(pictures), cores)}
    server.restart(shared_preload_libraries=None)
    print(f"  {result}", flush=True)
    return result
