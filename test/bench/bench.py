"""Measures on the server that PGHOST & co. say, and writes a Markdown table of ratios. Started by run.sh.

Both sides of a ratio are measured in the same run: absolute times belong to the machine, ratios are ours to keep.
Must not assert a time; it does fail when an index gives other distances than a sequential scan."""

import argparse
import statistics
import subprocess
import time
from pathlib import Path

import psycopg2

KNN = "SELECT hash <~> %(query)s FROM code ORDER BY hash <~> %(query)s LIMIT 10"
QUERIES_BY_INDEX, QUERIES_BY_SCAN = 100, 10
ROUNDS = 3  # of the bulk measurements; the best counts on either side


def timed(cursor, query, parameters=None):
    started = time.perf_counter()
    cursor.execute(query, parameters)
    rows = cursor.fetchall() if cursor.description else []
    return time.perf_counter() - started, rows


def random_queries(cursor, bits, count):
    """Hashes as text; made like those in the table, of other numbers, so that none of them is in it."""
    cursor.execute(
        "SELECT encode(substring(sha256(('query ' || i)::bytea) FOR %s), 'hex') FROM generate_series(1, %s) i",
        [bits // 8, count],
    )
    return [text for (text,) in cursor]


def nearest(cursor, queries, by_index):
    """Median seconds of a top-10 query, and the distances that each query got."""
    cursor.execute(f"SET enable_seqscan = {'off' if by_index else 'on'}")
    cursor.execute(f"SET enable_indexscan = {'on' if by_index else 'off'}")
    _, plan = timed(cursor, "EXPLAIN " + KNN, {"query": queries[0]})
    if any("Index Scan" in line for (line,) in plan) != by_index:
        raise SystemExit(f"bench: the planner did not do what was to be measured: {plan}")
    timed(cursor, KNN, {"query": queries[0]})
    runs = [timed(cursor, KNN, {"query": query}) for query in queries]
    return statistics.median(seconds for seconds, _ in runs), [rows for _, rows in runs]


def bench_knn(cursor, codes, bits):
    print(f"top 10 of {codes:,} random codes of {bits} bits", flush=True)
    cursor.execute("DROP TABLE IF EXISTS code")
    cursor.execute(f"CREATE TABLE code (id int, hash imagehash({bits}))")
    cursor.execute(
        "INSERT INTO code SELECT i, substring(sha256(i::text::bytea) FOR %s)::imagehash FROM generate_series(1, %s) i",
        [bits // 8, codes],
    )
    cursor.execute("VACUUM ANALYZE code")
    build, _ = timed(cursor, "CREATE INDEX code_hash ON code USING hamming (hash)")
    _, [(size,)] = timed(cursor, "SELECT pg_size_pretty(pg_relation_size('code_hash'))")
    print(f"  index built in {build:.1f} s, {size}", flush=True)
    queries = random_queries(cursor, bits, QUERIES_BY_INDEX)
    index, by_index = nearest(cursor, queries, by_index=True)
    print(f"  hamming index {index * 1000:.2f} ms", flush=True)
    scan, by_scan = nearest(cursor, queries[:QUERIES_BY_SCAN], by_index=False)
    print(f"  sequential scan {scan * 1000:.1f} ms", flush=True)
    if by_index[:QUERIES_BY_SCAN] != by_scan:
        raise SystemExit("bench: the index and the sequential scan give different distances")
    return [f"top 10 of {codes:,} random codes of {bits} bits ({size}, built in {build:.1f} s)",
            f"hamming index, {index * 1000:.2f} ms", f"sequential scan, {scan * 1000:.1f} ms",
            f"{scan / index:.0f} × faster"]


def bench_hashing(cursor, options):
    pictures = [path.read_bytes() for path in sorted(options.pictures.glob("*.jpg"))]
    print(f"bulk hashing of {len(pictures)} pictures, one core each", flush=True)
    cursor.execute("DROP TABLE IF EXISTS picture")
    cursor.execute("CREATE TABLE picture (photo bytea)")
    cursor.executemany("INSERT INTO picture VALUES (%s)", [[picture] for picture in pictures])
    queries = {"image_embedding": "SELECT count(image_embedding(photo)) FROM picture",
               "semantic_hash": "SELECT count(semantic_hash(photo)) FROM picture"}
    best = dict.fromkeys(["bare loop", *queries], 0.0)
    timed(cursor, "SELECT semantic_hash(photo) FROM picture LIMIT 1")  # loads the model
    # Taken in turn, so that a slow spell of the machine meets all of them.
    for _ in range(ROUNDS):
        output = subprocess.run([options.bare_loop, options.model, options.pictures], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        best["bare loop"] = max(best["bare loop"], float(output))
        for name, query in queries.items():
            best[name] = max(best[name], len(pictures) / timed(cursor, query)[0])
    for name, rate in best.items():
        print(f"  {name} {rate:.1f} images/s", flush=True)
    return [[f"bulk `{name}`, one backend", f"{best[name]:.1f} images/s",
             f"bare LibTorch loop, {best['bare loop']:.1f} images/s", f"{best[name] / best['bare loop']:.2f}"]
            for name in queries]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bare-loop", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--codes", type=int, default=1_000_000)
    options = parser.parse_args()

    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("CREATE EXTENSION imagehash")
    rows = [bench_knn(cursor, options.codes, bits) for bits in (64, 256)]
    rows += bench_hashing(cursor, options)

    cursor.execute("SELECT version()")
    [(version,)] = cursor.fetchall()
    table = ["| what | ours | against | ratio |", "|---|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    text = f"""# Results of `make bench`

Each line was measured side by side in one run: times belong to the machine, the ratio is what counts.
Measured on {version.split(',')[0]}, {machine()}.

{chr(10).join(table)}
"""
    options.out.write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten to {options.out}")


def machine():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "an unknown processor"
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "an unknown processor")


if __name__ == "__main__":
    main()
