"""The report's three plots, each drawn so that its message is seen at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from compositional_rerank.audit import svg
from compositional_rerank.audit.metrics import Floats
from compositional_rerank.audit.near_misses import NearMissResult

COLOURS = {
    "cosine": svg.BLUE,
    "maxsim": svg.ORANGE,
    "relevance": svg.SKY,
    "two_stage": svg.GREEN,
    "against": svg.VERMILLION,
    "cross_encoder": svg.PURPLE,
}
SHAPES = {name: i for i, name in enumerate(COLOURS)}
WIDTH = 1120
_BINS = 40
_MOST_POINTS = 800  # of a curve of wins and losses


def mean_of(entries: Sequence[Mapping[str, Any]], system: str, measure: str) -> float | None:
    """Mean of a measure over sets; None where no set has it."""
    values = [entry[system][measure] for entry in entries if entry[system].get(measure) is not None]
    return float(np.mean(values)) if values else None


def plane(report: Mapping[str, Any], systems: Sequence[str]) -> str:
    """Recall against rejection: up and to the right is better, every system is a point."""
    collections, sets = list(report["retrieval"].values()), list(report["near_misses"].values())
    xs = {s: mean_of(collections, s, "ndcg@10") for s in systems}
    ys = {s: mean_of(sets, s, "rejection_at_5") for s in systems}
    shown = [s for s in systems if xs[s] is not None or ys[s] is not None]
    recalls = [x for x in xs.values() if x is not None]
    height, left, right, bottom = 400, 80, WIDTH - 200, 345
    across = svg.spread(recalls or [0.0, 1.0], left, right, 0.25)
    up = svg.Scale(-0.04, 1.04, bottom, 20)
    parts = []
    for value in up.ticks(6) if sets else []:
        parts.append(svg.line(left, up(value), right, up(value)))
        parts.append(
            svg.text(left - 10, up(value) + 4, f"{value:.0%}", anchor="end", size=11, fill=svg.MUTED)
        )
    axis = "near-misses rejected when 5% of paraphrases or answers are lost (mean of sets)"
    nothing = "no near-misses in this audit: add --suite natural to see what a system rejects"
    parts.append(svg.text(left, 12, axis if sets else nothing, size=12, fill=svg.INK if sets else svg.MUTED))
    if recalls:
        parts += svg.x_axis(across, bottom, most=6, top=20)
        parts.append(svg.text(right, bottom + 38, "nDCG@10 (mean of collections)", anchor="end", size=12))
    else:
        note = "no collection in this audit: add --beir to see what a system costs in recall"
        parts.append(svg.text(left, bottom + 38, note, size=12, fill=svg.MUTED))
    spots = []
    for i, name in enumerate(shown):
        ndcg, rejected = xs[name], ys[name]
        x = across(ndcg) if ndcg is not None else left + (i + 1) * (right - left) / (len(shown) + 1)
        spots.append((x, up(rejected if rejected is not None else 0.5), name))
    labels = _apart([y for _, y, _ in spots])
    for (x, y, name), label_y in zip(spots, labels, strict=True):
        tip = f"{name}: nDCG@10 {_show(xs[name])}, rejected {_show(ys[name])}"
        parts.append(svg.line(x, y, right + 14, label_y, stroke=COLOURS[name], width=0.6) if recalls else "")
        parts.append(svg.marker(x, y, COLOURS[name], SHAPES[name], tip))
        place = (right + 18, label_y) if recalls else (x + 13, y)
        parts.append(svg.text(place[0], place[1] + 4, name, bold=True, fill=svg.INK))
        numbers = " / ".join(f"{v:.3f}" for v in (xs[name], ys[name]) if v is not None)
        parts.append(svg.text(place[0], place[1] + 20, numbers, size=11, fill=svg.MUTED))
    return svg.figure(WIDTH, height, parts, "Recall against rejection of near-misses, one point a system")


def distributions(name: str, result: NearMissResult, entry: Mapping[str, Any], systems: Sequence[str]) -> str:
    """Scores of paraphrases or answers (above) and near-misses (below), one column a system."""
    everything = np.arange(len(result.edit_types))
    rows = result.rows_by_edit_type()
    if [len(places) for places in rows.values()] != [len(everything)]:
        rows = {"all": everything, **rows}
    left, gap, row_height, top = 150, 34, 84, 34
    column = (WIDTH - left - gap * (len(systems) - 1)) / len(systems)
    height = top + row_height * len(rows) + 26
    parts = []
    for c, system in enumerate(systems):
        start = left + c * (column + gap)
        values = result.scores[system]
        both = np.concatenate(result.split(values, np.arange(len(result.edit_types))))
        low, high = np.percentile(both, [0.5, 99.5]).tolist()
        scale = svg.spread([low, high], start, start + column, 0.02)
        when = "before" if c == 0 else "after"
        parts.append(svg.text(start, 16, f"{when}: {system}", bold=True))
        for r, (edit_type, places) in enumerate(rows.items()):
            middle = top + row_height * (r + 0.5)
            if c == 0:
                parts.append(svg.text(left - 14, middle - 2, edit_type, anchor="end", bold=True))
                parts.append(
                    svg.text(
                        left - 14,
                        middle + 14,
                        f"n = {result.count(places)}",
                        anchor="end",
                        size=11,
                        fill=svg.MUTED,
                    )
                )
            parts += _mirrored(*result.split(values, places), scale, middle, row_height / 2 - 6)
        parts += svg.x_axis(scale, top + row_height * len(rows) + 2)
    return svg.figure(WIDTH, height, parts, f"Scores of paraphrases and near-misses of {name} by edit type")


def wins_and_losses(entry: Mapping[str, Any], system: str) -> str:
    """Change of nDCG@10 of every query against `cosine`, from the largest gain to the largest loss."""
    per_query = entry["per_query"]
    change = np.array(per_query[system]["ndcg@10"]) - np.array(per_query["cosine"]["ndcg@10"])
    change = np.sort(change)[::-1]
    wins, losses = int((change > 0).sum()), int((change < 0).sum())
    height, left, right, top, bottom = 190, 150, WIDTH, 30, 165
    up = svg.Scale(-1.0, 1.0, bottom, top)
    parts = [svg.text(left - 14, up(0) - 2, system, anchor="end", bold=True)]
    parts.append(
        svg.text(left - 14, up(0) + 14, f"mean {change.mean():+.4f}", anchor="end", size=11, fill=svg.MUTED)
    )
    for value in (-1.0, -0.5, 0.0, 0.5, 1.0):
        parts.append(svg.line(left, up(value), right, up(value)))
        if abs(value) == 1:
            parts.append(
                svg.text(left - 8, up(value) + 4, f"{value:+g}", anchor="end", size=11, fill=svg.MUTED)
            )
    step = max(1, -(-len(change) // _MOST_POINTS))
    kept = change[::step]
    width = (right - left) / len(kept)
    for fill, values in ((svg.BLUE, np.maximum(kept, 0)), (svg.VERMILLION, np.minimum(kept, 0))):
        points: list[tuple[float, float]] = [(left, up(0))]
        for i, value in enumerate(values.tolist()):
            points += [(left + i * width, up(value)), (left + (i + 1) * width, up(value))]
        parts.append(svg.area([*points, (right, up(0))], fill))
    parts.append(svg.text(left + 4, 16, f"{wins} better", fill=svg.BLUE, bold=True))
    ties = len(change) - wins - losses
    parts.append(svg.text((left + right) / 2, 16, f"{ties} equal", anchor="middle", fill=svg.MUTED))
    parts.append(svg.text(right - 4, 16, f"{losses} worse", anchor="end", fill=svg.VERMILLION, bold=True))
    label = f"nDCG@10 of {system} against cosine: {wins} queries better, {ties} equal, {losses} worse"
    return svg.figure(WIDTH, height, parts, label)


def _mirrored(above: Floats, below: Floats, scale: svg.Scale, middle: float, reach: float) -> list[str]:
    edges = np.linspace(scale.low, scale.high, _BINS + 1)
    heights = []
    for values in (above, below):
        inside = np.clip(values, scale.low, scale.high)
        heights.append(np.histogram(inside, edges)[0] / max(len(values), 1))
    most = max(float(h.max()) for h in heights) or 1.0
    parts = [svg.line(scale.start, middle, scale.stop, middle)]
    for sign, fill, shares, values in (
        (-1, svg.BLUE, heights[0], above),
        (1, svg.VERMILLION, heights[1], below),
    ):
        if not len(values):
            continue
        points = [(scale.start, middle)]
        for i, share in enumerate(shares.tolist()):
            y = middle + sign * reach * share / most
            points += [(scale(edges[i]), y), (scale(edges[i + 1]), y)]
        what = "paraphrases" if sign < 0 else "near-misses"
        centre = float(np.median(values))
        parts.append(svg.area([*points, (scale.stop, middle)], fill, f"{what}: median {centre:.3f}"))
        x = scale(min(max(centre, scale.low), scale.high))
        parts.append(svg.line(x, middle, x, middle + sign * reach, stroke=svg.INK, width=1.5))
    return parts


def _apart(ys: Sequence[float], least: float = 38.0) -> list[float]:
    """Move labels down or up so that none covers another."""
    order = sorted(range(len(ys)), key=lambda i: ys[i])
    moved = list(ys)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + least)
    over = max(0.0, max(moved, default=0.0) - 335.0)
    return [y - over for y in moved]


def _show(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
