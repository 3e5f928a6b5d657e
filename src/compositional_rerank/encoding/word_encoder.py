"""WordEncoder: token vectors without a network, where there is no encoder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from compositional_rerank.encoding.base import Task
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.sentences import segment_table
from compositional_rerank.encoding.surrogates import without_surrogates
from compositional_rerank.verification.forms import is_stop_word

_DIMENSION = 256
_GRAMS = (3, 4, 5)  # letters that words have in common, so that "cover" is close to "covered"
_WORD = re.compile(r"\w+")


class WordEncoder:
    """Makes vectors of words that are close where words are spelt alike. Safe to share between threads.

    They choose which sentences of a passage the verifier reads, and rank nothing. A sentence's stop words
    have no vectors, unless it has no others. Device and backend are those of the verifier.

    Source of vectors from letters: Bojanowski et al., "Enriching Word Vectors with Subword Information" (TACL
    2017), here with random vectors in place of learnt ones.

    Example:
        >>> encoded = WordEncoder().encode(["It is covered.", "They cover it."])
        >>> float(encoded[0].vectors @ encoded[1].vectors[-1]) > 0.5
        True
    """

    ranks = shipped = False
    pooling = None
    dimension = _DIMENSION
    fingerprint = hashlib.sha256(b"words 1").hexdigest()

    def __init__(self, device: torch.device | None = None, backend: str = "torch") -> None:
        self.device = device or torch.device("cpu")
        self.backend = backend

    def encode(
        self, texts: Sequence[str], *, task: Task = "document", show_progress: bool = False
    ) -> list[EncodedText]:
        """One `EncodedText` per text, in their order; queries and documents are read alike."""
        return [_encoded(without_surrogates(text)) for text in texts]


def _encoded(text: str) -> EncodedText:
    words = [(match.start(), match.end()) for match in _WORD.finditer(text)]
    kept: list[tuple[int, int]] = []
    for *_, first, last in segment_table(text, words):
        sentence = words[first:last]
        kept += [span for span in sentence if not is_stop_word(text[slice(*span)])] or sentence
    vectors = torch.zeros(0, _DIMENSION, dtype=torch.float32)
    if kept:
        vectors = torch.from_numpy(np.stack([_vector(text[slice(*span)].lower()) for span in kept]))
    return EncodedText(
        vectors,
        torch.tensor(kept, dtype=torch.int32).reshape(-1, 2),
        torch.nn.functional.normalize(vectors.sum(dim=0), dim=0),
        torch.tensor(segment_table(text, kept), dtype=torch.int32).reshape(-1, 4),
    )


@lru_cache(maxsize=1 << 16)
def _vector(word: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """float32 ``[256]``, normalised: the sum of a random vector for the word and each run of its letters."""
    inside = f"<{word}>"
    grams = [inside[at : at + size] for size in _GRAMS for at in range(len(inside) - size + 1)]
    total = np.zeros(_DIMENSION, dtype=np.float32)
    for gram in [f"{inside}.", *grams]:
        bits = np.frombuffer(hashlib.blake2b(gram.encode(), digest_size=_DIMENSION // 8).digest(), np.uint8)
        total += np.unpackbits(bits).astype(np.float32) * 2 - 1
    return total / np.float32(np.linalg.norm(total))
