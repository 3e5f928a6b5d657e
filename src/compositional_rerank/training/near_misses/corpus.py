"""Edits of any sentence, and labelled pairs from any corpus."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from compositional_rerank.errors import InputError

from .edit import Edit
from .rules_binding import binding_rules
from .rules_clauses import negation_rules, order_rules
from .rules_exchange import exchange_rules
from .rules_numbers import number_rules
from .rules_order import phrase_rules, verb_rules
from .rules_questions import question_rules
from .rules_words import content_rules, progressive_rules, table_rules
from .tagging import Sentence
from .vocabulary import Proposal, Vocabulary

Rule = Callable[[Sentence, random.Random, Vocabulary], Iterator[Proposal]]
RULES: tuple[Rule, ...] = (
    table_rules,
    number_rules,
    content_rules,
    progressive_rules,
    verb_rules,
    phrase_rules,
    exchange_rules,
    binding_rules,
    negation_rules,
    order_rules,
    question_rules,
)
_LONGEST_SENTENCE = 80


class CorpusPair(NamedTuple):
    """A labelled pair: `same` is 1 when both texts mean the same."""

    text1: str
    text2: str
    same: int
    edit_type: str
    rule: str


def _proposals(s: Sentence, rng: random.Random, vocab: Vocabulary) -> list[Proposal]:
    if not 3 <= len(s) <= _LONGEST_SENTENCE:
        return []
    return [p for rule in RULES for p in rule(s, rng, vocab) if p[0]]


def edits(sentence: str, *, rng: random.Random, vocabulary: Vocabulary | None = None) -> list[Edit]:
    """Make every edit the rules are sure of: near-misses (``same == 0``) and rewrites (``same == 1``).

    Args:
        sentence: one sentence, cased or not, tokenised or not; a statement or a question.
        rng: source of randomness; the same state gives the same edits.
        vocabulary: words to put in for ``object`` edits; a small one of our own by default.

    Raises:
        MissingDependencyError: `lemminflect` is not installed.

    Example:
        >>> import random
        >>> found = edits("The dog bit the man.", rng=random.Random(0))
        >>> sorted({e.text for e in found if e.rule == "active_to_passive"})
        ['The man was bitten by the dog.']
        >>> all(e.revert() == "The dog bit the man." for e in found)
        True
    """
    s = Sentence(sentence)
    found: dict[str, Edit] = {}
    for replacements, kind, same, rule in _proposals(s, rng, vocabulary or Vocabulary.default()):
        text = s.rebuild(replacements)
        if text != sentence and text not in found:
            found[text] = Edit.between(sentence, text, kind, same, rule)
    return list(found.values())


def compose(first: Edit, second: Edit) -> Edit:
    """Join two edits, the second made from the first one's text; a near-miss in either makes a near-miss.

    Two near-misses are refused: they can undo each other.

    Example:
        >>> one = Edit.between("a b", "b a", "role", 1, "order")
        >>> compose(one, Edit.between("b a", "c a", "object", 0, "noun")).same
        0
    """
    if first.text != second.source:
        raise InputError(f"second edit starts from {second.source!r}, not from {first.text!r}")
    if not first.same and not second.same:
        raise InputError("two near-misses can undo each other: compose at least one rewrite")
    kind = second.edit_type if first.same else first.edit_type
    same = first.same & second.same
    return Edit.between(first.source, second.text, kind, same, f"{first.rule}+{second.rule}")


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _choose(found: list[Proposal], same: int, rng: random.Random, counts: dict[str, int]) -> Proposal | None:
    """Choose a proposal with this label, preferring rules used rarely so far."""
    options = [p for p in found if p[2] == same]
    if not options:
        return None
    return min(options, key=lambda p: (counts.get(p[3] + str(same), 0) + 5) * rng.random() ** 2)


def pairs_from_corpus(
    sentences: Iterable[str],
    n: int,
    seed: int,
    *,
    vocabulary: Vocabulary | None = None,
    edit_types: Iterable[str] | None = None,
) -> Iterator[CorpusPair]:
    """Yield `n` labelled pairs, as many rewrites as near-misses, alone and composed.

    Every sentence gives both labels in turn where the rules allow, so neither the sentence nor the number of
    changed words tells the label. The order is random and fixed by `seed`.

    Args:
        sentences: any sentences; short and long, statements and questions.
        n: how many pairs; fewer come when the sentences allow no edits at all.
        seed: fixes everything.
        vocabulary: words for changed contents; collected from the first 20,000 sentences by default.
        edit_types: keep only these; all, and ``object``, by default.

    Raises:
        InputError: no sentences, or `n` is negative.
        MissingDependencyError: `lemminflect` is not installed.

    Example:
        >>> pairs = list(pairs_from_corpus(["The dog bit the man.", "Rome is closer than Paris."], 4, seed=0))
        >>> sorted(pair.same for pair in pairs)
        [0, 0, 1, 1]
    """
    pool = list(dict.fromkeys(x.strip() for x in sentences if x.strip()))
    if not pool:
        raise InputError("no sentences to make near-misses from: give at least one that is not blank")
    if n < 0:
        raise InputError(f"n is {n}: ask for 0 or more pairs")
    rng = random.Random(seed)
    read = {text: Sentence(text) for text in pool[:20_000]}
    vocab = vocabulary or Vocabulary.of(read.values())
    allowed = frozenset(edit_types) if edit_types is not None else None
    made = [0, 0]
    counts: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    barren = 0
    while sum(made) < n and barren < 2 * len(pool) + 100:
        rng.shuffle(pool)
        for text in pool:
            if sum(made) >= n or barren >= 2 * len(pool) + 100:
                break
            fresh = [
                p
                for p in _from_sentence(read.get(text) or Sentence(text), rng, vocab, counts, made)
                if (allowed is None or p.edit_type in allowed) and (p.text1, p.text2) not in seen
            ]
            barren = 0 if fresh else barren + 1
            for pair in fresh:
                if sum(made) < n:
                    seen.add((pair.text1, pair.text2))
                    made[pair.same] += 1
                    counts[pair.rule + str(pair.same)] = counts.get(pair.rule + str(pair.same), 0) + 1
                    yield pair


def _from_sentence(
    s: Sentence, rng: random.Random, vocab: Vocabulary, counts: dict[str, int], made: list[int]
) -> list[CorpusPair]:
    text = s.text
    found = _proposals(s, rng, vocab)
    out: list[CorpusPair] = []
    near = _choose(found, 0, rng, counts)
    same = _choose(found, 1, rng, counts)
    if near is None and same is None:
        return out
    if same is not None:
        replacements, kind, _, rule = same
        rewritten = s.rebuild(replacements)
        if rewritten != text and (_plain(rewritten) != _plain(text)):
            composed = rng.random() < 0.5
            t = Sentence(rewritten) if composed else s
            more = _proposals(t, rng, vocab) if composed else []
            second = _choose(more, 1, rng, counts) if composed else None
            again = t.rebuild(second[0]) if second else ""
            if second and _plain(again) not in (_plain(text), _plain(rewritten)):
                out.append(CorpusPair(text, again, 1, kind, f"{rule}+{second[3]}"))
            else:
                out.append(CorpusPair(text, rewritten, 1, kind, rule))
            third = _choose(more, 0, rng, counts) if composed else None
            if third and made[0] <= made[1]:
                changed = t.rebuild(third[0])
                if _plain(changed) not in (_plain(text), _plain(rewritten)):
                    out.append(CorpusPair(text, changed, 0, third[1], f"{rule}+{third[3]}"))
                    return out
    if near is not None and (made[0] <= made[1] + 1):
        changed = s.rebuild(near[0])
        if _plain(changed) != _plain(text):
            out.append(CorpusPair(text, changed, 0, near[1], near[3]))
    return [
        p
        if rng.random() < 0.5 or p.rule.startswith(("framed", "question"))
        else p._replace(text1=p.text2, text2=p.text1)
        for p in out
    ]
