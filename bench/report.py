"""Writes the Markdown of bench/RESULTS.md from the raw numbers: a row for each promise, with its target and whether that is
met (targets.py). Must not measure."""

import targets
from planner import TOO_MUCH
from sessions import PRELOADED
from targets import at_least, at_most, figure_before

KINDS = {
    "real": "real codes",
    "trained": "codes of a hasher trained on the collection",
    "L32": "L32",
    "uniform": "uniform random codes",
    "unseen": "semantic hashes, queries of unseen collections",
    "pdq": "PDQ, queries of unseen collections",
    "perceptual": "perceptual hashes, queries of unseen collections",
}
RECALL = 0.95
NOT_MEASURED = "not measured"
CASES = [("real", 64), ("L32", 64), ("uniform", 64), ("perceptual", 64), ("real", 256), ("L32", 256), ("trained", 256),
         ("uniform", 256), ("unseen", 256), ("pdq", 256)]

FAISS_CASES = [("real", 64), ("real", 256), ("trained", 256), ("unseen", 256), ("pdq", 256)]

LEGEND = """`real` are 112,419 codes of 64 and of 256 bits that a general-purpose hasher made of five picture collections;
`trained` are the codes that the shipped hasher gives the 34,540 photos it was trained on. Both are repeated, with 0 to 6
bits flipped, until the rows are there; the 200 queries were taken out first. `L32` (signs of a mixture of 2000 Gaussians in 32
dimensions) and `uniform` are synthetic; their queries are further draws. Queries of `unseen`, `pdq` and `perceptual` are
pictures of two collections that had no part in anything, 100 product photos and 100 of Corel-1k, hashed by this build. Their
rows are, repeated in the same way, the codes of `trained`, and the PDQ and perceptual hashes of 3,600 photos and of the 60,000
pictures of CIFAR-10. The hasher of `real` is another one, whose weights are not at hand: nothing new can be hashed for it.

Times are means over prepared statements through pgbench, the best of three runs, everything in memory, in scripts of one form
for both indexes; what the statement costs without its search is in them. A backend shares one core with its client; beside
inserts, all run where they like, and a query may have to wait for a core, too. Flat scan: this build's kernel over packed
codes outside the server. HNSW: pgvector with its defaults (m = 16, ef_construction = 64) on a `bit(n)` column of the same
rows, at the smallest ef_search whose recall of the ten nearest is at least 0.95; recall is counted by distance, so ties do no
harm. Builds have maintenance_work_mem = 1 GB and no parallel workers. Before a time was taken, the distances from the index
were compared with those of a sequential scan for some queries and, but after inserts and churn, with those of the flat scan
for all.

faiss runs outside a server, one query at a time in one thread that is bound to a core: there are no SQL, no snapshots, no
inserts beside it and no pages, and its memory is gone with its process. What a call to it costs without a search is in its
times. IndexBinaryHNSW has pgvector's parameters (M = 16, efConstruction = 64), at the smallest efSearch whose recall is at
least 0.95, of the same values.

Lookups in ten times the rows are of PDQ hashes within 31 of 256 bits, made as those of `pdq`; a copy is a row with 0 to 20
bits flipped, and what it finds are mostly the repetitions of its picture.

First queries are medians of five restarts, timed in one session, without pgbench. Before each restart the server wrote its
pages, after it the files of index and table were dropped from the operating system's cache; catalogs were not. Where shared
buffers are smaller than the index, the rest lies in the operating system's cache.

A target may name a figure of an earlier run, as "before". It is met only where a ratio of times is not worse than that by more
than 10 %, and a size not by more than 5 %. Rows without a target are reported to be read."""


def count(rows):
    return f"{rows // 1_000_000}M" if rows % 1_000_000 == 0 else f"{rows // 1000}K" if rows >= 1000 else str(rows)


def row(what, ours, against, ratio, target="-", met=None):
    """A row without a target is there to be read; one with a target that is neither met nor missed was not measured."""
    verdict = {True: "yes", False: "**no**", None: "-" if target == "-" else NOT_MEASURED}[met]
    return [what, ours, against, ratio, target, verdict]


def faster(ratio):
    return f"{ratio:.1f} × faster" if ratio >= 1 else f"{1 / ratio:.1f} × slower"


def unmeasured(what, target="-"):
    return row(what, NOT_MEASURED, NOT_MEASURED, "-", target)


def reaching(hnsw):
    """The first point with that recall, or the best there is."""
    good = [point for point in hnsw["points"] if point["recall"] >= RECALL]
    return good[0] if good else max(hnsw["points"], key=lambda point: point["recall"])


