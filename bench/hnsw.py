"""The peer: pgvector's HNSW on a bit(n) column of the same rows, with its defaults, in the same kind of script.

Where the server has no pgvector the section is left out. Must not hold anything of pgvector's own."""

from datasets import NEAREST, loaded, use_index

EF_SEARCH = [10, 20, 40, 100, 200, 400, 700, 1000]  # raised until the recall is there; all are measured, for the plot
OPERATOR = "OPERATOR(vector.<~>)"


def measure(server, kind, bits):
    if not server.has_peer:
        print("  not measured: run with PGVECTOR=/dir of a built pgvector", flush=True)
        return None
    dataset = loaded(server, kind, bits, server.options.hnsw_rows)
    if dataset is None:
        return None
    dataset.find_truth()
    index = f"{dataset.table}_hnsw"
    build, size = server.build_index(index, dataset.table, "hnsw (code vector.bit_hamming_ops)")
    search = f"FROM {dataset.table} ORDER BY code {OPERATOR} {{code}} LIMIT {NEAREST}"
    use_index(server)
    by_id = search.format(code=f"(SELECT code FROM {dataset.query_table} WHERE id = %s)")
    if index not in server.plan("SELECT id " + by_id, [1]):
        raise SystemExit(f"bench: the planner does not use {index}")
    points = []
    for ef_search in EF_SEARCH:
        server.set(hnsw__ef_search=ef_search)
        answers = [[distance for (distance,) in server.run(
            f"SELECT hash <~> %s FROM (SELECT hash {by_id}) AS found", [query, number])]
            for number, query in enumerate(dataset.queries, start=1)]
        ms, _ = server.pgbench(dataset.script("SELECT id " + search),
                               settings={"enable_seqscan": "off", "hnsw.ef_search": ef_search})
        points.append({"ef_search": ef_search, "recall": dataset.recall(answers), "ms": ms})
        print(f"  ef_search {ef_search}: {ms:.3f} ms at recall {points[-1]['recall']:.3f}", flush=True)
    server.run(f"DROP INDEX {index}")
    return {"rows": dataset.rows, "build_s": build, "bytes": size, "points": points,
            "peer": server.value("SELECT extversion FROM pg_extension WHERE extname = 'vector'")}
