"""Tables of `result_pages.py` on load, faults and hostile input, and the plot of the memory under load."""

from __future__ import annotations

from collections.abc import Iterator

from result_tables import Content, table

COLOURS = ("#0072b2", "#d55e00")
WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 60, 700, 30, 220


def kills(content: Content) -> Iterator[str]:
    """What writers acknowledged before they were killed, and what of it was gone."""
    rows = []
    for store, parts in content["stores"].items():
        for name, part in parts.items():
            if "kills" in part:
                counts = (part[key] for key in ("kills", "acknowledged", "lost", "changed", "not_resumed"))
                rows.append([store, name.replace("_", " "), *(f"{count:,}" for count in counts)])
    head = ("store", "what", "kills", "passages acknowledged", "of them missing", "changed", "not resumed")
    return table(head, rows)


def bits(content: Content) -> Iterator[str]:
    """What became of bits that were turned over."""
    names = ("bits", "missing_with_a_warning", "missing", "refused", "harmless", "unnoticed")
    rows = [
        [store, *(f"{parts['bits'].get(name, 0):,}" for name in names)]
        for store, parts in content["stores"].items()
    ]
    head = ("store", "bits", "missing, with a warning", "missing", "store refused", "harmless", "unnoticed")
    return table(head, rows)


def soak(content: Content) -> Iterator[str]:
    """How long the clients waited."""
    rows = [
        [size, f"{row['queries']:,}", *(f"{row[name]:,.0f}" for name in ("p50", "p99", "longest"))]
        for size, row in content["waited"].items()
        if row["queries"]
    ]
    return table(("candidates", "queries", "p50 ms", "p99 ms", "longest ms"), rows)


def soaked(content: Content) -> Iterator[str]:
    """What went wrong under load, and how the memory grew."""
    rows = [
        ["clients", content["clients"]],
        ["seconds", f"{content['seconds']:,.0f}"],
        ["queries", f"{content['queries']:,}"],
        ["errors", len(content["errors"])],
        ["growth of the resident set after the first tenth, MB", content["growth_mb"]],
    ]
    return table(("", ""), rows)


def fuzzed(content: Content) -> Iterator[str]:
    """Cases of every target."""
    rows = [
        [name, f"{found['cases']:,}", found["failed"] or "none"] for name, found in content["targets"].items()
    ]
    return table(("target", "cases", "failed"), [*rows, ["all", f"{content['cases']:,}", ""]])


def warming(content: Content) -> Iterator[str]:
    """Passages a second, by what encodes them."""
    rows = [
        [name, f"{way['passages_per_second']:,.1f}", f"{way['seconds_in_all']:,.0f}"]
        for name, way in content["ways"].items()
    ]
    return table(("", "passages a second", "seconds, with the start"), rows)


def memory_plot(runs: dict[str, Content]) -> str:
    """The resident set over time as a drawing, one line a run."""
    series = {
        name: [(float(x), float(y)) for x, y in run["resident_mb"].items()] for name, run in runs.items()
    }
    longest = max(x for points in series.values() for x, _ in points)
    most = 1.1 * max(y for points in series.values() for _, y in points)

    def at(second: float, size: float) -> tuple[float, float]:
        return LEFT + (RIGHT - LEFT) * second / longest, BOTTOM - (BOTTOM - TOP) * size / most

    def text(x: float, y: float, said: str, anchor: str = "end") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'

    parts = [text(LEFT, 16, "resident set, MB", "start"), text(RIGHT, BOTTOM + 34, "seconds")]
    step = _round_step(most)
    for size in (step * place for place in range(int(most // step) + 1)):
        y = at(0, size)[1]
        parts.append(f'<path d="M{LEFT},{y:.1f}H{RIGHT}" stroke="#d0d7de"/>')
        parts.append(text(LEFT - 8, y + 4, f"{size:,.0f}"))
    for place in range(7):
        second = longest * place / 6
        parts.append(text(at(second, 0)[0], BOTTOM + 18, f"{second:.0f}", "middle"))
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        line = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(RIGHT, at(*points[-1])[1] - 6, name))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="sans-serif" font-size="12" fill="#57606a" '
        f'aria-label="The resident set of a process under load over {longest:.0f} seconds">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _round_step(most: float) -> float:
    """A round number of which a few fit into `most`."""
    steps = [factor * 10.0**power for power in range(7) for factor in (1, 2, 5)]
    return next(step for step in steps if most / step <= 6)
