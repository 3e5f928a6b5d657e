"""An explanation for the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from compositional_rerank._terminal import columns, fitted, shown
from compositional_rerank.explaining.explanation import Explanation

_LONGEST_WORD = 16


def to_text(explanation: Explanation, width: int = 100) -> str:
    """Verdict, scores, best match of every query word, the passage by segment, the map of the best segment.

    Args:
        explanation: what to show.
        width: columns of the terminal; below 40 it is read as 40.
    """
    width = max(width, 40)
    blocks = [_scores(explanation, width)]
    if not explanation.passage_words:
        return "\n\n".join([*blocks, "The passage has no word that the model reads."]) + "\n"
    best = explanation.best_segments(most=1)[0]
    blocks += [_matches(explanation), _segments(explanation, best, width), _map(explanation, best, width)]
    return "\n\n".join(blocks) + "\n"


def _scores(explanation: Explanation, width: int) -> str:
    fields = [
        ("query", shown(explanation.query)),
        ("model", shown(explanation.model)),
        ("verdict", shown(explanation.why)),
    ]
    limit = "" if explanation.threshold is None else f"; one from {explanation.threshold:.3f}"
    numbers = [
        ("relevance", explanation.relevance, "how close the passage is to the query"),
        ("support", explanation.support, "how likely it says or answers what the query does"),
        ("denial", explanation.denial, "how likely it says the opposite, or answers with no"),
        ("mismatch", explanation.mismatch, f"how likely it is a near-miss{limit}"),
        ("score", explanation.score, explanation.score_means),
    ]
    fields += [(name, f"{value:.3f}  {said}") for name, value, said in numbers if value is not None]
    return "\n".join(line for name, value in fields for line in _field(name, value, width))


def _field(name: str, value: str, width: int) -> list[str]:
    return textwrap.wrap(
        value, width, initial_indent=f"{name:<10} ", subsequent_indent=" " * 11, break_on_hyphens=False
    )


def _matches(explanation: Explanation) -> str:
    words = explanation.query_words
    left = _widest(["query word", *(word.text for word in words)])
    met = [shown(explanation.passage_words[match.passage_word].text) for match in explanation.matches]
    right = _widest(["best match", *met])
    lines = [f"{fitted('query word', left)}  {fitted('best match', right)}  segment  similarity"]
    for match, word in zip(explanation.matches, met, strict=True):
        bar = "█" * round(max(match.similarity, 0.0) * 20)
        lines.append(
            f"{fitted(shown(words[match.query_word].text), left)}  {fitted(word, right)}  "
            f"{match.segment + 1:>7}  {match.similarity:>5.2f} {bar}"
        )
    return "\n".join(lines)


def _segments(explanation: Explanation, best: int, width: int) -> str:
    lines = ["passage, by segment, with the MaxSim of each (> best)"]
    for index, segment in enumerate(explanation.segments):
        head = f"{'>' if index == best else ' '} {index + 1:>3}  {segment.relevance:>5.2f}  "
        lines += textwrap.wrap(
            shown(segment.text), width, initial_indent=head, subsequent_indent=" " * len(head)
        ) or [head]
    return "\n".join(lines)


def _map(explanation: Explanation, best: int, width: int) -> str:
    """The map of one segment, in blocks of passage words that fit the width; ``*`` is a row's best."""
    first, last = explanation.segments[best].words
    left = _widest(word.text for word in explanation.query_words)
    blocks = [f"similarity of every word of the query with segment {best + 1} (* best of the row)"]
    while first < last:
        heads: list[int] = []
        used, stop = left, first
        while stop < last:
            cell = max(6, _widest([explanation.passage_words[stop].text]) + 1)
            if heads and used + cell > width:
                break
            heads.append(cell)
            used += cell
            stop += 1
        titles = [
            fitted(shown(explanation.passage_words[first + place].text), cell - 1, right=True) + " "
            for place, cell in enumerate(heads)
        ]
        lines = [(" " * left + "".join(titles)).rstrip()]
        for row, word in enumerate(explanation.query_words):
            values = explanation.similarities[row]
            span = slice(*explanation.segments[best].words)
            top = span.start + int(values[span].argmax())
            cells = [
                f"{values[first + place]:.2f}".rjust(cell - 1) + ("*" if first + place == top else " ")
                for place, cell in enumerate(heads)
            ]
            lines.append((fitted(shown(word.text), left) + "".join(cells)).rstrip())
        blocks.append("\n".join(lines))
        first = stop
    return "\n\n".join(blocks)


def _widest(texts: Iterable[str]) -> int:
    return min(max(columns(shown(text)) for text in texts), _LONGEST_WORD)
