"""Which texts a search by words would take for one another: TF-IDF."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

_CHUNK = 256  # queries whose cosines are computed at a time


def similarities(queries: Sequence[str], texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
    """TF-IDF cosines of each query with all texts.

    Args:
        queries: any texts.
        texts: ``n`` texts, some with a word that is no stop word.

    Yields:
        float32 ``[n]`` in [0, 1], one for each query.

    Example:
        >>> [int(row.argmax()) for row in similarities(["the dogs"], ["A bird sang.", "Two dogs barked."])]
        [1]
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(stop_words="english", sublinear_tf=True, dtype=np.float32)
    columns = words.fit_transform(texts).T.tocsr()
    rows = words.transform(queries)
    for start in range(0, len(queries), _CHUNK):
        yield from (rows[start : start + _CHUNK] @ columns).toarray()


def closest_others(
    queries: Sequence[str],
    own: Sequence[str],
    belong: Mapping[str, Set[str]] | None = None,
    alike: float = math.inf,
) -> list[str | None]:
    """For each query the closest text that is not its own; None where all others are.

    Args:
        queries: ``n`` texts.
        own: the ``n`` texts that belong to them, at least two different ones; those are looked through.
        belong: all texts that belong to a query, where there may be several.
        alike: cosine with its own text from which another one counts as its own, too.

    Example:
        >>> closest_others(["Do dogs bark?", "Who sang?"], ["Two dogs barked.", "A bird sang."])
        ['A bird sang.', 'Two dogs barked.']
    """
    texts = sorted(set(own))
    places = {text: place for place, text in enumerate(texts)}
    found: list[str | None] = []
    likeness = similarities(own, texts) if alike <= 1.0 else repeat(None, len(own))
    rows = zip(queries, own, similarities(queries, texts), likeness, strict=True)
    for query, text, near, like in rows:
        if like is not None:
            near[like >= alike] = -1
        near[[places[one] for one in (belong or {}).get(query, {text})]] = -1
        best = int(near.argmax())
        found.append(texts[best] if near[best] >= 0 else None)
    return found
