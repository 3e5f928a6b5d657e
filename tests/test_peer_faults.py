"""Faults seen in other rerankers: each check passes on ours and fails on the fault.

Where the fault fits in a few lines, it is written out here, and the check must catch it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from langchain_core.documents import Document
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode
from llama_index.postprocessor.compositional_rerank import CompositionalRerank

from compositional_rerank import CompositionalReranker, PackedTokens
from compositional_rerank.scoring import maxsim
from langchain_compositional_rerank import CompositionalReranker as Compressor

QUERY = "Who wrote Faust?"
TEXTS = ["Paris is in France.", "Goethe wrote Faust.", "The play Faust has two parts.", "Rome is old."]


@dataclass(frozen=True)
class Hit:
    """A ranked text as the caller of a reranker sees it."""

    text: str
    score: float | None
    metadata: dict[str, Any] = field(default_factory=dict)


Rerank = Callable[..., list[Hit]]


def core(reranker: CompositionalReranker) -> Rerank:
    def rerank(query: str, hits: list[Hit], **cuts: Any) -> list[Hit]:
        given = [hit.score for hit in hits]
        texts = [hit.text for hit in hits]
        ranking = reranker.rerank(query, texts, retrieval_scores=given, order="relevance", **cuts)
        names = ("relevance", "mismatch", "verdict", "support", "evidence", "retrieval_score")
        return [Hit(r.text, r.score, {name: getattr(r, name) for name in names}) for r in ranking]

    return rerank


def llama_index(reranker: CompositionalReranker) -> Rerank:
    def rerank(query: str, hits: list[Hit], **cuts: Any) -> list[Hit]:
        nodes = [
            NodeWithScore(
                node=TextNode(
                    text=hit.text,
                    metadata=dict(hit.metadata),
                    excluded_embed_metadata_keys=list(hit.metadata),
                ),
                score=hit.score,
            )
            for hit in hits
        ]
        before = copy.deepcopy(nodes)
        adapter = CompositionalRerank.from_reranker(reranker, order="relevance", **cuts)
        ranked = adapter.postprocess_nodes(nodes, query_str=query)
        assert nodes == before
        return [Hit(node.text, node.score, node.metadata) for node in ranked]

    return rerank


def langchain(reranker: CompositionalReranker) -> Rerank:
    def rerank(query: str, hits: list[Hit], **cuts: Any) -> list[Hit]:
        documents = [Document(h.text, metadata={**h.metadata, "retrieval_score": h.score}) for h in hits]
        before = copy.deepcopy(documents)
        adapter = Compressor.from_reranker(reranker, order="relevance", **cuts)
        ranked = adapter.compress_documents(documents, query)
        assert documents == before
        return [Hit(d.page_content, d.metadata["relevance_score"], d.metadata) for d in ranked]

    return rerank


@pytest.fixture(params=[core, llama_index, langchain], ids=["core", "llama-index", "langchain"])
def rerank(request: pytest.FixtureRequest, reranker: CompositionalReranker) -> Rerank:
    system: Callable[[CompositionalReranker], Rerank] = request.param
    return system(reranker)


@pytest.fixture(params=[core, llama_index, langchain], ids=["core", "llama-index", "langchain"])
def fresh_rerank(request: pytest.FixtureRequest, fresh_reranker: CompositionalReranker) -> Rerank:
    """As `rerank`, with nothing in the store."""
    system: Callable[[CompositionalReranker], Rerank] = request.param
    return system(fresh_reranker)


def hits(texts: list[str] = TEXTS) -> list[Hit]:
    return [Hit(text, 0.5 - index / 100) for index, text in enumerate(texts)]


# Sorted scores paired with unsorted documents (rerankers' PyLateRanker, TEI rerank in LlamaIndex)


def check_scores_belong_to_their_texts(rerank: Rerank) -> None:
    ranked = rerank(QUERY, hits())
    assert next(hit.text for hit in ranked) == "Goethe wrote Faust."
    assert [hit.score for hit in ranked] == sorted((hit.score for hit in ranked), reverse=True)  # type: ignore[type-var]
    for hit in ranked:
        assert rerank(QUERY, [hit])[0].score == pytest.approx(hit.score, abs=1e-6)


def test_scores_belong_to_their_texts(rerank: Rerank) -> None:
    check_scores_belong_to_their_texts(rerank)

    def faulty(query: str, given: list[Hit]) -> list[Hit]:
        scores = [hit.score for hit in rerank(query, given)]
        return [replace(hit, score=score) for hit, score in zip(given, scores, strict=True)]

    with pytest.raises(AssertionError):
        check_scores_belong_to_their_texts(faulty)


# One forward pass per document; gradients kept; queries over 512 tokens crash (LlamaIndex ColbertRerank)


def test_documents_are_encoded_in_batches(fresh_rerank: Rerank, forwards: list[torch.Size]) -> None:
    fresh_rerank(QUERY, hits([f"The passage with number {number}." for number in range(60)]))
    assert [shape[0] for shape in forwards] == [1, 60]  # the query, then all passages at once


def test_no_gradients_are_kept(fresh_reranker: CompositionalReranker) -> None:
    modes: list[bool] = []
    hook = fresh_reranker.encoder.transformer.register_forward_hook(
        lambda module, inputs, output: modes.append(output["token_embeddings"].requires_grad)
    )
    encoded = fresh_reranker.encode_passages(TEXTS)
    hook.remove()
    assert modes == [False]
    assert not any(text.vectors.requires_grad for text in encoded)


def test_queries_longer_than_any_window(rerank: Rerank) -> None:
    query = "Who wrote the play that is called Faust, and in which town and which year was it? " * 40
    ranked = rerank(query, hits([*TEXTS, query]))
    assert len(ranked) == 5
    assert ranked[0].text == query
    assert ranked[0].score == pytest.approx(1, abs=1e-4)


# Scores dropped (LangChain CrossEncoderReranker); stale scores win (FlashrankRerank)


def check_scores_arrive(rerank: Rerank) -> None:
    stale = {
        "relevance_score": 9.0,
        "relevance": 9.0,
        "mismatch": 9.0,
        "verdict": "supports",
        "evidence": [0, 9],
    }
    for hit in rerank(QUERY, [replace(hit, metadata=dict(stale)) for hit in hits()]):
        assert hit.score == hit.metadata["relevance"] <= 1
        assert hit.metadata["mismatch"] is hit.metadata["verdict"] is hit.metadata["evidence"] is None
        assert hit.metadata["retrieval_score"] == 0.5 - TEXTS.index(hit.text) / 100


def test_scores_arrive_and_stale_ones_go(rerank: Rerank) -> None:
    check_scores_arrive(rerank)

    def stale_wins(query: str, given: list[Hit]) -> list[Hit]:
        return [replace(hit, metadata={**hit.metadata, **given[0].metadata}) for hit in rerank(query, given)]

    def drops(query: str, given: list[Hit]) -> list[Hit]:
        return [replace(hit, score=None) for hit in rerank(query, given)]

    for faulty in (stale_wins, drops):
        with pytest.raises(AssertionError):
            check_scores_arrive(faulty)


# Inputs mutated; and the number then gets embedded as text in the next stage


def test_inputs_stay_and_scores_are_no_text(reranker: CompositionalReranker) -> None:
    nodes = [
        NodeWithScore(node=TextNode(text=hit.text, metadata={"page": 1}), score=hit.score) for hit in hits()
    ]
    before = [node.to_dict() for node in nodes]
    stage = CompositionalRerank.from_reranker(reranker, order="relevance")
    once = stage.postprocess_nodes(nodes, query_str=QUERY)
    assert [node.to_dict() for node in nodes] == before
    twice = stage.postprocess_nodes(once, query_str=QUERY)
    assert [node.score for node in twice] == [node.score for node in once]
    sources = {node.node_id: node.node for node in nodes}
    for node in twice:
        for mode in (MetadataMode.EMBED, MetadataMode.LLM):
            assert node.get_content(mode) == sources[node.node_id].get_content(mode)


def test_documents_share_no_metadata_with_their_sources(reranker: CompositionalReranker) -> None:
    documents = [Document(text, metadata={"page": 1}, id=text) for text in TEXTS]
    for document in Compressor.from_reranker(reranker).compress_documents(documents, QUERY):
        document.metadata["page"] = 2
    assert all(document.metadata == {"page": 1} for document in documents)


# One or zero documents crash


@pytest.mark.parametrize("count", [0, 1])
def test_one_and_no_documents(rerank: Rerank, count: int) -> None:
    assert [hit.text for hit in rerank(QUERY, hits(TEXTS[:count]))] == TEXTS[:count]


def test_blank_and_equal_documents_all_come_back_in_order(rerank: Rerank) -> None:
    ranked = rerank(QUERY, hits(["", "Rome", " ", "Rome", ""]))
    assert [hit.text for hit in ranked] == ["Rome", "Rome", "", " ", ""]


# A cut-off that does nothing


def check_cuts(rerank: Rerank) -> None:
    ranked = rerank(QUERY, hits())
    assert rerank(QUERY, hits(), top_n=2) == ranked[:2]
    middle = (ranked[1].score or 0) / 2 + (ranked[2].score or 0) / 2
    assert rerank(QUERY, hits(), min_score=middle) == ranked[:2]
    assert rerank(QUERY, hits(), min_score=2.0) == []


def test_cuts_cut(rerank: Rerank) -> None:
    check_cuts(rerank)
    with pytest.raises(AssertionError):
        check_cuts(lambda query, given, **cuts: rerank(query, given))


# Unbounded raw scores without a scale


def check_scale(rerank: Rerank) -> None:
    for query in ("Faust?", QUERY, QUERY * 20):
        ranked = rerank(query, hits([*TEXTS, query, "", "x" * 5000]))
        assert all(-1 <= (hit.score or 0) <= 1 for hit in ranked)
        assert ranked[0].score == pytest.approx(1, abs=1e-4)
        assert ranked[-1].score == -1


def test_scores_have_a_scale(rerank: Rerank) -> None:
    check_scale(rerank)

    def summed(query: str, given: list[Hit]) -> list[Hit]:  # ColBERT's sum over query tokens
        return [replace(hit, score=(hit.score or 0) * len(query.split())) for hit in rerank(query, given)]

    with pytest.raises(AssertionError):
        check_scale(summed)


# Documents encoded again at every query


def test_documents_are_encoded_once(fresh_rerank: Rerank, forwards: list[torch.Size]) -> None:
    fresh_rerank(QUERY, hits(TEXTS * 2))
    assert [shape[0] for shape in forwards] == [1, len(TEXTS)]
    forwards.clear()
    fresh_rerank("Where is Rome?", hits([*reversed(TEXTS), "A new one."]))
    assert [shape[0] for shape in forwards] == [1, 1]


# Passages truncated without a word


def check_the_end_counts(rerank: Rerank) -> None:
    filler = "The museum opens at nine and the café closes at six on every day but Monday. " * 40
    without, within = (rerank(QUERY, hits([text]))[0] for text in (filler, filler + TEXTS[1]))
    assert (within.score or 0) > (without.score or 0) + 0.2


def test_the_end_of_a_long_passage_counts(rerank: Rerank) -> None:
    check_the_end_counts(rerank)

    def truncating(query: str, given: list[Hit]) -> list[Hit]:
        return rerank(query, [replace(hit, text=" ".join(hit.text.split()[:200])) for hit in given])

    with pytest.raises(AssertionError):
        check_the_end_counts(truncating)


# Zero padding scores: a short passage with only negative similarities gets 0 from its padding (PyLate)


def check_padding(score: Callable[[torch.Tensor, list[torch.Tensor]], list[float]]) -> None:
    query = torch.tensor([[1.0, 0.0]])
    opposite = torch.tensor([[-1.0, 0.0]])
    weak = torch.tensor([[-0.6, 0.8], [-0.8, 0.6], [-0.28, 0.96]])
    assert score(query, [opposite, weak]) == pytest.approx([-1.0, -0.28])


def test_padding_never_wins() -> None:
    check_padding(lambda query, passages: maxsim(query, PackedTokens.from_list(passages)).tolist())

    def padded(query: torch.Tensor, passages: list[torch.Tensor]) -> list[float]:
        block = torch.nn.utils.rnn.pad_sequence(passages, batch_first=True)
        scores: list[float] = (query @ block.transpose(1, 2)).amax(dim=2).mean(dim=1).tolist()
        return scores

    with pytest.raises(AssertionError):
        check_padding(padded)
