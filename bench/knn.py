"""The hamming index on its own: nearest neighbors, ten and a hundred, radius, all pages, two backends, ten times
the rows.

Every time is a mean over queries drawn by chance, of prepared statements, through pgbench."""

import json

from bench_server import CORES
from datasets import NEAREST, check_exact, loaded, use_index, use_scan

FORCED = {"enable_seqscan": "off"}
RADIUS = 4
MANY = 100  # nearest
TARGET_RECALL = 0.95
# On uniform codes, six standard deviations below the mean distance: no page can be left out and next to nothing found.
ALL_PAGES_RADIUS = {64: 8, 256: 80}


def measure(server, kind, bits):
    dataset = loaded(server, kind, bits, server.options.rows)
    if dataset is None:
        return None
    build, size = dataset.build_index()
    flat_median, _, kernel = dataset.find_truth()
    check_exact(dataset)
    result = {"rows": dataset.rows, "build_s": build, "bytes": size, "flat_ms": flat_median, "kernel": kernel}
    result["empty_ms"], _ = server.pgbench(dataset.empty_script())
    result["ms"], _ = server.pgbench(dataset.knn_script(), settings=FORCED)
    result["pages_read"] = pages_read(
        dataset, f"SELECT id FROM {dataset.table} ORDER BY hash <~> %s LIMIT {NEAREST}")
    result["scan_ms"] = sequential_scan(dataset)
    print(f"  top {NEAREST}: {result['ms']:.3f} ms, {result['pages_read']:.0%} of the pages (empty statement "
          f"{result['empty_ms']:.3f}; flat {flat_median:.3f}; sequential scan {result['scan_ms']:.1f})", flush=True)
    result["within"] = measure_radius(dataset, RADIUS)
    if kind == "uniform":
        result["all_pages"] = measure_radius(dataset, ALL_PAGES_RADIUS[bits])
    result["approximate"] = measure_approximate(dataset)
    return result


def sequential_scan(dataset):
    use_scan(dataset.server)
    seconds = [dataset.server.seconds(
        f"SELECT id FROM {dataset.table} ORDER BY hash <~> %s LIMIT {NEAREST}", [query]) for query in dataset.queries[:5]]
    use_index(dataset.server)
    return 1000 * sorted(seconds)[len(seconds) // 2]


def pages_read(dataset, search):
    """Pages touched in the index a query, as a share of its pages; an upper bound, as heap pages count."""
    pages = dataset.server.value("SELECT pg_relation_size(%s) / 8192", [dataset.index])
    touched = 0
    sample = dataset.queries[:20]
    for query in sample:
        plan = dataset.server.value("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + search, [query])
        plan = plan if isinstance(plan, list) else json.loads(plan)
        touched += plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    return touched / len(sample) / pages


def measure_radius(dataset, radius):
    server = dataset.server
    search = f"SELECT id FROM {dataset.table} WHERE hamming_within(hash, {{query}}, {radius})"
    literal = search.format(query="%s")
    if dataset.index not in server.plan(literal, [dataset.queries[0]]):
        raise SystemExit(f"bench: the planner does not use {dataset.index} for hamming_within")
    found = [len(server.run(literal, [query])) for query in dataset.queries]
    use_scan(server)
    for number, query in enumerate(dataset.queries[:5]):
        by_scan = len(server.run(literal, [query]))
        if by_scan != found[number]:
            raise SystemExit(f"bench: {query} within {radius}: the index finds {found[number]}, a sequential scan {by_scan}")
    use_index(server)
    flat, _, _ = dataset.flat_scan("--within", radius)
    ms, _ = server.pgbench(dataset.script(search), settings=FORCED)
    result = {"radius": radius, "ms": ms, "flat_ms": flat, "found": sum(found) / len(found),
              "pages_read": pages_read(dataset, literal)}
    print(f"  within {radius}: {ms:.3f} ms, {result['found']:.2f} rows, {result['pages_read']:.0%} of the pages "
          f"(flat {flat:.3f})", flush=True)
    return result


def measure_approximate(dataset):
    """Time and true recall under imagehash.target_recall; None where the build has no such setting."""
    server = dataset.server
    if not server.has_recall:
        print("  imagehash.target_recall is unknown to this build", flush=True)
        return None
    server.set(imagehash__target_recall=str(TARGET_RECALL))
    recall = dataset.recall([dataset.nearest(query) for query in dataset.queries])
    server.run("RESET imagehash.target_recall")
    ms, _ = server.pgbench(dataset.knn_script(), settings=FORCED | {"imagehash.target_recall": TARGET_RECALL})
    print(f"  target_recall = {TARGET_RECALL}: {ms:.3f} ms at recall {recall:.3f}", flush=True)
    return {"target": TARGET_RECALL, "ms": ms, "recall": recall}


def measure_many(server, kind, bits):
    """The nearest 100 beside the nearest 10."""
    dataset = loaded(server, kind, bits, server.options.rows)
    if dataset is None:
        return None
    dataset.build_index()
    result = {"rows": dataset.rows, "k": MANY}
    for name, nearest in [("many", MANY), ("usual", NEAREST)]:  # NEAREST last: other sections need its truth
        flat, _, _ = dataset.find_truth(nearest)
        check_exact(dataset, nearest)
        ms, _ = server.pgbench(dataset.knn_script(nearest), settings=FORCED)
        result[name] = {"ms": ms, "flat_ms": flat}
        print(f"  top {nearest}: {ms:.3f} ms (flat {flat:.3f})", flush=True)
    return result


def measure_backends(server, kind, bits):
    if len(CORES) < 2:
        print("  not measured: there is one core", flush=True)
        return None
    dataset = loaded(server, kind, bits, server.options.rows)
    dataset.build_index()
    dataset.find_truth()
    check_exact(dataset)
    rates = scaling(server, dataset.knn_script())
    empty = scaling(server, dataset.empty_script())  # how much two cores are worth on this machine
    print(f"  1 and 2 backends: {rates['1']:,.0f} and {rates['2']:,.0f} queries/s; {empty['1']:,.0f} and {empty['2']:,.0f} "
          "empty statements/s", flush=True)
    return {"rows": dataset.rows, "rates": rates, "empty_rates": empty}


def scaling(server, script):
    """Transactions a second of one backend, on the better of two cores, and of two."""
    alone = [server.pgbench(script, settings=FORCED, cores=[core])[1] for core in CORES[:2]]
    return {"1": max(alone), "2": server.pgbench(script, settings=FORCED, cores=CORES[:2])[1]}


def measure_large(server, kind, bits):
    """The same search on ten times the rows, and on the usual number beside it."""
    results = {}
    for name, rows in [("usual", server.options.rows), ("large", server.options.large_rows)]:
        dataset = loaded(server, kind, bits, rows, with_bits=name == "usual")
        build, size = dataset.build_index()
        flat, _, _ = dataset.find_truth()
        check_exact(dataset)
        ms, _ = server.pgbench(dataset.knn_script(), settings=FORCED)
        results[name] = {"rows": rows, "build_s": build, "bytes": size, "flat_ms": flat, "ms": ms}
        print(f"  {rows:,} rows: {ms:.3f} ms (flat {flat:.3f})", flush=True)
    server.run(f"DROP TABLE {dataset.table}")
    del server.tables[dataset.table]
    return results
