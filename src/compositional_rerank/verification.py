"""From suspects to mismatches: which pairs of segments the verifier reads, and what its answers say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from compositional_rerank.encoder import EncodedText
from compositional_rerank.scoring.similarity import best_segments, similarity_map
from compositional_rerank.segments import sentence_spans, token_spans
from compositional_rerank.verifier import Verifier


@dataclass(frozen=True, eq=False)
class Text:
    """A text with its token vectors."""

    text: str
    encoded: EncodedText

    def segments(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Character spans and token spans of the sentences that have a token."""
        characters = sentence_spans(self.text)
        tokens = token_spans(characters, [(start, stop) for start, stop in self.encoded.offsets.tolist()])
        kept = [index for index, (start, stop) in enumerate(tokens) if stop > start]
        return [characters[index] for index in kept], [tokens[index] for index in kept]


def mismatches(verifier: Verifier, queries: Sequence[Text], passages: Sequence[Text]) -> torch.Tensor:
    """Mismatch of aligned queries and passages, all of them in one run of the verifier.

    Every sentence of the query is read with the passage's segments that meet it best. A sentence is fine if
    one of them agrees with it; the passage is as bad as its worst sentence.

    Args:
        verifier: the verifier.
        queries: ``n`` queries, each with at least one token.
        passages: ``n`` passages; one without a token cannot disagree.

    Returns:
        float32 ``[n]`` in [0, 1].
    """
    groups = [
        _best_pairs(query, passage, verifier.config.segments)
        for query, passage in zip(queries, passages, strict=True)
    ]
    flat = [pair for sentences in groups for pairs in sentences for pair in pairs]
    answers = iter(verifier.mismatch(flat).tolist() if flat else [])
    return torch.tensor(
        [max((min(next(answers) for _ in pairs) for pairs in sentences), default=0.0) for sentences in groups]
    )


def _best_pairs(query: Text, passage: Text, most: int) -> list[list[tuple[str, str]]]:
    """For every sentence of the query, its pairs with the passage's best segments."""
    similarities = similarity_map(query.encoded.vectors, passage.encoded.vectors)
    passage_characters, passage_tokens = passage.segments()
    if not passage_tokens:
        return []
    spans = torch.tensor(passage_tokens)
    groups = []
    for (start, stop), (first, last) in zip(*query.segments(), strict=True):
        chosen = best_segments(similarities[first:last], spans, most).tolist()
        groups.append(
            [(query.text[start:stop], passage.text[slice(*passage_characters[index])]) for index in chosen]
        )
    return groups
