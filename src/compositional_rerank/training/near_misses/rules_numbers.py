"""Rules over numbers: changed, exchanged, written in words or digits."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .tagging import Sentence
from .vocabulary import Proposal, Vocabulary
from .words import MONTHS, NUMBER_WORDS


def _number_words(value: int) -> str:
    return NUMBER_WORDS[value] if 0 <= value < len(NUMBER_WORDS) else str(value)


def _other_number(text: str, rng: random.Random) -> str:
    percent = text.endswith("%")
    core = text.rstrip("%")
    digits = core.replace(",", "")
    if ":" in core:
        hour, _, minute = core.partition(":")
        return f"{(int(hour) + rng.choice((1, 2, 3))) % 12 + 1}:{minute}" if hour.isdigit() else core
    if "." in digits:
        whole, _, fraction = digits.partition(".")
        return f"{int(whole) + rng.choice((1, 2, 5))}.{fraction}" + "%" * percent if whole.isdigit() else text
    value = int(digits)
    if len(digits) == 4 and 1000 <= value <= 2100 and "," not in core:
        return str(value + rng.choice((-60, -21, -11, -7, -3, -2, -1, 1, 2, 4, 8, 13)))
    options = {value + d for d in (1, 2, 3, 5)} | {value - d for d in (1, 2, 3) if value - d > 1}
    if value >= 20:
        step = 10 ** (len(digits) - 2)
        options = {value + k * step for k in (-9, -5, -2, 1, 3, 7, 12) if value + k * step > 1} | {value * 10}
    if percent:
        options = {o for o in options if o <= 100} or {value // 2 + 1}
    new = rng.choice(sorted(options - {value}))
    return (f"{new:,}" if "," in core else str(new)) + "%" * percent


def number_rules(s: Sentence, rng: random.Random, vocab: Vocabulary) -> Iterator[Proposal]:
    """Change a number (near-miss), swap two numbers (near-miss), write it in words or digits (same)."""
    places = [i for i, tag in enumerate(s.tags) if tag == "CD"]
    for i in places:
        low = s.lower[i]
        if low[0].isdigit() and low[0] != "0":
            dated = len(low.rstrip("%")) == 4 and low.isdigit() and 1000 <= int(low) <= 2100
            try:
                new = _other_number(low, rng)
            except ValueError:
                continue
            beside = s.lower[i - 1] if i else ""
            in_date = dated or beside.capitalize() in MONTHS or ":" in low
            yield [(i, i + 1, new)], "temporal" if in_date else "numeric", 0, "number_changed"
            if low.isdigit() and 2 <= int(low) <= 20 and not in_date and beside not in ("-", ".", ":"):
                yield [(i, i + 1, _number_words(int(low)))], "numeric", 1, "number_written"
            if low.endswith("%"):
                yield [(i, i + 1, low[:-1] + " percent")], "numeric", 1, "number_written"
        elif low in NUMBER_WORDS[2:] and not (i and s.lower[i - 1] in ("-", "the")):
            value = NUMBER_WORDS.index(low)
            other = rng.choice([v for v in (value - 1, value + 1, value + 2, value + 4) if 2 <= v <= 20])
            yield [(i, i + 1, _number_words(other))], "numeric", 0, "number_changed"
            if i + 1 < len(s) and s.tags[i + 1] in ("NNS", "JJ"):
                yield [(i, i + 1, str(value))], "numeric", 1, "number_written"
    digits = [i for i in places if s.lower[i].isdigit()]
    if len(digits) >= 2:
        a, b = sorted(rng.sample(digits, 2))
        if s.lower[a] != s.lower[b] and len(s.lower[a]) == len(s.lower[b]):
            kind = "temporal" if len(s.lower[a]) == 4 else "numeric"
            between = s.lower[a + 1 : b]
            if between not in (["and"], [","], ["or"]):
                yield [(a, a + 1, s.words[b]), (b, b + 1, s.words[a])], kind, 0, "numbers_swapped"
