"""Two-stage retrieval that keeps recall and rejects structural near-misses."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compositional_rerank.checkpoints.base_models import SHIPPED_NAME
    from compositional_rerank.encoding.embedder import StructuralEmbedder
    from compositional_rerank.encoding.token_encoder import TokenEncoder
    from compositional_rerank.explaining import explain
    from compositional_rerank.reranker import CompositionalReranker
    from compositional_rerank.results import (
        CheckedAnswer,
        CheckedPassage,
        CheckedSentence,
        PairScores,
        RankedPassage,
        Ranking,
        Verdict,
    )
    from compositional_rerank.scoring import PackedTokens
    from compositional_rerank.store import FileStore, MemoryStore, RedisStore, StoreUrl

__version__ = "0.1.0"

_HOMES = {
    "SHIPPED_NAME": "checkpoints.base_models",
    "explain": "explaining",
    "CheckedAnswer": "results",
    "CheckedPassage": "results",
    "CheckedSentence": "results",
    "CompositionalReranker": "reranker",
    "FileStore": "store",
    "MemoryStore": "store",
    "PackedTokens": "scoring",
    "PairScores": "results",
    "RankedPassage": "results",
    "Ranking": "results",
    "RedisStore": "store",
    "StoreUrl": "store",
    "StructuralEmbedder": "encoding.embedder",
    "TokenEncoder": "encoding.token_encoder",
    "Verdict": "results",
}
__all__ = [
    "SHIPPED_NAME",
    "CheckedAnswer",
    "CheckedPassage",
    "CheckedSentence",
    "CompositionalReranker",
    "FileStore",
    "MemoryStore",
    "PackedTokens",
    "PairScores",
    "RankedPassage",
    "Ranking",
    "RedisStore",
    "StoreUrl",
    "StructuralEmbedder",
    "TokenEncoder",
    "Verdict",
    "explain",
]


def __getattr__(name: str) -> Any:
    # Loading torch takes seconds; `--help` and a bare import should not.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
