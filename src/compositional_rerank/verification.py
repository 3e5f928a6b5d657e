"""From suspects to mismatches: which pairs of segments the verifier reads, and what its answers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from compositional_rerank.encoder import EncodedText
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.scoring.similarity import segment_closeness
from compositional_rerank.scoring.tokens import PackedTokens
from compositional_rerank.verifier import Verifier

# A segment that says something else agrees with anything: only one that is about as close as the closest can
# show that the passage also says what the query says.
_ALSO_CLOSE = 0.1


@dataclass(frozen=True, eq=False)
class Text:
    """A text with its token vectors."""

    text: str
    encoded: EncodedText


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What the verifier says of the suspects among ``n`` passages.

    Args:
        places: int64 ``[v]``, which passages are suspects, in order.
        closeness: float32 ``[v]`` in [-1, 1], closeness of the sentence that decided.
        mismatch: float32 ``[v]`` in [0, 1].
    """

    places: torch.Tensor
    closeness: torch.Tensor
    mismatch: torch.Tensor


@dataclass(frozen=True)
class Sentence:
    """A sentence of the query, the segments of a passage to read it with, and the first one's closeness."""

    closeness: float
    pairs: list[tuple[str, str]]


def suspects(query: Text, passages: Sequence[Text], *, least: float, most: int) -> dict[int, list[Sentence]]:
    """The passages with a segment that is close to a sentence of the query.

    Args:
        query: a query with at least one token.
        passages: ``n`` passages, at least one.
        least: closeness from which a segment makes its passage a suspect, in [-1, 1].
        most: how many segments of a passage to read with a sentence, closest first, at least 1.

    Returns:
        For each suspect's place among the passages, the query's sentences that made it one.
    """
    packed = PackedTokens.from_list([passage.encoded.vectors for passage in passages])
    tables = [passage.encoded.segments.tolist() for passage in passages]
    lengths = torch.tensor(
        [stop - start for table in tables for _, _, start, stop in table], dtype=torch.int64
    )
    found: dict[int, list[Sentence]] = {}
    for from_char, to_char, first, last in query.encoded.segments.tolist():
        closeness = iter(segment_closeness(query.encoded.vectors[first:last], packed, lengths).tolist())
        sentence = query.text[from_char:to_char]
        for place, (passage, table) in enumerate(zip(passages, tables, strict=True)):
            ranked = sorted(((next(closeness), row) for row in table), key=lambda item: -item[0])[:most]
            if ranked and ranked[0][0] >= least:
                closest = ranked[0][0]
                pairs = [
                    (sentence, passage.text[row[0] : row[1]])
                    for value, row in ranked
                    if value >= closest - _ALSO_CLOSE
                ]
                found.setdefault(place, []).append(Sentence(closest, pairs))
    return dict(sorted(found.items()))


def verdicts(verifier: Verifier, fusion: Fusion, found: dict[int, list[Sentence]]) -> Verdicts:
    """Ask the verifier about suspects, all of them in one run.

    A sentence of the query agrees with a passage if one of its segments agrees with it. The sentence with
    the largest penalty decides.

    Args:
        verifier: the verifier.
        fusion: whose gate weighs the sentences.
        found: what `suspects` returned.
    """
    pairs = [pair for sentences in found.values() for sentence in sentences for pair in sentence.pairs]
    answers = iter(verifier.mismatch(pairs).tolist())
    closeness, mismatch = torch.zeros(len(found)), torch.zeros(len(found))
    for row, sentences in enumerate(found.values()):
        answer = torch.tensor([min(next(answers) for _ in sentence.pairs) for sentence in sentences])
        close = torch.tensor([sentence.closeness for sentence in sentences])
        worst = int((fusion.gate(close) * answer).argmax())
        closeness[row], mismatch[row] = close[worst], answer[worst]
    return Verdicts(torch.tensor(list(found), dtype=torch.int64), closeness, mismatch)
