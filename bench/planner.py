"""Does the planner choose the faster plan? Sizes x (k or radius) x filters, each with the index forced, with the
sequential scan forced, and as planned. A cell is wrong where the plan chosen takes more than twice the time of the other."""

import json

import psycopg2

from datasets import loaded, use_index, use_scan

SIZES = [1_000, 20_000, 200_000, 1_000_000]
COUNTS = [1, 10, 100, 1000, None]  # None: all rows
RADII = [0, 4, 10, 20]
FILTERS = {"none": "true", "10 %": "part < 100", "0.1 %": "part = 7"}
SAMPLE = 3      # queries a cell
ROUNDS = 2      # the faster counts
TOO_MUCH = 2.0
NOTICEABLE_MS = 0.1  # smaller differences are the clock's
LIMIT_MS = 60_000


def measure(server, kind, bits):
    cells = []
    largest = loaded(server, kind, bits, server.options.rows)
    for size in [size for size in SIZES if size <= largest.rows]:
        table = f"planner_{size}"
        server.run(f"DROP TABLE IF EXISTS {table}")
        server.run(f"CREATE TABLE {table} AS SELECT id, id % 1000 AS part, hash FROM {largest.table} WHERE id <= {size}")
        server.build_index(f"{table}_index", table, "hamming (hash)")
        server.run(f"VACUUM ANALYZE {table}")
        queries = largest.queries[:SAMPLE]
        for filter_name, condition in FILTERS.items():
            for count in COUNTS:
                search = f"SELECT id FROM {table} WHERE {condition} ORDER BY hash <~> %s LIMIT {count or 'ALL'}"
                cells.append(cell(server, search, queries, rows=size, filter=filter_name, k=count or "all"))
            for radius in RADII:
                search = f"SELECT id FROM {table} WHERE {condition} AND hamming_within(hash, %s, {radius})"
                cells.append(cell(server, search, queries, rows=size, filter=filter_name, radius=radius))
        server.run(f"DROP TABLE {table}")
    wrong = [entry for entry in cells if entry["wrong"]]
    print(f"  {len(wrong)} of {len(cells)} cells wrong", flush=True)
    return {"rows": largest.rows, "cells": cells}


def cell(server, search, queries, **what):
    """Milliseconds of both plans over the sample, and the choice. The choice may differ from query to query."""
    use_index(server)
    index = [best_time(server, search, query, "Index") for query in queries]
    use_scan(server)
    scan = [best_time(server, search, query, "Seq Scan") for query in queries]
    server.set(enable_seqscan="on", enable_indexscan="on", enable_bitmapscan="on", enable_indexonlyscan="on")
    choices = ["scan" if "Seq Scan" in server.plan(search, [query]) else "index" for query in queries]
    result = what | {"choice": "/".join(sorted(set(choices))), "scan_ms": sum(scan) / len(scan)}
    if None in index:  # the index cannot answer this
        return result | {"index_ms": None, "ratio": 1.0, "wrong": False}
    chosen = sum(i if choice == "index" else s for i, s, choice in zip(index, scan, choices))
    other = sum(s if choice == "index" else i for i, s, choice in zip(index, scan, choices))
    result |= {"index_ms": sum(index) / len(index), "ratio": chosen / other}
    result["wrong"] = chosen > TOO_MUCH * other and (chosen - other) / len(queries) > NOTICEABLE_MS
    if result["wrong"]:
        print(f"  wrong: {what}: index {result['index_ms']:.3f} ms, sequential scan {result['scan_ms']:.3f} ms, "
              f"chosen: {result['choice']}", flush=True)
    return result


def best_time(server, search, query, node):
    """Milliseconds inside the executor; None where the plan is not of the kind asked for."""
    server.set(statement_timeout=LIMIT_MS)
    best = None
    for _ in range(ROUNDS):
        try:
            plan = server.value("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + search, [query])
        except psycopg2.errors.QueryCanceled:
            best = LIMIT_MS
            break
        plan = plan if isinstance(plan, list) else json.loads(plan)
        if node not in json.dumps(plan[0]["Plan"]):
            best = None
            break
        best = min(best or plan[0]["Execution Time"], plan[0]["Execution Time"])
    server.set(statement_timeout=0)
    return best
