"""The first stage and the measures per system, against a plain computation over everything at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compositional_rerank import CompositionalReranker, Ranking, StructuralEmbedder
from compositional_rerank.audit import cache as cache_module
from compositional_rerank.audit import retrieval
from compositional_rerank.audit.cache import EmbeddingCache
from compositional_rerank.audit.formats import RetrievalSet, read_beir
from compositional_rerank.audit.systems import Systems


def collection(documents: list[str], ids: list[str], queries: list[str]) -> RetrievalSet:
    query_ids = [f"q{i}" for i in range(len(queries))]
    judged = {q: {ids[0]: 1} for q in query_ids}
    return RetrievalSet("c", ids, documents, [0] * len(ids), query_ids, queries, judged)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_block_by_block_is_all_at_once(
    hash_embedder: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(cache_module, "BLOCK", block)
    documents = [f"document {i // 2}" for i in range(40)]  # each text twice: ties
    data = collection(documents, [f"d{i}" for i in range(38)] + ["q0", "q2"], ["one", "two", "three"])
    embedder = hash_embedder()
    found = retrieval.first_stage(EmbeddingCache(tmp_path), embedder, data, [0, 1, 2], 15, "t")
    scores = embedder.encode_query(data.queries) @ embedder.encode_query(documents).T
    scores[0, 38] = scores[2, 39] = -np.inf
    for row, hits in zip(scores, found, strict=True):
        expected = sorted(range(40), key=lambda i: (-round(float(row[i]), 5), i))[:15]
        assert hits.places.tolist() == expected
        assert hits.scores == pytest.approx(row[expected], abs=1e-5)


def test_a_querys_own_document_is_left_out_also_of_a_short_list(
    hash_embedder: Callable, tmp_path: Path
) -> None:
    data = collection(["a", "b"], ["q0", "d1"], ["a"])
    (hits,) = retrieval.first_stage(EmbeddingCache(tmp_path), hash_embedder(), data, [0], 100, "t")
    assert hits.places.tolist() == [1]


def test_a_sample_of_queries_is_seeded_and_in_order() -> None:
    data = collection(["a"], ["d"], ["q"] * 50)
    first = retrieval.sample_queries(data, 10, seed=3)
    assert first == sorted(set(first)) == retrieval.sample_queries(data, 10, seed=3)
    assert first != retrieval.sample_queries(data, 10, seed=4)
    assert retrieval.sample_queries(data, 99, seed=3) == list(range(50))


@pytest.mark.parametrize("depth", [1, 2, 100])
def test_the_real_model_on_a_toy_collection(
    beir: Path, tmp_path: Path, reranker: CompositionalReranker, embedder: StructuralEmbedder, depth: int
) -> None:
    systems = Systems(embedder, reranker, EmbeddingCache(tmp_path / "cache"), against=embedder)
    result = retrieval.evaluate(systems, read_beir(beir), depth=depth, limit=None, seed=0)
    entry = retrieval.summarise(result, seed=0)
    assert (entry["documents"], entry["queries"]) == (5, 2)
    for name in systems.names:
        assert entry[name]["recall@100"] == 1.0  # the tail behind the reranked depth is kept
        assert entry["per_query"][name]["ndcg@10"] == pytest.approx(result.values[name]["ndcg@10"].tolist())
    assert entry["against"]["ndcg@10"] == entry["cosine"]["ndcg@10"]
    assert entry["against"]["p_value"]["ndcg@10"] == 1.0
    if depth == 1:
        assert entry["two_stage"]["ndcg@10"] == entry["cosine"]["ndcg@10"]
    assert entry["cosine"]["mrr@10"] == 1.0
    assert all(len(result.seconds[name]) == 2 for name in ("cosine", "two_stage", "against"))


def test_a_title_is_no_evidence_and_what_is_timed_is_what_is_measured(
    beir: Path,
    tmp_path: Path,
    verifying: CompositionalReranker,
    embedder: StructuralEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, list[str]]] = []
    rerank = CompositionalReranker.rerank

    def watched(self: CompositionalReranker, query: str, passages: list[str], **options: Any) -> Ranking:
        ranking = rerank(self, query, passages, **options)
        own = options["own_text"]
        asked.append((query, [text[slice(*span)] for text, span in zip(passages, own, strict=True)]))
        for result in ranking:
            if result.evidence is not None:
                assert result.evidence[0] >= own[result.index][0]
        return ranking

    monkeypatch.setattr(CompositionalReranker, "rerank", watched)
    with (beir / "corpus.jsonl").open("a") as stream:
        stream.write(json.dumps({"_id": "d9", "title": "The drug is safe for children.", "text": ""}))
    systems = Systems(embedder, verifying, EmbeddingCache(tmp_path / "cache"))
    retrieval.evaluate(systems, read_beir(beir), depth=100, limit=None, seed=0)
    first, second = asked[0], asked[1]
    assert asked == [first, second, first, second]  # each is measured, and timed when the next was measured
    assert "" in first[1]  # a title alone is nothing to read
    assert "The drug is safe for children." in first[1]
    assert not any(text.startswith(("Cats", "Rome Rome", "Own")) for text in first[1] + second[1])