def against_hnsw(raw, kind, bits, limit, approximate=False):
    ours, hnsw = raw.get(f"knn{bits}.{kind}.{bits}"), raw.get(f"hnsw{bits}.{kind}.{bits}")
    rows_text = f" of {count(ours['rows'])}" if ours else ""
    what = f"top 10{rows_text} × {bits} bits, {KINDS[kind]}"
    if approximate:
        what += ", `imagehash.target_recall = 0.95`"
    mine = ours and (ours["approximate"] if approximate else ours | {"recall": 1.0})
    recall_text = f", recall ≥ {RECALL}" if approximate else ", recall 1"
    target = f"≥ {limit} × faster{recall_text}" if limit else "-"
    mine_text = f"{mine['ms']:.3f} ms at recall {mine['recall']:.3f}" if mine else NOT_MEASURED
    if mine and not approximate:
        mine_text = f"{mine['ms']:.3f} ms, exact"
    if not mine or not hnsw:
        return row(what, mine_text, f"HNSW, {NOT_MEASURED}", "-", target)
    point = reaching(hnsw)
    rows = "" if hnsw["rows"] == ours["rows"] else f", on {count(hnsw['rows'])} rows"
    theirs = f"HNSW, {point['ms']:.2f} ms at recall {point['recall']:.3f} (ef_search {point['ef_search']}{rows})"
    ratio = point["ms"] / mine["ms"]
    comparable = limit and hnsw["rows"] == ours["rows"]
    met = ratio >= limit and mine["recall"] >= RECALL if comparable else None
    return row(what, mine_text, theirs, f"{ratio:.1f} × faster", target, met)


def flat_rows(raw):
    for (kind, bits), limit in targets.FLAT.items():
        ours = raw.get(f"knn{bits}.{kind}.{bits}")
        if not ours:
            yield unmeasured(f"top 10 × {bits} bits, {KINDS[kind]}", at_most(0, limit)[0])
            continue
        ratio = ours["ms"] / ours["flat_ms"]
        yield row(f"top 10 of {count(ours['rows'])} × {bits} bits, {KINDS[kind]}",
                  f"{ours['ms']:.3f} ms (empty statement {ours['empty_ms']:.3f})",
                  f"flat scan ({ours['kernel']}), {ours['flat_ms']:.3f} ms", f"{ratio:.2f} ×", *at_most(ratio, limit))
        if "all_pages" not in ours:
            continue
        every = ours["all_pages"]
        ratio = every["ms"] / every["flat_ms"]
        yield row(f"all pages read ({min(1.0, every['pages_read']):.0%}): within {every['radius']} of {bits} bits, uniform",
                  f"{every['ms']:.3f} ms (empty statement {ours['empty_ms']:.3f})",
                  f"flat scan, {every['flat_ms']:.3f} ms", f"{ratio:.2f} ×", *at_most(ratio, targets.ALL_PAGES))


def faiss_rows(raw):
    """Both indexes of faiss beside ours; without a target, as they are no servers."""
    for kind, bits in FAISS_CASES:
        faiss = raw.get(f"faiss.{kind}.{bits}")
        if not faiss:
            yield unmeasured(f"top 10 × {bits} bits, {KINDS[kind]}, beside faiss")
            continue
        ours, flat, hnsw, point = faiss["ours"], faiss["flat"], faiss["hnsw"], reaching(faiss["hnsw"])
        what = f"top 10 of {count(faiss['rows'])} × {bits} bits, {KINDS[kind]}, beside faiss"
        mine = f"{ours['ms']:.3f} ms, exact"
        approximate = ours["approximate"]
        yield row(what, mine, f"IndexBinaryFlat, {flat['ms']:.3f} ms, exact (call {faiss['call_ms']:.3f})",
                  faster(flat["ms"] / ours["ms"]))
        if approximate:
            mine += f"; `target_recall = 0.95`, {approximate['ms']:.3f} ms at recall {approximate['recall']:.3f}"
        yield row(what, mine, f"IndexBinaryHNSW, {point['ms']:.3f} ms at recall {point['recall']:.3f} (efSearch "
                  f"{point['ef_search']}; built in {hnsw['build_s']:.0f} s, ours in {ours['build_s']:.2f})",
                  faster(point["ms"] / ours["ms"]) + (f"; {faster(point['ms'] / approximate['ms'])}" if approximate else ""))


