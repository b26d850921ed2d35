"""Measures the sections asked for on the server that PGHOST & co. say. Started by run.sh.

Raw numbers go into BUILD/bench.json, section by section, so that a part can be measured again; bench/RESULTS.md and
bench/knn.svg are written from all that is there. Another number of rows is a smoke test, which leaves those alone. Must not
assert a time: it fails only where an answer is not exact."""

import argparse
import datetime
import json
import os
from pathlib import Path

import churn
import cold
import faiss_peer
import hashing
import hnsw
import knn
import lookups
import planner
import plot
import report
import sessions
import writes
from bench_server import Server, machine
from targets import FULL_ROWS

# In the order in which they run. A section is measured once for each of its cases.
SECTIONS = {
    "knn64": (knn.measure, [("real", 64), ("L32", 64), ("uniform", 64), ("perceptual", 64)]),
    "knn256": (knn.measure, [("real", 256), ("L32", 256), ("trained", 256), ("uniform", 256), ("unseen", 256), ("pdq", 256)]),
    "top100": (knn.measure_many, [("real", 256), ("L32", 256), ("trained", 256), ("unseen", 256)]),
    "backends": (knn.measure_backends, [("L32", 64), ("L32", 256)]),
    "planner": (planner.measure, [("L32", 64)]),
    "writes": (writes.measure, [("L32", 64)]),
    "churn": (churn.measure, [("L32", 64), ("L32", 256)]),
    "knn10m": (knn.measure_large, [("L32", 64)]),
    "pdq10m": (lookups.measure, [("pdq", 256)]),
    "cold": (cold.measure_first, [("real", 64), ("real", 256)]),
    "buffers": (cold.measure_buffers, [("real", 64), ("real", 256)]),
    "hashing": (hashing.measure, [("pictures", 0)]),
    "sessions": (sessions.measure, [("pictures", 0)]),
    "faiss": (faiss_peer.measure, [("real", 64), ("real", 256), ("trained", 256), ("unseen", 256), ("pdq", 256)]),
    "hnsw64": (hnsw.measure, [("real", 64), ("L32", 64), ("uniform", 64)]),
    "hnsw256": (hnsw.measure, [("real", 256), ("L32", 256), ("trained", 256), ("uniform", 256)]),
}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=None,
                        help="the directory of RESULTS.md and knn.svg; default: bench, or BUILD/bench-ROWS of a smoke test")
    parser.add_argument("--raw", type=Path, default=None,
                        help="the file of the raw numbers; default: BUILD/bench.json, BUILD/bench-ROWS.json of a smoke test")
    parser.add_argument("--sections", nargs="*", default=[],
                        help=f"of {', '.join(SECTIONS)}; NAME.KIND for one kind of codes; default: all, less --skip")
    parser.add_argument("--skip", nargs="*", default=[], help="sections, or NAME.KIND, left out of the default")
    parser.add_argument("--rows", type=int, default=FULL_ROWS,
                        help="any other number makes a smoke test: its numbers are kept apart, and are no results")
    parser.add_argument("--hnsw-rows", type=int, default=None,
                        help="default: --rows; a million takes 10 to 20 minutes to build")
    parser.add_argument("--hnsw-uniform", action="store_true",
                        help="build HNSW on uniform codes too, where it is known not to reach the recall")
    parser.add_argument("--large-rows", type=int, default=None, help="of sections knn10m and pdq10m; default: 10 x --rows")
    parser.add_argument("--seconds", type=float, default=9, help="of pgbench, a measurement")
    parser.add_argument("--faiss", type=Path, default=os.environ.get("FAISS") or None,
                        help="a virtual environment with faiss-cpu; default: what FAISS says")
    parser.add_argument("--render", action="store_true", help="measure nothing: write the report anew")
    options = parser.parse_args()
    options.hnsw_rows = options.hnsw_rows or options.rows
    options.large_rows = options.large_rows or 10 * options.rows
    options.smoke = options.rows != FULL_ROWS or options.large_rows != 10 * FULL_ROWS
    name = f"bench-{options.rows}" if options.smoke else "bench"
    options.raw = options.raw or options.build / f"{name}.json"
    options.out = options.out or (options.build / name if options.smoke else Path(name))
    options.sections = [name for argument in options.sections for name in argument.split()]
    return options


def wanted_cases(options):
    """(section, kind, bits) in the order of SECTIONS."""
    known = {section for section in SECTIONS} | {
        f"{section}.{kind}" for section, (_, cases) in SECTIONS.items() for kind, _ in cases}
    unknown = set(options.sections + options.skip) - known
    if unknown:
        raise SystemExit(f"bench: unknown sections: {' '.join(sorted(unknown))}; known: {' '.join(SECTIONS)}")
    for section, (_, cases) in SECTIONS.items():
        for kind, bits in cases:
            names = {section, f"{section}.{kind}"}
            if options.sections and not names & set(options.sections):
                continue
            if not options.sections and names & set(options.skip):
                continue
            if section.startswith("hnsw") and kind == "uniform" and not (
                    options.hnsw_uniform or f"{section}.uniform" in options.sections):
                continue
            yield section, kind, bits


def measure_cases(options, cases, raw):
    """Adds to the raw numbers, and saves them case by case."""
    server = Server(options)
    for section, kind, bits in cases:
        print(f"\n== {section}: {kind}{f', {bits} bits' if bits else ''}", flush=True)
        result = SECTIONS[section][0](server, kind, bits)
        if result is None:
            continue
        result |= {"measured": datetime.datetime.now().strftime("%Y-%m-%d %H:%M"), "server": server.version(),
                   "machine": machine()}
        raw[f"{section}.{kind}.{bits}"] = result
        options.raw.write_text(json.dumps(raw, indent=1), encoding="utf-8")


def main():
    options = parse_options()
    raw = json.loads(options.raw.read_text(encoding="utf-8")) if options.raw.exists() else {}
    if not options.render:
        measure_cases(options, list(wanted_cases(options)), raw)
    options.out.mkdir(exist_ok=True)
    (options.out / "knn.svg").write_text(plot.render(raw), encoding="utf-8")
    results = report.render(raw, "knn.svg", smoke=options.smoke)
    (options.out / "RESULTS.md").write_text(results, encoding="utf-8")
    print(f"\n{results}\nwritten to {options.out}, from {options.raw}")


if __name__ == "__main__":
    main()
