"""Single-row inserts by four clients into a table with the hamming index, against the same table with a btree; and what
they do to the slowest queries."""

from bench_server import percentile_of_logs
from datasets import check_exact, loaded
from knn import FORCED

CLIENTS = 4
ROUNDS = 2  # taken in turn, so that a slow spell of the machine meets both
INSERT = """\\set high random(0, 4294967295)
\\set low random(0, 2147483647)
INSERT INTO {table} (hash) VALUES (imagehash((:high::bigint << 31) | :low::bigint));"""


def measure(server, kind, bits):
    dataset = loaded(server, kind, bits, server.options.rows)
    dataset.find_truth()
    tables = {method: f"insert_{method}" for method in ("hamming", "btree")}
    for method, table in tables.items():
        server.run(f"DROP TABLE IF EXISTS {table}")
        server.run(f"CREATE TABLE {table} (id int GENERATED ALWAYS AS IDENTITY, hash imagehash({bits}))")
        server.run(f"INSERT INTO {table} (hash) SELECT hash FROM {dataset.table} ORDER BY id")
        server.build_index(f"{table}_index", table, f"{method} (hash)")
        server.run(f"VACUUM ANALYZE {table}")
    query = dataset.script(f"SELECT id FROM {tables['hamming']} ORDER BY hash <~> {{query}} LIMIT 10")
    latency = {"quiet": slowest(server, query, None)}
    rates = {method: 0.0 for method in tables}
    for _ in range(ROUNDS):
        for method, table in tables.items():
            _, rate = server.finish_pgbench(
                server.start_pgbench(INSERT.format(table=table), server.options.seconds, CLIENTS))
            rates[method] += rate / ROUNDS
    beside = {method: [] for method in tables}
    for _ in range(ROUNDS):
        for method, table in tables.items():
            beside[method].append(slowest(server, query, INSERT.format(table=table)))
    for method, rounds in beside.items():
        latency[method] = {name: sum(each[name] for each in rounds) / ROUNDS for name in rounds[0]}
    print(f"  inserts/s: {', '.join(f'{method} {rate:,.0f}' for method, rate in rates.items())}", flush=True)
    check_after(dataset, tables["hamming"])
    inserted = server.value(f"SELECT count(*) FROM {tables['hamming']}") - dataset.rows
    for table in tables.values():
        server.run(f"DROP TABLE {table}")
    return {"rows": dataset.rows, "inserted": inserted, "rates": rates, "latency": latency}


def slowest(server, query, insert):
    """Mean and 99th percentile of a query, in ms, while four clients run `insert` (None: nothing)."""
    server.finish_pgbench(server.start_pgbench(query, 1, settings=FORCED))
    log = server.work / "latency"
    inserting = server.start_pgbench(insert, server.options.seconds, CLIENTS) if insert else None
    mean, _ = server.finish_pgbench(server.start_pgbench(query, server.options.seconds, settings=FORCED, log=log))
    if inserting:
        server.finish_pgbench(inserting)
    result = {"mean_ms": mean, "p99_ms": percentile_of_logs(log, 0.99)}
    when = "beside inserts" if insert else "quiet"
    print(f"  query {when}: mean {mean:.3f} ms, p99 {result['p99_ms']:.3f} ms", flush=True)
    return result


def check_after(dataset, table):
    """The index must be exact on what was inserted, too."""
    truth, dataset.truth = dataset.truth, []
    names, (dataset.table, dataset.index) = (dataset.table, dataset.index), (table, f"{table}_index")
    check_exact(dataset)
    (dataset.table, dataset.index), dataset.truth = names, truth
