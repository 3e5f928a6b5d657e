"""Embeddings of the texts that were asked for last: a list is ranked again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

from compositional_rerank.serving.http.together import JoinedEmbedder

_MOST = 2000


class Embeddings:
    """What a vector store would keep.

    Args:
        embedder: makes them.
    """

    def __init__(self, embedder: JoinedEmbedder) -> None:
        self._embedder = embedder
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()

    def cosines(self, query: str, passages: Sequence[str]) -> list[float]:
        """Closeness of each passage to the query, in [-1, 1]."""
        [asked] = self._embedder.encode([query], "query")
        return [float(one @ asked) for one in self._of(passages)]

    def _of(self, passages: Sequence[str]) -> list[Any]:
        with self._lock:
            found = {text: self._kept[text] for text in set(passages) & self._kept.keys()}
        missing = [text for text in dict.fromkeys(passages) if text not in found]
        found.update(zip(missing, self._embedder.encode(missing, "document"), strict=True))
        with self._lock:
            self._kept.update(found)
            for text in found:
                self._kept.move_to_end(text)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return [found[text] for text in passages]
