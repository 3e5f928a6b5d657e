"""Two-stage retrieval that keeps recall and rejects structural near-misses."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compositional_rerank.embedder import StructuralEmbedder
    from compositional_rerank.encoder import TokenEncoder
    from compositional_rerank.ranking import PairScores, RankedPassage, Ranking
    from compositional_rerank.reranker import CompositionalReranker
    from compositional_rerank.scoring import PackedTokens
    from compositional_rerank.store import FileStore, MemoryStore

__version__ = "0.1.0"

_HOMES = {
    "CompositionalReranker": "reranker",
    "FileStore": "store",
    "MemoryStore": "store",
    "PackedTokens": "scoring",
    "PairScores": "ranking",
    "RankedPassage": "ranking",
    "Ranking": "ranking",
    "StructuralEmbedder": "embedder",
    "TokenEncoder": "encoder",
}
__all__ = [
    "CompositionalReranker",
    "FileStore",
    "MemoryStore",
    "PackedTokens",
    "PairScores",
    "RankedPassage",
    "Ranking",
    "StructuralEmbedder",
    "TokenEncoder",
]


def __getattr__(name: str) -> Any:
    # Loading torch takes seconds; `--help` and a bare import should not.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
