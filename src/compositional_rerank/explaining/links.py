"""Lines from query words to their best matches in a segment, as an SVG in which a changed order shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compositional_rerank.explaining.explanation import Explanation
from compositional_rerank.explaining.markup import escaped, short

WEAK = 0.5
CLOSE = 0.7
_ROW, _LEFT, _RIGHT, _WIDTH = 27, 142, 236, 360
_LETTERS = 14


@dataclass(frozen=True)
class Links:
    """Best matches of query words within a segment.

    Args:
        rows: the query words, by index.
        columns: the segment's words, by index into the passage's words.
        targets: for each row its best match, as a place in ``columns``.
        similarities: for each row the cosine of its best match.
        moved: for each row whether it stands in another order than the rest.
    """

    rows: list[int]
    columns: list[int]
    targets: list[int]
    similarities: list[float]
    moved: list[bool]


def links_of(explanation: Explanation, rows: list[int], columns: list[int]) -> Links:
    """The best match of each of some query words among some passage words.

    Args:
        explanation: what they are from.
        rows: which query words, in order.
        columns: which passage words, in order, at least one.
    """
    part = explanation.similarities[np.ix_(rows, columns)]
    targets = part.argmax(axis=1).tolist()
    best = part.max(axis=1).tolist()
    # Where a punctuation mark stands says nothing about the order of words.
    counted = [
        value
        if _is_word(explanation.query_words[row].text)
        and _is_word(explanation.passage_words[columns[target]].text)
        else 0.0
        for row, target, value in zip(rows, targets, best, strict=True)
    ]
    return Links(rows, columns, targets, best, moved(targets, counted))


def _is_word(text: str) -> bool:
    return any(map(str.isalnum, text))


def moved(targets: list[int], similarities: list[float]) -> list[bool]:
    """Which close matches break the order: all outside of the heaviest rising sequence of them.

    Example:
        >>> moved([4, 1, 2, 3, 0], [0.9, 0.9, 0.9, 0.9, 0.9])
        [True, False, False, False, True]
    """
    close = [place for place, value in enumerate(similarities) if value >= CLOSE]
    weight: dict[int, float] = {}
    before: dict[int, int | None] = {}
    for at, place in enumerate(close):
        earlier = [other for other in close[:at] if targets[other] <= targets[place]]
        heaviest = max(earlier, key=lambda other: weight[other], default=None)
        before[place] = heaviest
        weight[place] = similarities[place] + (0.0 if heaviest is None else weight[heaviest])
    in_order: set[int] = set()
    place_or_none = max(close, key=lambda place: weight[place], default=None)
    while place_or_none is not None:
        in_order.add(place_or_none)
        place_or_none = before[place_or_none]
    return [place in weight and place not in in_order for place in range(len(targets))]


def to_svg(explanation: Explanation, links: Links) -> str:
    """Query words on the left, the segment's on the right, a line for every best match."""
    met = set(links.targets)
    shifted = {target for target, out in zip(links.targets, links.moved, strict=True) if out}
    places, labels = _right_side(len(links.columns), met)
    height = max(len(links.rows), len(labels)) * _ROW + 4
    left_top = (height - len(links.rows) * _ROW) / 2
    right_top = (height - len(labels) * _ROW) / 2
    lines, texts = [], []
    for at, (row, target, value, out) in enumerate(
        zip(links.rows, links.targets, links.similarities, links.moved, strict=True)
    ):
        y = left_top + (at + 0.5) * _ROW
        end = right_top + (places[target] + 0.5) * _ROW
        kind = ' class="moved"' if out else ' class="weak"' if value < WEAK else ""
        lines.append(
            f'<line{kind} x1="{_LEFT}" y1="{y:.1f}" x2="{_RIGHT}" y2="{end:.1f}" '
            f'stroke-width="{1 + 3 * max(value - 0.3, 0):.1f}"/>'
        )
        word = explanation.query_words[row].text
        texts.append(
            f'<text{kind} x="{_LEFT - 38}" y="{y + 4.5:.1f}" text-anchor="end">{escaped(_cut(word))}</text>'
            f'<text class="number" x="{_LEFT - 6}" y="{y + 4.5:.1f}" text-anchor="end">{short(value)}</text>'
        )
    for at, label in enumerate(labels):
        y = right_top + (at + 0.5) * _ROW + 4.5
        if isinstance(label, int):
            word = explanation.passage_words[links.columns[label]].text
            kind = ' class="moved"' if label in shifted else "" if label in met else ' class="idle"'
            texts.append(f'<text{kind} x="{_RIGHT + 8}" y="{y:.1f}">{escaped(_cut(word))}</text>')
        else:
            texts.append(f'<text class="number" x="{_RIGHT + 8}" y="{y:.1f}">{label}</text>')
    described = "; ".join(
        f"{explanation.query_words[row].text} meets {explanation.passage_words[links.columns[target]].text}"
        for row, target in zip(links.rows, links.targets, strict=True)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escaped(described)}">'
        f"{''.join(lines)}{''.join(texts)}</svg>"
    )


def _right_side(count: int, met: set[int]) -> tuple[dict[int, int], list[int | str]]:
    """Rows of the right side: words by place, and runs of three or more that no link ends at as a count."""
    places: dict[int, int] = {}
    labels: list[int | str] = []
    at = 0
    while at < count:
        stop = at
        while stop < count and stop not in met:
            stop += 1
        if stop - at >= 3:
            labels.append(f"⋮ {stop - at} words")
            at = stop
        elif at < count:
            places[at] = len(labels)
            labels.append(at)
            at += 1
    return places, labels


def _cut(word: str) -> str:
    return word if len(word) <= _LETTERS else word[: _LETTERS - 1] + "…"
