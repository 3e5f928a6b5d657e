"""The evaluation inside the real GPTCache, with its SQLite and FAISS stores."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compositional_rerank import CompositionalReranker
from compositional_rerank.caching import CacheGuard, SameQuestionEvaluation

# Not importorskip: what GPTCache misses it would install by itself.
MISSING = [name for name in ("gptcache", "faiss", "sqlalchemy") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

ASKED = "Is the drug safe for children?"
DENIED = "Is the drug not safe for children?"


@pytest.fixture
def cache(shipped: CompositionalReranker, tmp_path: Path) -> Any:
    from gptcache import Cache, Config
    from gptcache.manager import manager_factory
    from gptcache.processor.pre import get_prompt

    def embed(text: str, **_: Any) -> Any:
        return np.asarray(shipped.encoder.encode([text], task="query")[0].pooled, dtype=np.float32)

    cache = Cache()
    manager = manager_factory(
        "sqlite,faiss", str(tmp_path), vector_params={"dimension": len(embed("a")), "top_k": 3}
    )
    cache.init(
        pre_embedding_func=get_prompt,
        embedding_func=embed,
        data_manager=manager,
        similarity_evaluation=SameQuestionEvaluation(CacheGuard(shipped)),
        config=Config(similarity_threshold=0.8, disable_report=True),
    )
    return cache


def test_gptcache_serves_only_the_same_question(cache: Any) -> None:
    from gptcache.adapter.api import get, put

    put(ASKED, "Yes.", cache_obj=cache)
    assert get(DENIED, cache_obj=cache) is None
    assert get(f"{ASKED} ", cache_obj=cache) == "Yes."
    put(DENIED, "No.", cache_obj=cache)
    assert get(f"{ASKED} ", cache_obj=cache) == "Yes."
    assert get(f"{DENIED} ", cache_obj=cache) == "No."
    counts = cache.similarity_evaluation.counts
    assert counts.hits >= 3
    assert counts.guarded >= 1


def test_it_has_what_gptcache_asks_of_an_evaluation(cache: Any) -> None:
    from gptcache.similarity_evaluation import SimilarityEvaluation

    wanted = {name for name in vars(SimilarityEvaluation) if not name.startswith("_")}
    assert wanted == {"evaluation", "range"}
    assert all(callable(getattr(cache.similarity_evaluation, name)) for name in wanted)
