"""Endless clean triples from hand-written templates: anchor, paraphrase, near-miss."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from compositional_rerank.errors import InputError

from .edit import EDIT_TYPES
from .grammar import Entry, Family, Grammar, load, render

FORMS = ("statement", "question", "answered", "any")
_PRESUPPOSED = 0.3  # of yes/no questions that become open ones
_AUXILIARY = re.compile(
    r"(?:did|do|does|is|are|was|were|will|has|have|had|can|could|must|should|would)\b"
    r"(?! (?:it|there)\b)(?!.*\b(?:any\w*|ever|either|yet|true|false)\b)",
    re.IGNORECASE,
)


class Triple(NamedTuple):
    """An anchor, a text of the same meaning, a near-miss; `form` is the anchor's."""

    anchor: str
    positive: str
    negative: str
    edit_type: str
    form: str
    family: str


def triples(
    n: int,
    *,
    seed: int,
    edit_types: Sequence[str] = EDIT_TYPES,
    form: str = "any",
    passage: bool = False,
    families: Sequence[str] = (),
) -> Iterator[Triple]:
    """Yield `n` triples from the training templates, edit types in turn.

    Args:
        n: how many.
        seed: fixes everything.
        edit_types: which types.
        form: ``statement``, ``question``, ``answered`` or ``any``: the form of the anchor. A question's
            positive is another wording of it or a statement that answers it, an answered one's a statement.
            To a question that takes something for granted ("Why did nobody come?"), a statement of just
            that is a positive, too: it says nothing else.
        passage: put positive and negative into the same passage of 3 to 8 sentences on the topic.
        families: only families whose name begins with one of these; all by default. Edit types of which
            there is none are passed over.

    Raises:
        InputError: an unknown edit type or form, or no family is left.

    Example:
        >>> first, second = triples(2, seed=0, edit_types=["role"], form="statement")
        >>> first.edit_type, first.form, first.anchor != first.positive
        ('role', 'statement', True)
    """
    unknown = [t for t in edit_types if t not in EDIT_TYPES]
    if unknown or not edit_types:
        raise InputError(f"edit_types has {unknown or 'nothing'}: choose from {', '.join(EDIT_TYPES)}")
    if form not in FORMS:
        raise InputError(f"form is {form!r}: choose from {', '.join(FORMS)}")
    grammar = load("train")
    if families:
        kept = [f for f in grammar.families if f.name.startswith(tuple(families))]
        edit_types = [kind for kind in edit_types if any(f.edit_type == kind for f in kept)]
        if not edit_types:
            raise InputError(f"families is {list(families)}: no family of these edit types has such a name")
        grammar = dataclasses.replace(grammar, families=tuple(kept))
    yield from generate(grammar, n, random.Random(seed), edit_types, form, passage, _PRESUPPOSED)


def generate(
    grammar: Grammar,
    n: int,
    rng: random.Random,
    edit_types: Sequence[str],
    form: str,
    passage: bool,
    presupposed: float = 0.0,
) -> Iterator[Triple]:
    """Yield `n` triples of a grammar: edit types and families in turn.

    `presupposed` is the share of yes/no questions that become open ones, which take the answer for granted.
    """
    by_type: dict[str, list[Family]] = {}
    for family in grammar.families:
        kinds = [kind for (_, kind) in family.forms]
        if form not in ("question", "answered") or "polar" in kinds or "open" in kinds:
            by_type.setdefault(family.edit_type, []).append(family)
    queues: dict[str, list[Family]] = {kind: [] for kind in edit_types}
    made = failures = 0
    while made < n:
        kind = edit_types[(made + failures) % len(edit_types)]
        if not queues[kind]:
            queues[kind] = rng.sample(by_type[kind], len(by_type[kind]))
        triple = _triple(grammar, queues[kind].pop(), rng, form, passage, presupposed)
        if triple is None:
            failures += 1
            continue
        made += 1
        yield triple


def _triple(
    grammar: Grammar, family: Family, rng: random.Random, form: str, passage: bool, presupposed: float
) -> Triple | None:
    for _ in range(12):
        triple = _attempt(grammar, family, rng, form, passage, presupposed)
        if triple and len({triple.anchor, triple.positive, triple.negative}) == 3:
            return triple
    return None


def _attempt(
    grammar: Grammar, family: Family, rng: random.Random, form: str, passage: bool, presupposed: float
) -> Triple | None:
    meaning = rng.randrange(2) if family.of(1, "statement") else 0
    asked = [k for k in ("polar", "open") if family.of(meaning, k)]
    question = form in ("question", "answered") or (form == "any" and bool(asked) and rng.random() < 0.4)
    if question and not asked:
        return None
    kind = rng.choice(asked) if question else "statement"
    chosen = grammar.fill(family, rng)
    anchor_form = rng.choice(family.of(meaning, kind))
    answered = form == "answered" or passage
    if question and not answered:
        answered = rng.random() < 0.4 or len(family.of(meaning, kind)) < 2
    target = "statement" if answered else kind
    positives = [f for f in family.of(meaning, target) if f != anchor_form]
    if not positives:
        return None
    anchor = render(anchor_form, chosen, rng)
    positive = render(rng.choice(positives), chosen, rng)
    negative = _near_miss(grammar, family, rng, meaning, target, anchor_form, chosen)
    if negative is None or positive in (anchor, negative):
        return None
    if kind == "polar" and presupposed and rng.random() < presupposed:
        word = rng.choice(["Why", "Why", "When", "How"])
        asks = [anchor] if target == "statement" else [anchor, positive, negative]
        if all(_AUXILIARY.match(text) for text in asks):
            anchor = _open(word, anchor)
            if target != "statement":
                positive, negative = _open(word, positive), _open(word, negative)
    if passage:
        fillers = grammar.fillers[family.topic]
        count = min(rng.randint(2, 7), len(fillers))
        around = rng.sample(fillers, count)
        place = rng.randint(0, count)
        positive, negative = (
            " ".join([*around[:place], _sentence(text), *around[place:]]) for text in (positive, negative)
        )
    label = "question" if question else "statement"
    return Triple(anchor, positive, negative, family.edit_type, label, f"{family.edit_type}/{family.name}")


def _open(word: str, polar: str) -> str:
    """A question that takes for granted what a yes/no question asks."""
    return f"{word} {polar[0].lower()}{polar[1:]}"


def _sentence(text: str) -> str:
    """A caption ends with a full stop inside a passage, or it would run into the next sentence."""
    return text if text.endswith((".", "?", "!")) else text + "."


def _near_miss(
    grammar: Grammar,
    family: Family,
    rng: random.Random,
    meaning: int,
    target: str,
    anchor_form: str,
    chosen: dict[str, Entry],
) -> str | None:
    """A form of the other meaning, or a form of this one with slots swapped or changed."""
    options: list[tuple[str, ...]] = []
    others = family.of(1 - meaning, target) + (family.of(2, target) if meaning == 0 else [])
    if others:
        options.append(())
    for operation in family.operations:
        if any("{" + name in anchor_form for name in operation[1:]):
            options.append(operation)
    if not options:
        return None
    operation = rng.choice(options)
    if not operation:
        return render(rng.choice(others), chosen, rng)
    changed = grammar.operate(family, operation, chosen, rng)
    forms = family.of(meaning, target)
    if rng.random() < 0.4 and anchor_form in forms:
        return render(anchor_form, changed, rng)
    usable = [f for f in forms if any("{" + name in f for name in operation[1:])]
    return render(rng.choice(usable), changed, rng) if usable else None