def many_rows(raw):
    for kind in ("real", "L32", "trained", "unseen"):
        result = raw.get(f"top100.{kind}.256")
        if not result:
            yield unmeasured(f"top 100 × 256 bits, {KINDS[kind]}", at_most(0, targets.TOP_100)[0])
            continue
        many, usual = result["many"], result["usual"]
        ratio = many["ms"] / usual["ms"]
        yield row(f"top {result['k']} of {count(result['rows'])} × 256 bits, {KINDS[kind]}",
                  f"{many['ms']:.3f} ms, exact (flat scan {many['flat_ms']:.3f})",
                  f"top 10, {usual['ms']:.3f} ms, exact (flat scan {usual['flat_ms']:.3f})", f"{ratio:.2f} ×",
                  *at_most(ratio, targets.TOP_100))


def radius_rows(raw):
    for kind, bits in CASES:
        ours = raw.get(f"knn{bits}.{kind}.{bits}")
        if ours:
            within, empty = ours["within"], ours["empty_ms"]
            target, met = at_most(within["ms"], targets.RADIUS_MS, unit=" ms")
            before = figure_before(targets.RADIUS_BEFORE, (kind, bits), ours["rows"])
            if before:
                target += f" (before: {before} × an empty statement)"
                met = met and within["ms"] / empty <= (1 + targets.NOISE) * before
            yield row(f"hamming_within {within['radius']} over {count(ours['rows'])} × {bits} bits, {KINDS[kind]}",
                      f"{within['ms']:.3f} ms, {within['found']:.1f} rows",
                      f"flat scan, {within['flat_ms']:.3f} ms; empty statement, {empty:.3f} ms",
                      f"{within['ms'] / within['flat_ms']:.2f} ×; {within['ms'] / empty:.1f} ×", target, met)


def large_rows(raw):
    result = raw.get("knn10m.L32.64")
    if not result:
        return [unmeasured("top 10 of ten times the rows × 64 bits, L32", at_most(0, targets.LARGE)[0])]
    large, usual = result["large"], result["usual"]
    ratio = large["ms"] / usual["ms"]
    return [row(f"top 10 of {count(large['rows'])} × 64 bits, L32 (built in {large['build_s']:.0f} s)",
                f"{large['ms']:.3f} ms", f"{count(usual['rows'])} rows, {usual['ms']:.3f} ms", f"{ratio:.2f} ×",
                *at_most(ratio, targets.LARGE))]


def lookup_rows(raw):
    result = raw.get("pdq10m.pdq.256")
    if not result:
        yield unmeasured("lookups within 31 bits in ten times the rows, PDQ")
        return
    for name, asked in [("new", "pictures of unseen collections"), ("copies", "copies of pictures that are there")]:
        found = result[name]
        yield row(f"lookups within {found['radius']} bits in {count(result['rows'])} PDQ hashes, {asked}",
                  f"{found['rate']:,.0f}/s, one backend ({found['ms']:.3f} ms, {found['found']:.1f} rows, "
                  f"{min(1.0, found['pages_read']):.0%} of the pages)",
                  f"flat scan, {1000 / found['flat_ms']:,.0f}/s ({found['flat_ms']:.3f} ms)",
                  f"{found['ms'] / found['flat_ms']:.2f} ×")


def build_rows(raw):
    """Of the kinds of which HNSW is built too."""
    for kind, bits in targets.EXACT:
        ours, hnsw = raw.get(f"knn{bits}.{kind}.{bits}"), raw.get(f"hnsw{bits}.{kind}.{bits}")
        if not ours:
            continue
        what = f"{count(ours['rows'])} × {bits} bits, {KINDS[kind]}"
        hnsw = hnsw if hnsw and hnsw["rows"] == ours["rows"] else None
        ratio = hnsw["build_s"] / ours["build_s"] if hnsw else 0
        before = figure_before(targets.BUILD_BEFORE, (kind, bits), ours["rows"])
        target, met = at_least(ratio, targets.BUILD, before, " × faster")
        yield row(f"build, {what}", f"{ours['build_s']:.2f} s", f"HNSW, {hnsw['build_s']:.0f} s" if hnsw else
                  f"HNSW, {NOT_MEASURED}", f"{ratio:.0f} × faster" if hnsw else "-", target, met if hnsw else None)
        megabytes, before = ours["bytes"] / 1e6, figure_before(targets.SIZE_BEFORE, (kind, bits), ours["rows"])
        yield row(f"size, {what}", f"{megabytes:.1f} MB", f"HNSW, {hnsw['bytes'] / 1e6:.0f} MB" if hnsw else
                  f"HNSW, {NOT_MEASURED}", f"1/{hnsw['bytes'] / ours['bytes']:.1f}" if hnsw else "-",
                  f"before: {before} MB" if before else "-",
                  megabytes <= (1 + targets.GROWTH) * before if before else None)


