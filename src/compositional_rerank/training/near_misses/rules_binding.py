"""Rules over modifiers: which adjective goes with which noun, who wears what."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .tagging import Sentence
from .vocabulary import Proposal, Vocabulary

_FIXED_ADJECTIVES = frozenset(
    [
        "same",
        "other",
        "own",
        "such",
        "only",
        "first",
        "last",
        "next",
        "more",
        "most",
        "less",
        "least",
        "able",
        "due",
    ]
)


def binding_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Modifiers exchanged or moved between nouns (near-miss); coordinated adjectives in another order (same)."""  # noqa: E501
    phrases = [p for p in s.noun_phrases if not p.proper]
    modified = [p for p in phrases if p.adjectives]
    for n, a in enumerate(modified):
        for b in modified[n + 1 : n + 4]:
            x, y = a.adjectives[0], b.adjectives[0]
            if s.lower[x] == s.lower[y] or {s.lower[x], s.lower[y]} & _FIXED_ADJECTIVES:
                continue
            if s.lower[a.head] != s.lower[b.head] or s.lower[x] != s.lower[y]:
                yield (
                    [(x, x + 1, s.lower_at(y)), (y, y + 1, s.lower_at(x))],
                    "binding",
                    0,
                    "adjectives_swapped",
                )
            if a.plural == b.plural and s.lower[a.head] != s.lower[b.head]:
                yield (
                    [(a.head, a.head + 1, s.lower_at(b.head)), (b.head, b.head + 1, s.lower_at(a.head))],
                    "binding",
                    0,
                    "nouns_swapped",
                )
    for a in modified:
        for b in phrases:
            if a is b or b.adjectives or s.tags[b.start] != "DT" or b.start + 1 != b.head:
                continue
            x = a.adjectives[0]
            if s.lower[x] in _FIXED_ADJECTIVES or len(a.adjectives) > 1 or x == 0:
                continue
            if abs(a.start - b.start) < 12 and s.lower[b.start] in ("a", "an", "the"):
                yield (
                    [(x, x + 1, ""), (b.head, b.head, s.lower[x])],
                    "binding",
                    0,
                    "adjective_moved",
                )
    for i in range(1, len(s) - 1):
        left, right = s.tags[i - 1], s.tags[i + 1]
        if s.lower[i] in ("and", "or") and left == right and left in ("JJ", "VBG", "RB", "VBD"):
            single = (i < 2 or s.tags[i - 2] not in (left, ".")) and (
                i + 2 >= len(s) or s.tags[i + 2] in (".", "NN", "NNS")
            )
            if single and left != "VBD":
                yield (
                    [(i - 1, i, s.lower_at(i + 1)), (i + 1, i + 2, s.lower_at(i - 1))],
                    "binding",
                    1,
                    "conjuncts_swapped",
                )
    yield from _clothing(s)


def _clothing(s: Sentence) -> Iterator[Proposal]:
    clothes = {
        "shirt",
        "jacket",
        "coat",
        "hat",
        "dress",
        "sweater",
        "skirt",
        "helmet",
        "suit",
        "uniform",
        "vest",
        "hoodie",
    }
    for p in s.noun_phrases:
        if s.lower[p.head] not in clothes or p.start < 2:
            continue
        before = s.lower[p.start - 1]
        if before == "in" and s.tags[p.start - 2] in ("NN", "NNS"):
            yield [(p.start - 1, p.start, "wearing")], "binding", 1, "wearing"
            yield [(p.start - 1, p.start, "who is wearing")], "binding", 1, "wearing"
            yield [(p.start - 1, p.start, "holding")], "object", 0, "wearing_to_holding"
        elif before == "wearing" and s.tags[p.start - 2] in ("NN", "NNS"):
            yield [(p.start - 1, p.start, "in")], "binding", 1, "wearing"
            yield [(p.start - 1, p.start, "carrying")], "object", 0, "wearing_to_holding"
