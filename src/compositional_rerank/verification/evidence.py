"""Which pieces of which passages are read with what is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from compositional_rerank.backends.precision import full_precision
from compositional_rerank.concurrency.turns import turn
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.scoring.similarity import Similarities, match
from compositional_rerank.scoring.tokens import PackedTokens, run_bounds
from compositional_rerank.verification.asks import Ask
from compositional_rerank.verification.forms import form_of, has_verb
from compositional_rerank.verification.readable import readable

# A window whose closest sentence is this much farther than the closest of all says something else.
_ALSO_CLOSE = 0.1
_HEADING_WORDS = 12
_ITEM = re.compile(r"\s*(?:[-*+•]|\d+[.)])\s")  # of a list
_LINE_ENDS = re.compile(r"[ \t]*\n|\s*\Z")
_ENDS = re.compile(r"[.!?:;…,\"')\]”’]\s*$")

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Text:
    """A text with its token vectors; ``own`` is the span of its characters that may be evidence."""

    text: str
    own: Span | None
    encoded: EncodedText


@dataclass(frozen=True)
class Reading:
    """What to read of a passage with one thing that is asked: spans of its characters, the closest first."""

    ask: Ask
    windows: list[Span]


@full_precision
def compare(query: EncodedText, passages: Sequence[EncodedText]) -> Similarities:
    """How the query's sentences meet passages and their segments.

    The token vectors of a few passages at a time are packed: the store's memory is read once, and what is
    made of it stays in the processor's cache.

    Args:
        query: a query with at least one token.
        passages: ``n`` passages, at least one, with token vectors of any dtype.
    """
    sentences = PackedTokens.from_list(
        [query.vectors[start:stop] for start, stop in query.segments[:, 2:].tolist()]
    )
    found = []
    for _, group in groupby(passages, key=lambda passage: passage.vectors.dtype):
        alike = list(group)
        for first, last in run_bounds([len(passage.vectors) for passage in alike]):
            run = alike[first:last]
            packed = PackedTokens.from_list(
                [passage.vectors for passage in run], [passage.scales for passage in run]
            )
            spans = torch.cat([passage.segments for passage in run])[:, 2:].long()
            with turn():
                found.append(match(sentences, packed, spans[:, 1] - spans[:, 0]))
    return Similarities(
        torch.cat([part.maxsim for part in found]), torch.cat([part.closeness for part in found], dim=1)
    )


def closest(passages: Sequence[EncodedText], closeness: torch.Tensor) -> torch.Tensor:
    """Closeness of every passage's closest segment to any sentence of the query.

    Args:
        passages: ``n`` passages.
        closeness: float32 ``[q, s]``, from `compare`.

    Returns:
        float32 ``[n]`` in [-1, 1]; -1 for a passage without a segment.
    """
    counts = torch.tensor([len(passage.segments) for passage in passages], dtype=torch.int64)
    owners = torch.repeat_interleave(torch.arange(len(counts)), counts)
    found = torch.full((len(counts),), -1.0, dtype=torch.float32)
    return found.scatter_reduce_(0, owners, closeness.amax(dim=0), "amax")


def to_read(
    relevance: torch.Tensor, closeness: torch.Tensor, *, least: float, first: int, most: int
) -> list[int]:
    """Which passages to read: the first few of the list and those that are close, the closest first.

    Args:
        relevance: float32 ``[n]``.
        closeness: float32 ``[n]``, from `closest`.
        least: closeness from which a passage is read, in [-1, 1].
        first: how many of the most relevant are read however far they are; support found there counts.
        most: how many are read at all.

    Returns:
        At most ``most`` places, in order.
    """
    leading = relevance.argsort(descending=True, stable=True)[:first].tolist()
    near = [
        place
        for place in closeness.argsort(descending=True, stable=True).tolist()
        if closeness[place] >= least
    ]
    return sorted([*dict.fromkeys([*leading, *near])][:most])


def readings(
    asks: Sequence[Ask], passage: Text, closeness: torch.Tensor, *, tokens: int, windows: int
) -> list[Reading]:
    """What to read of a passage.

    A window is a run of neighbouring sentences around the one that is closest: a pronoun needs the sentence
    before it, and an answer may take two. Headings are no evidence, and no window reaches over one.

    Args:
        asks: what is asked.
        passage: the passage.
        closeness: float32 ``[q, s]``, of the query's sentences with this passage's segments.
        tokens: longest window, in tokens; a longer sentence is a window of its own.
        windows: how many windows to read with one ask, at least 1.

    Returns:
        One reading for each ask; empty where the passage holds nothing that can be judged.
    """
    blocks, begins = _blocks(passage) if asks else ([], {})
    table = passage.encoded.segments.tolist()
    found = []
    for ask in asks:
        near = closeness[list(ask.sentences)].amax(dim=0).tolist()
        chosen: list[tuple[float, Span]] = []
        left = [list(block) for block in blocks]
        while len(chosen) < windows and (rest := [place for block in left for place in block]):
            best = max(rest, key=lambda place: near[place])
            if chosen and near[best] < chosen[0][0] - _ALSO_CLOSE:
                break
            block = next(block for block in left if best in block)
            window = _grown(block, best, near, table, tokens)
            span = begins[window[0]], table[window[-1]][1]
            if readable(passage.text[slice(*span)]):
                chosen.append((near[best], span))
            left.remove(block)
            parts = (
                [place for place in block if place < window[0]],
                [place for place in block if place > window[-1]],
            )
            left += [part for part in parts if part]
        if chosen:
            found.append(Reading(ask, [span for _, span in chosen]))
    return found


def _blocks(passage: Text) -> tuple[list[list[int]], dict[int, int]]:
    """Runs of the places of neighbouring segments that may be evidence, and where each begins to be it."""
    start, stop = passage.own or (0, len(passage.text))
    own = passage.text[start:stop].strip()
    blocks: list[list[int]] = [[]]
    begins: dict[int, int] = {}
    for place, (first, last, *_) in enumerate(passage.encoded.segments.tolist()):
        begin = _after_headings(passage.text, max(first, start), last, own)
        if begin > first:
            blocks.append([])
        if begin < last <= stop:
            blocks[-1].append(place)
            begins[place] = begin
    return [block for block in blocks if block], begins


def _after_headings(text: str, start: int, stop: int, own: str) -> int:
    """Where a sentence begins that the lines of its headings are part of; ``stop`` for a heading alone.

    A line that goes on with a small letter was only wrapped.
    """
    while start < stop:
        end = text.find("\n", start, stop)
        line = text[start : stop if end < 0 else end]
        alone = (end >= 0 or _LINE_ENDS.match(text, stop) is not None) and not text[
            text.rfind("\n", 0, start) + 1 : start
        ].strip()
        goes_on = end >= 0 and text[end + 1 : stop].lstrip()[:1].islower()
        if line.strip() and (goes_on or not (alone and _is_heading(line, whole=line.strip() == own))):
            break
        start = stop if end < 0 else end + 1
    return start


def _is_heading(line: str, whole: bool) -> bool:
    """A short line without a verb and a full stop, or one that markup calls a heading.

    A line that is the ``whole`` text may be a caption, which has no verb either: there an article is enough.
    """
    if line.startswith("#"):
        return True
    if _ITEM.match(line):
        return False
    short = len(line.split()) <= _HEADING_WORDS
    if not short or _ENDS.search(line):
        return False
    return form_of(line) == "keywords" if whole else not has_verb(line)


def _grown(block: list[int], best: int, near: list[float], table: list[list[int]], tokens: int) -> list[int]:
    """The window around a segment: its neighbours join it, the closer one first, while there is room."""

    def length(place: int) -> int:
        return int(table[place][3] - table[place][2])

    at = block.index(best)
    first = last = at
    room = tokens - length(best)
    while True:
        sides = []
        if first > 0 and length(block[first - 1]) <= room:
            sides.append(first - 1)
        if last + 1 < len(block) and length(block[last + 1]) <= room:
            sides.append(last + 1)
        if not sides:
            return block[first : last + 1]
        side = max(sides, key=lambda place: near[block[place]])
        room -= length(block[side])
        first, last = min(first, side), max(last, side)