def write_rows(raw):
    result = raw.get("writes.L32.64")
    if not result:
        yield unmeasured("inserts, 4 clients", at_least(0, targets.INSERTS, targets.INSERTS_BEFORE)[0])
        yield unmeasured("p99 of a query beside inserts", at_most(0, targets.P99)[0])
        return
    rates, latency = result["rates"], result["latency"]
    ratio = rates["hamming"] / rates["btree"]
    before = targets.INSERTS_BEFORE if result["rows"] == targets.FULL_ROWS else None
    yield row(f"inserts into {count(result['rows'])} × 64 bits, 4 clients ({result['inserted']:,} rows in)",
              f"{rates['hamming']:,.0f}/s", f"btree on the code, {rates['btree']:,.0f}/s", f"{ratio:.2f}",
              *at_least(ratio, targets.INSERTS, before))
    p99, quiet, beside_btree = (latency[when]["p99_ms"] for when in ("hamming", "quiet", "btree"))
    yield row("p99 of a query beside these inserts", f"{p99:.2f} ms (quiet: {quiet:.2f} ms, {p99 / quiet:.1f} ×)",
              f"beside the same inserts into another table, with a btree: {beside_btree:.2f} ms",
              f"{p99 / beside_btree:.2f} ×", *at_most(p99 / beside_btree, targets.P99))


def churn_rows(raw):
    for bits in (64, 256):
        result = raw.get(f"churn.L32.{bits}")
        if not result:
            yield unmeasured(f"after half of the rows were replaced, {bits} bits", at_most(0, targets.CHURN)[0])
            continue
        churned, fresh = result["churned"], result["fresh"]
        what = f"after half of {count(result['rows'])} × {bits} bits, L32, were replaced"
        ratio = churned["ms"] / fresh["ms"]
        yield row(f"top 10 {what}", f"{churned['ms']:.3f} ms", f"fresh build, {fresh['ms']:.3f} ms", f"{ratio:.2f} ×",
                  *at_most(ratio, targets.CHURN, figure_before(targets.CHURN_BEFORE, ("ms", bits), result["rows"])))
        ratio = churned["bytes"] / fresh["bytes"]
        yield row(f"size {what}", f"{churned['bytes'] / 1e6:.1f} MB", f"fresh build, {fresh['bytes'] / 1e6:.1f} MB",
                  f"{ratio:.2f} ×", *at_most(ratio, targets.CHURN, slack=targets.GROWTH, before=figure_before(
                      targets.CHURN_BEFORE, ("bytes", bits), result["rows"])))


def backend_rows(raw):
    for bits, limit in targets.BACKENDS.items():
        result = raw.get(f"backends.L32.{bits}")
        if not result or "empty_rates" not in result:  # an older file of raw numbers measured it in another way
            yield unmeasured(f"queries/s of 2 backends, {bits} bits", at_least(0, limit, unit=" ×")[0])
            continue
        one, two = result["rates"]["1"], result["rates"]["2"]
        empty = result["empty_rates"]["2"] / result["empty_rates"]["1"]
        yield row(f"queries/s of 2 backends on 2 cores, top 10 of {count(result['rows'])} × {bits} bits, L32",
                  f"{two:,.0f}/s (an empty statement: {empty:.2f} ×)",
                  f"1 backend, {one:,.0f}/s", f"{two / one:.2f} ×", *at_least(two / one, limit, unit=" ×"))


def cold_rows(raw):
    for bits in (64, 256):
        result = raw.get(f"cold.real.{bits}")
        if not result:
            yield unmeasured(f"first query after a restart × {bits} bits")
            continue
        searched = f"top 10 of {count(result['rows'])} × {bits} bits, {KINDS['real']}"
        yield row(f"first query after a restart, nothing of index and table in memory, {searched}",
                  f"{result['first']:.1f} ms, {result['first_mb']:.1f} MB read from storage (reading the index of "
                  f"{result['bytes'] / 1e6:.1f} MB in order: {result['read_index']:.1f} ms)",
                  f"the second query, {result['second']:.2f} ms", f"{result['first'] / result['second']:.1f} ×")
        yield row(f"first query of a session, all in shared buffers, {searched}", f"{result['session']:.2f} ms",
                  f"later ones, {result['warm']:.2f} ms", f"{result['session'] / result['warm']:.1f} ×")


