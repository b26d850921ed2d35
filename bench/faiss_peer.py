"""The peer outside a server: faiss over the same codes and the same queries, in one thread, in a process of its own;
and the hamming index again, right before it.

Where no Python with faiss is named the section is left out. Must not hold anything of faiss's own."""

import json
import subprocess
from pathlib import Path

from bench_server import CORES
from datasets import NEAREST, check_exact, loaded
from hnsw import EF_SEARCH
from knn import FORCED, measure_approximate

RECALL = 0.95
M, EF_CONSTRUCTION = 16, 64  # pgvector's defaults


def measure(server, kind, bits):
    if not server.options.faiss:
        print("  not measured: run with FAISS=/dir of a virtual environment with faiss-cpu", flush=True)
        return None
    dataset = loaded(server, kind, bits, server.options.rows)
    if dataset is None:
        return None
    build, _ = dataset.build_index()
    dataset.find_truth()
    check_exact(dataset)
    ms, _ = server.pgbench(dataset.knn_script(), settings=FORCED)
    print(f"  hamming: {ms:.3f} ms", flush=True)
    ours = {"build_s": build, "ms": ms, "approximate": measure_approximate(dataset)}
    numbers = {"k": NEAREST, "m": M, "ef_construction": EF_CONSTRUCTION, "core": CORES[0], "recall": RECALL,
               "seconds": server.options.seconds}
    command = [server.options.faiss / "bin/python", Path(__file__).parent / "faiss_search.py", *dataset.files,
               dataset.truth_file, *(f"--{name}={value}" for name, value in numbers.items()),
               "--ef_search", *map(str, EF_SEARCH)]
    result = json.loads(subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout)
    for point in result["hnsw"]["points"]:
        print(f"  IndexBinaryHNSW, efSearch {point['ef_search']}: {point['ms']:.3f} ms at recall {point['recall']:.3f}")
    print(f"  IndexBinaryFlat: {result['flat']['ms']:.3f} ms (a call {result['call_ms']:.3f}); HNSW built in "
          f"{result['hnsw']['build_s']:.1f} s", flush=True)
    return {"rows": dataset.rows, "ours": ours} | result
