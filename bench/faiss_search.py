"""Searches codes with faiss in one thread, one query at a time, and prints what came of it as JSON: IndexBinaryFlat, then
IndexBinaryHNSW with efSearch raised until the recall is there. Started by faiss_peer.py in a Python that has faiss; it
needs nothing else of the bench.

Must not decide what is compared with it."""

import argparse
import json
import os
import time

import faiss
import numpy

ROUNDS = 3  # the best counts
WARM_UP = 20  # queries


def read_codes(path):
    """A file of make_codes as an array of bytes, a code a row."""
    with open(path, encoding="ascii") as file:
        digits = len(file.readline().strip())
        file.seek(0)
        codes = numpy.frombuffer(bytes.fromhex(file.read()), dtype=numpy.uint8)
    return codes.reshape(-1, digits // 2)


def read_truth(path):
    with open(path, encoding="ascii") as file:
        return numpy.array([[int(distance) for distance in line.split()] for line in file])


def recall(found, truth):
    """By distance: an answer as near as the true k-th counts, so ties do no harm."""
    return float((found <= truth[:, -1:]).sum() / truth.size)


def milliseconds(index, queries, k, seconds):
    """The mean of a query."""
    one_by_one = [queries[number:number + 1] for number in range(len(queries))]
    for query in one_by_one[:WARM_UP]:
        index.search(query, k)
    best = float("inf")
    for _ in range(ROUNDS):
        count, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds / ROUNDS:
            index.search(one_by_one[count % len(one_by_one)], k)
            count += 1
        best = min(best, 1000 * passed / count)
    return best


def built(index, codes):
    started = time.perf_counter()
    index.add(codes)
    return {"build_s": time.perf_counter() - started, "bytes": int(faiss.serialize_index_binary(index).size)}


def flat(codes, queries, truth, options):
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    result = built(index, codes)
    found, _ = index.search(queries, options.k)
    if not numpy.array_equal(numpy.sort(found, axis=1), truth):
        raise SystemExit("faiss_search: IndexBinaryFlat finds other distances than the flat scan")
    return result | {"ms": milliseconds(index, queries, options.k, options.seconds)}


def hnsw(codes, queries, truth, options):
    index = faiss.IndexBinaryHNSW(8 * codes.shape[1], options.m)
    index.hnsw.efConstruction = options.ef_construction
    result = built(index, codes) | {"points": []}
    for ef_search in options.ef_search:
        index.hnsw.efSearch = ef_search
        found, _ = index.search(queries, options.k)
        point = {"ef_search": ef_search, "recall": recall(found, truth),
                 "ms": milliseconds(index, queries, options.k, options.seconds)}
        result["points"].append(point)
        if point["recall"] >= options.recall:
            break
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("codes", "queries", "truth"):
        parser.add_argument(name)
    for name in ("k", "m", "ef_construction", "core"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("recall", "seconds"):
        parser.add_argument(f"--{name}", type=float, required=True)
    parser.add_argument("--ef_search", type=int, nargs="+", required=True)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    faiss.omp_set_num_threads(1)
    codes, queries, truth = read_codes(options.codes), read_codes(options.queries), read_truth(options.truth)
    one = faiss.IndexBinaryFlat(8 * codes.shape[1])
    one.add(codes[:1])
    print(json.dumps({"version": faiss.__version__, "call_ms": milliseconds(one, queries, 1, options.seconds),
                      "flat": flat(codes, queries, truth, options), "hnsw": hnsw(codes, queries, truth, options)}))


main()