def buffer_rows(raw):
    for bits in (64, 256):
        result = raw.get(f"buffers.real.{bits}")
        if not result:
            yield unmeasured(f"shared_buffers smaller than the index × {bits} bits")
            continue
        small, whole = result["small"], result["all"]
        yield row(f"shared_buffers = {small['shared_buffers']}, index of {result['bytes'] / 1e6:.1f} MB: top 10 of "
                  f"{count(result['rows'])} × {bits} bits, {KINDS['real']}", f"{small['ms']:.3f} ms",
                  f"all of it in shared buffers, {whole['ms']:.3f} ms", f"{small['ms'] / whole['ms']:.1f} ×")


def planner_rows(raw):
    what = "planner's choice: sizes × k or radius × filters"
    result = raw.get("planner.L32.64")
    if not result:
        return [unmeasured(what, "0 wrong")]
    cells = result["cells"]
    wrong = [cell for cell in cells if cell["wrong"]]
    worst = max(cell["ratio"] for cell in cells if cell["wrong"]) if wrong else None
    worst_text = f", worst {worst:.1f} ×" if wrong else ""
    return [row(what, f"{len(wrong)} of {len(cells)} slower by {TOO_MUCH:.0f} ×{worst_text}",
                "the better of index and sequential scan", "-", "0 wrong", not wrong)]


def hashing_rows(raw):
    result = raw.get("hashing.pictures.0")
    if not result or "parallel" not in result:  # an older file of raw numbers measured less
        yield unmeasured("bulk hashing", at_least(0, targets.HASHING)[0])
        return
    rates = dict(result["images_per_s"])
    loop = rates.pop("bare loop")
    for name, rate in rates.items():
        yield row(f"bulk `{name}`, one backend", f"{rate:.1f} images/s of processor time",
                  f"bare LibTorch loop, {loop:.1f} images/s", f"{rate / loop:.2f}",
                  *at_least(rate / loop, targets.HASHING))
    many = result["parallel"]
    ratio = many["semantic_hash"] / many["loop"]
    yield row(f"bulk `semantic_hash`, CREATE TABLE AS in {many['processes']} processes", f"{many['semantic_hash']:.1f} images/s",
              f"{many['processes']} bare loops, {many['loop']:.1f} images/s", f"{ratio:.2f}",
              *at_least(ratio, targets.HASHING))
    for large in result["large"]:
        ratio, whole = large["full_ms"] / large["reduced_ms"], large["full_input_ms"] / large["reduced_input_ms"]
        yield row(f"decoding a 12-megapixel JPEG ({large['kind']}, {large['kb'] / 1000:.1f} MB) for a network's input",
                  f"{large['reduced_ms']:.1f} ms (and resized, {large['reduced_input_ms']:.1f})",
                  f"in full, {large['full_ms']:.1f} ms (and resized, {large['full_input_ms']:.1f})",
                  f"{ratio:.1f} × faster (resized, {whole:.1f} ×)", *at_least(ratio, targets.DECODING, unit=" × faster"))


def session_rows(raw):
    result = raw.get("sessions.pictures.0")
    if not result:
        yield unmeasured("first image of a session, preloaded", at_most(0, targets.FIRST_IMAGE)[0])
        yield unmeasured("memory of a session's own after hashing, preloaded", at_most(0, targets.SESSION_MB, unit=" MB")[0])
        return
    session = result["servers"][PRELOADED]
    for function, times in session["times"].items():
        ratio = times["first_ms"] / times["warm_ms"]
        yield row(f"first `{function}` of a session, preloaded", f"{times['first_ms']:.1f} ms of processor time",
                  f"a warm one, {times['warm_ms']:.1f} ms", f"{ratio:.1f} ×", *at_most(ratio, targets.FIRST_IMAGE))
    before = session["memory"]["start"]["private_kb"] / 1024
    for name, after in (("a perceptual hash", "perceptual"), ("a semantic hash", "semantic"),
                        (f"{result['images']} semantic hashes", "semantics")):
        private = session["memory"][after]["private_kb"] / 1024
        yield row(f"memory of a session's own after {name}, preloaded, {result['open']} sessions", f"{private:.1f} MB",
                  f"before, {before:.1f} MB", "-", *at_most(private, targets.SESSION_MB, unit=" MB"))


