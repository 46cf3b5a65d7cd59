#!/usr/bin/env python3
"""Draws how the cost grows with the keys, from what `cargo bench --bench compare -- --json FILE` wrote.

usage: benches/plot.py FILE [SVG]      (default: curves.svg beside this script)

Both axes are logarithmic. Python's standard library alone.
"""

import json
import math
import pathlib
import sys

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 80, 170, 40, 60
# What is drawn: agent, figure, words, colour, dashes.
LINES = [
    ("myagent", "sign_p50_us", "sign, myagent", "#0b6e4f", ""),
    ("openssh", "sign_p50_us", "sign, OpenSSH", "#b3401f", ""),
    ("myagent", "list_p50_us", "list, myagent", "#0b6e4f", "6 4"),
    ("openssh", "list_p50_us", "list, OpenSSH", "#b3401f", "6 4"),
]


def points(rows, agent, figure):
    found = [(row["keys"], row[figure]) for row in rows if row["agent"] == agent]
    return sorted((keys, micros) for keys, micros in found if micros)


def scale(values, low, high):
    """A function from a value to its place, and the powers of ten in between."""
    least = math.floor(math.log10(min(values)))
    most = max(math.ceil(math.log10(max(values))), least + 1)
    step = (high - low) / (most - least)
    return lambda value: low + (math.log10(value) - least) * step, [10**n for n in range(least, most + 1)]


def readable(micros):
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if micros >= size:
            return f"{micros / size:g} {unit}"
    return f"{micros:g} µs"


def text(x, y, words, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{words}</text>'


def grid(x, x_ticks, y, y_ticks):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for tick in x_ticks:
        yield f'<path d="M{x(tick):.1f} {TOP}V{bottom}" stroke="#ddd"/>'
        yield text(x(tick), bottom + 18, f"{tick:,.0f}")
    for tick in y_ticks:
        yield f'<path d="M{LEFT} {y(tick):.1f}H{right}" stroke="#ddd"/>'
        yield text(LEFT - 8, y(tick) + 4, readable(tick), "end")
    yield text((LEFT + right) / 2, HEIGHT - 16, "Ed25519 keys loaded")
    yield text((LEFT + right) / 2, 20, "Time of one request, median", extra=' font-weight="bold"')


def curve(data, x, y, colour, dashes):
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    path = "L".join(f"{x(keys):.1f} {y(micros):.1f}" for keys, micros in data)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'
    for keys, micros in data:
        yield f'<circle cx="{x(keys):.1f}" cy="{y(micros):.1f}" r="3" fill="{colour}"/>'


def labels(ends):
    """The names at the lines' ends, at least 16 apart."""
    lowest = 0.0
    for place, words, colour in sorted(ends):
        lowest = max(place + 4, lowest + 16)
        yield text(WIDTH - RIGHT + 10, lowest, words, "start", f' fill="{colour}"')


def draw(rows):
    curves = [(points(rows, agent, figure), *rest) for agent, figure, *rest in LINES]
    curves = [entry for entry in curves if entry[0]]
    everything = [point for data, *_ in curves for point in data]
    x, x_ticks = scale([keys for keys, _ in everything], LEFT, WIDTH - RIGHT)
    y, y_ticks = scale([micros for _, micros in everything], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13" fill="#222">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *grid(x, x_ticks, y, y_ticks),
    ]
    for data, _, colour, dashes in curves:
        parts.extend(curve(data, x, y, colour, dashes))
    parts.extend(labels((y(data[-1][1]), words, colour) for data, words, colour, _ in curves))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    measured = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    rows = measured["tables"].get("curves")
    if not rows:
        sys.exit(f"{sys.argv[1]} has no curves: was `--only` given without them?")
    target = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else pathlib.Path(__file__).with_name("curves.svg")
    target.write_text(draw(rows), encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main()
