"""Draws bench/knn.svg: time against recall of HNSW at several ef_search, and of the hamming index, a panel for each kind
of codes. SVG by hand, as the bench needs no other package for it."""

import math

CASES = [("real", 64), ("L32", 64), ("uniform", 64), ("real", 256), ("L32", 256), ("trained", 256), ("uniform", 256)]
PANEL_WIDTH, PANEL_HEIGHT = 300, 240
LEFT, TOP, RIGHT, BOTTOM = 48, 34, 16, 40
COLUMNS = 4
BLUE, ORANGE, GREY, INK = "#1f5fa8", "#c8601a", "#d8d8d8", "#333333"


def text(x, y, content, anchor="middle", color=INK, size=11):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">{content}</text>'


def line(x1, y1, x2, y2, color=GREY):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def dot(x, y, color, hollow=False):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" stroke="{color}" fill="{"white" if hollow else color}"/>'


def panel(title, ours, hnsw):
    """One panel at the origin."""
    points = hnsw["points"] if hnsw else []
    approximate = ours["approximate"] if ours else None
    times = [point["ms"] for point in points] + ([ours["ms"]] if ours else []) + ([approximate["ms"]] if approximate else [])
    recalls = [point["recall"] for point in points] + ([approximate["recall"]] if approximate else [])
    low = math.floor(math.log10(min(times)))
    high = max(math.ceil(math.log10(max(times))), low + 1)
    worst = min(0.9, math.floor(10 * min(recalls, default=0.9)) / 10)
    width, height = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM

    def x(recall):
        return LEFT + width * (recall - worst) / (1 - worst)

    def y(ms):
        return TOP + height * (high - math.log10(ms)) / (high - low)

    parts = [text(LEFT, TOP - 14, title, "start", size=13)]
    for power in range(low, high + 1):
        parts += [line(LEFT, y(10 ** power), LEFT + width, y(10 ** power)),
                  text(LEFT - 6, y(10 ** power) + 4, f"{10 ** power:g} ms", "end", size=10)]
    for step in range(5):
        recall = worst + (1 - worst) * step / 4
        parts.append(text(x(recall), TOP + height + 16, f"{recall:.3g}", size=10))
    parts.append(text(LEFT + width / 2, TOP + height + 32, "recall of the 10 nearest", size=10))
    if points:
        path = " ".join(f"{x(point['recall']):.1f},{y(point['ms']):.1f}" for point in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{ORANGE}"/>')
        parts += [dot(x(point["recall"]), y(point["ms"]), ORANGE) for point in points]
        parts += [text(x(points[i]["recall"]), y(points[i]["ms"]) - 8, points[i]["ef_search"],
                       "start" if i == 0 else "end", ORANGE, 9) for i in (0, len(points) - 1)]
    if approximate:
        parts.append(dot(x(approximate["recall"]), y(approximate["ms"]), BLUE, hollow=True))
    if ours:
        parts.append(dot(x(1.0), y(ours["ms"]), BLUE))
    return parts


def legend(x, y):
    return [dot(x, y - 4, BLUE), text(x + 10, y, "hamming, exact", "start"),
            dot(x + 130, y - 4, BLUE, hollow=True), text(x + 140, y, "hamming, target_recall 0.95", "start"),
            dot(x + 330, y - 4, ORANGE), text(x + 340, y, "HNSW (ef_search beside the ends)", "start")]


def render(raw):
    panels = []
    for kind, bits in CASES:
        ours, hnsw = raw.get(f"knn{bits}.{kind}.{bits}"), raw.get(f"hnsw{bits}.{kind}.{bits}")
        if ours or hnsw:
            rows = (ours or hnsw)["rows"]
            title = f"{kind}, {bits} bits, {rows:,} rows"
            if hnsw and hnsw["rows"] != rows:
                title += f" (HNSW: {hnsw['rows']:,})"
            panels.append(panel(title, ours, hnsw))
    rows = max(1, math.ceil(len(panels) / COLUMNS))
    width, height = COLUMNS * PANEL_WIDTH, rows * PANEL_HEIGHT + 30
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for number, content in enumerate(panels):
        place = f"{number % COLUMNS * PANEL_WIDTH},{number // COLUMNS * PANEL_HEIGHT}"
        parts += [f'<g transform="translate({place})">', *content, "</g>"]
    parts += [*legend(LEFT, height - 10), "</svg>", ""]
    return "\n".join(parts)
