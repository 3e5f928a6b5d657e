"""What a new statement does to the facts that an agent remembers; shared by the two memory examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from compositional_rerank import CompositionalReranker


@dataclass(frozen=True)
class Change:
    """What a new statement does to the facts; ``places`` are the facts that it concerns.

    ``add``: nothing that is known speaks of it. ``known``: a fact says it. ``replace``: it clearly denies
    facts. ``ask``: it may deny them, or speaks of another thing in nearly their words; a person or the
    language model must say which holds.
    """

    statement: str
    action: Literal["add", "known", "replace", "ask"]
    places: tuple[int, ...] = ()


def changes_of(reranker: CompositionalReranker, said: str, facts: Sequence[str]) -> list[Change]:
    """One change for each sentence that states something.

    What cannot be checked, as ``Likes tea``, is added as it is.
    """
    changes = []
    for sentence in reranker.check(said, facts):
        if sentence.claim is None:
            continue
        denied = [one for one in sentence.passages if one.verdict == "denies"]
        clear = all(one.mismatch >= reranker.threshold for one in denied)
        action: Literal["add", "known", "replace", "ask"] = "ask"
        places = [one.index for one in denied or sentence.passages]
        if sentence.verdict is None:
            action = "add"
        elif sentence.verdict == "supports":
            action, places = "known", [one.index for one in sentence.passages if one.verdict == "supports"]
        elif sentence.verdict == "denies" and clear:
            action = "replace"
        changes.append(Change(sentence.claim, action, tuple(places)))
    return changes or [Change(said, "add")]


def without_opposites(reranker: CompositionalReranker, newest_first: Sequence[str]) -> list[int]:
    """Places of the facts that no newer one clearly denies: for a store that was never cleaned."""
    kept: list[int] = []
    for place, fact in enumerate(newest_first):
        older = [newest_first[other] for other in kept]
        changes = changes_of(reranker, fact, older)
        if all(change.action != "replace" for change in changes):
            kept.append(place)
    return kept
