"""From suspects to mismatches: which pairs of segments the verifier reads, and what its answers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from compositional_rerank.backends.precision import full_precision
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.scoring.similarity import Similarities, match
from compositional_rerank.scoring.tokens import PackedTokens, run_bounds
from compositional_rerank.verification.cross_encoder import Verifier

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
class Reading:
    """A sentence of the query, the segments of a passage to read it with, and the first one's closeness."""

    closeness: float
    pairs: list[tuple[str, str]]


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
            found.append(match(sentences, packed, spans[:, 1] - spans[:, 0]))
    return Similarities(
        torch.cat([part.maxsim for part in found]), torch.cat([part.closeness for part in found], dim=1)
    )


def suspects(
    query: Text, passages: Sequence[Text], closeness: torch.Tensor, *, least: float, most: int
) -> dict[int, list[Reading]]:
    """The passages with a segment that is close to a sentence of the query.

    Args:
        query: a query with at least one token.
        passages: ``n`` passages.
        closeness: float32 ``[q, s]``, of each of the query's sentences with each of the passages' segments,
            from `compare`.
        least: closeness from which a segment makes its passage a suspect, in [-1, 1].
        most: how many segments of a passage to read with a sentence, closest first, at least 1.

    Returns:
        For each suspect's place among the passages, the query's sentences that made it one.
    """
    counts = torch.tensor([len(passage.encoded.segments) for passage in passages], dtype=torch.int64)
    ends, owners = counts.cumsum(0).tolist(), torch.repeat_interleave(torch.arange(len(counts)), counts)
    found: dict[int, list[Reading]] = {}
    for (start, stop), row in zip(query.encoded.segments[:, :2].tolist(), closeness, strict=True):
        sentence = query.text[start:stop]
        for place in dict.fromkeys(owners[row >= least].tolist()):
            passage = passages[place]
            table = passage.encoded.segments.tolist()
            values = row[ends[place] - len(table) : ends[place]].tolist()
            ranked = sorted(zip(values, table, strict=True), key=lambda item: -item[0])[:most]
            closest = ranked[0][0]
            pairs = [
                (sentence, passage.text[segment[0] : segment[1]])
                for value, segment in ranked
                if value >= closest - _ALSO_CLOSE
            ]
            found.setdefault(place, []).append(Reading(closest, pairs))
    return dict(sorted(found.items()))


def verdicts(verifier: Verifier, fusion: Fusion, found: dict[int, list[Reading]]) -> Verdicts:
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
    closeness, mismatch = torch.zeros(2, len(found), dtype=torch.float32)
    for row, sentences in enumerate(found.values()):
        answer = torch.tensor(
            [min(next(answers) for _ in sentence.pairs) for sentence in sentences], dtype=torch.float32
        )
        close = torch.tensor([sentence.closeness for sentence in sentences], dtype=torch.float32)
        worst = int((fusion.gate(close) * answer).argmax())
        closeness[row], mismatch[row] = close[worst], answer[worst]
    return Verdicts(torch.tensor(list(found), dtype=torch.int64), closeness, mismatch)