def knn_rows(raw):
    for (kind, bits), limit in targets.EXACT.items():
        yield against_hnsw(raw, kind, bits, limit)
        if (kind, bits) in targets.APPROXIMATE:
            yield against_hnsw(raw, kind, bits, targets.APPROXIMATE[kind, bits], approximate=True)
    for bits in (64, 256):
        if f"hnsw{bits}.uniform.{bits}" in raw:
            yield against_hnsw(raw, "uniform", bits, None)


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in rows)])


def detail_table(raw):
    """What the index does on each kind of codes, without a peer."""
    rows = []
    for kind, bits in CASES:
        ours = raw.get(f"knn{bits}.{kind}.{bits}")
        if not ours:
            continue
        approximate = ours["approximate"]
        rows.append([f"{kind}, {bits}", count(ours["rows"]), f"{ours['ms']:.3f}", f"{min(1.0, ours['pages_read']):.0%}",
                     f"{approximate['ms']:.3f} ms at {approximate['recall']:.3f}" if approximate else NOT_MEASURED,
                     f"{ours['flat_ms']:.3f}", f"{ours['scan_ms']:.1f}", f"{ours['empty_ms']:.3f}",
                     ours["measured"], raw.get(f"hnsw{bits}.{kind}.{bits}", {}).get("measured", "-")])
    head = ["codes, bits", "rows", "top 10, exact, ms", "index pages read", "at target_recall 0.95: true recall",
            "flat scan, ms", "sequential scan, ms", "empty statement, ms", "measured", "HNSW measured"]
    return table(head, rows)


def session_table(raw):
    """What a session costs by what the server has preloaded."""
    result = raw.get("sessions.pictures.0")
    if not result:
        return ""
    steps = {"start": "at its start", "perceptual": "after a perceptual hash", "semantic": "after a semantic hash",
             "semantics": f"after {result['images']} semantic hashes"}
    rows = []
    for name, session in result["servers"].items():
        times = [f"{each['first_ms']:.1f} / {each['warm_ms']:.1f}" for each in session["times"].values()]
        memory = [session["memory"][step] for step in steps]
        rows.append([name, *times, *(f"{m['private_kb'] / 1024:.1f} / {m['pss_kb'] / 1024:.1f}" for m in memory)])
    head = ["preloaded", *(f"`{function}`, first / warm, ms" for function in result["servers"][PRELOADED]["times"]),
            *(f"own memory / PSS {step}, MB" for step in steps.values())]
    return f"""
## What a session costs

Times are processor time. Memory is the mean of {result['open']} sessions that are open at the same time: what no other process
has, and that with the session's share of what others have too.

{table(head, rows)}
"""


def wrong_cells(raw):
    cells = [cell for cell in raw.get("planner.L32.64", {"cells": []})["cells"] if cell["wrong"]]
    if not cells:
        return ""
    head = ["rows", "question", "filter", "chosen", "index, ms", "sequential scan, ms"]
    rows = [[count(cell["rows"]), f"k = {cell['k']}" if "k" in cell else f"radius {cell['radius']}", cell["filter"],
             cell["choice"], f"{cell['index_ms']:.3f}", f"{cell['scan_ms']:.3f}"] for cell in cells]
    return f"\n## Where the planner chooses wrong\n\n{table(head, rows)}\n"


def render(raw, plot, smoke=False):
    parts = [knn_rows, flat_rows, faiss_rows, many_rows, radius_rows, large_rows, lookup_rows, build_rows, write_rows,
             churn_rows, backend_rows, cold_rows, buffer_rows, planner_rows, hashing_rows, session_rows]
    rows = [each for part in parts for each in part(raw)]
    machines = sorted({f"PostgreSQL {result['server']}, {result['machine']}" for result in raw.values()})
    peers = sorted({f"pgvector {result['peer']}" for result in raw.values() if "peer" in result} |
                   {f"faiss {result['version']}" for result in raw.values() if "version" in result})
    dates = sorted(result["measured"] for result in raw.values())
    when = f", {dates[0]} to {dates[-1]}" if dates else ""
    title = "A smoke test of `make bench`, with another number of rows: no results" if smoke else "Results of `make bench`"
    return f"""# {title}

Times belong to the machine, the ratio is what counts. Measured on {'; '.join(machines + peers) or 'nothing yet'}{when}.

{table(["what", "ours", "against", "ratio", "target", "met"], rows)}

![Top 10: time against recall]({plot})

## What was measured

{LEGEND}

## Rows, kind by kind

{detail_table(raw)}
{session_table(raw)}{wrong_cells(raw)}"""
