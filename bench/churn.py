"""Half of the rows replaced in ten rounds of delete, insert and vacuum: query time and size against a fresh build."""

from datasets import Dataset, check_exact, loaded
from knn import FORCED

ROUNDS = 10
SHARE = 20  # one row in so many leaves in a round


def measure(server, kind, bits):
    rows = server.options.rows
    replaced = rows // SHARE
    source = loaded(server, kind, bits, rows + ROUNDS * replaced, with_bits=False)
    dataset = Dataset(server, kind, bits, rows)
    dataset.table, dataset.index, dataset.query_table = f"churn_{bits}", f"churn_{bits}_index", source.query_table
    dataset.queries = source.queries
    server.run(f"DROP TABLE IF EXISTS {dataset.table}")
    server.run(f"CREATE TABLE {dataset.table} (id int, hash imagehash({bits}))")
    server.run(f"INSERT INTO {dataset.table} SELECT id, hash FROM {source.table} WHERE id <= {rows}")
    server.run(f"CREATE INDEX ON {dataset.table} (id)")
    dataset.build_index()
    server.run(f"VACUUM ANALYZE {dataset.table}")
    vacuum_s = 0.0
    for number in range(ROUNDS):
        # Each row has its round, by its number; rows come and go all over the table.
        server.run(f"DELETE FROM {dataset.table} WHERE id <= {rows} AND id % {SHARE} = {number}")
        first = rows + number * replaced
        server.run(f"INSERT INTO {dataset.table} SELECT id, hash FROM {source.table} "
                   f"WHERE id > {first} AND id <= {first + replaced}")
        vacuum_s += server.seconds(f"VACUUM {dataset.table}")
    server.run(f"ANALYZE {dataset.table}")
    result = {"rows": rows, "vacuum_s": vacuum_s / ROUNDS, "churned": state(dataset)}
    server.run(f"REINDEX INDEX {dataset.index}")
    result["fresh"] = state(dataset)
    server.run(f"DROP TABLE {dataset.table}")
    server.run(f"DROP TABLE {source.table}")
    del server.tables[source.table]
    return result


def state(dataset):
    size = dataset.server.value("SELECT pg_relation_size(%s)", [dataset.index])
    check_exact(dataset)
    ms, _ = dataset.server.pgbench(dataset.knn_script(), settings=FORCED)
    print(f"  {ms:.3f} ms, {size / 1e6:.1f} MB", flush=True)
    return {"ms": ms, "bytes": size}
