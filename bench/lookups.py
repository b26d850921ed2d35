"""Near-duplicates in ten times the rows, as a service looks them up: PDQ hashes within 31 of 256 bits, of pictures that are
not among the rows, and of copies of some that are."""

import random

from datasets import QUERIES, SEED, Dataset, loaded, use_index
from knn import measure_radius

RADIUS = 31  # of 256 bits: up to that distance PDQ's authors call two pictures the same
COPY_FLIPS = 20  # at most, in the hash of a copy


def measure(server, kind, bits):
    dataset = loaded(server, kind, bits, server.options.large_rows, with_bits=False)
    if dataset is None:
        return None
    build, size = dataset.build_index()
    use_index(server)
    result = {"rows": dataset.rows, "build_s": build, "bytes": size}
    for name, asked in [("new", dataset), ("copies", copies(dataset))]:
        result[name] = measure_radius(asked, RADIUS)
        result[name]["rate"] = 1000 / result[name]["ms"]
    server.run(f"DROP TABLE {dataset.table}")
    del server.tables[dataset.table]
    return result


def copies(dataset):
    """The same rows, asked for hashes of rows from all over the table, with a few bits flipped."""
    server, source = dataset.server, random.Random(SEED)
    result = Dataset(server, dataset.kind, dataset.bits, dataset.rows)
    result.query_table = f"{dataset.table}_copy"
    result.files = [dataset.files[0], server.work / f"{dataset.table}.copies"]
    rows = server.run(f"SELECT hash::bytea FROM {dataset.table} WHERE id %% %s = 0 ORDER BY id LIMIT %s",
                      [dataset.rows // QUERIES, QUERIES])
    for (code,) in rows:
        flips = sum(1 << bit for bit in source.sample(range(dataset.bits), source.randrange(COPY_FLIPS + 1)))
        result.queries.append(f"{int.from_bytes(code, 'big') ^ flips:0{dataset.bits // 4}x}")
    result.files[1].write_text("".join(f"{query}\n" for query in result.queries), encoding="ascii")
    server.run(f"DROP TABLE IF EXISTS {result.query_table}")
    server.run(f"CREATE TABLE {result.query_table} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
               f"hash imagehash({dataset.bits}))")
    result.copy(result.query_table, result.files[1])
    server.run(f"VACUUM ANALYZE {result.query_table}")
    return result
