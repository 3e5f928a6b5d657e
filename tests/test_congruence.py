"""LangChain, LlamaIndex, Haystack and the core rank the same candidates alike: order, scores and verdicts."""

from __future__ import annotations

import random
from typing import Any

import pytest
from haystack import Document as HaystackDocument
from haystack_integrations.components.rankers.compositional_rerank import CompositionalRanker
from langchain_core.documents import Document
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.compositional_rerank import CompositionalRerank

from compositional_rerank import CompositionalReranker
from langchain_compositional_rerank import CompositionalReranker as Compressor

VOCABULARY = (
    "rome paris harbour dog man bit was by the not safe children drug red cup blue plate before after "
    "closer than near three five every some no opened closed Faust wrote 12.5 mg naïve 日本 😀 e.g. Dr."
).split()
LISTS = 200

# place in the list; score, relevance, mismatch, support, retrieval score; verdict and evidence
Row = tuple[int, tuple[float | None, ...], tuple[str | None, list[int] | None]]


def texts_of(rng: random.Random) -> list[str]:
    """A pool of texts, so that lists repeat them and the store serves them."""
    pool = [" ".join(rng.choices(VOCABULARY, k=rng.randint(1, 14))) for _ in range(150)]
    pool += [". ".join(rng.choices(pool, k=30)) for _ in range(3)]  # longer than a window
    return [*pool, "", " ", "\n\t", "\u200b", "lone \ud800 surrogate"]


def sample(number: int) -> tuple[str, list[str], list[float | None], dict[str, Any]]:
    """Query, candidates, retrieval scores and cuts of one list."""
    rng = random.Random(number)
    pool = texts_of(random.Random(0))
    size = number if number < 2 else rng.randint(2, 25)
    texts = rng.choices(pool, k=size)
    scores = [rng.choice([None, round(rng.uniform(-2, 30), 3)]) for _ in texts]
    cuts = {
        "top_n": rng.choice([None, None, 1, 3, 100]),
        "min_score": rng.choice([None, None, 0.3, -1]),
        "max_mismatch": rng.choice([None, 0.5]),
        "order": rng.choice(["auto", "auto", "retriever", "mix", "relevance"]),
        "near_misses": rng.choice(["demote", "penalise", "drop", "mark"]),
        "threshold": rng.choice(["shipped", 0.25]),
        "denials": rng.choice(["auto", "auto", "keep", "penalise"]),
        "max_verified": rng.choice([None, None, 0, 2]),
    }
    query = " ".join(rng.choices(VOCABULARY[:25], k=rng.randint(1, 10))) + rng.choice(["", ".", "?"])
    return query, texts, scores, cuts


def core_rows(
    reranker: CompositionalReranker, query: str, texts: list[str], scores: list[float | None], **cuts: Any
) -> list[Row]:
    ranking = reranker.rerank(query, texts, retrieval_scores=scores, **cuts)
    return [
        (
            r.index,
            (r.score, r.relevance, r.mismatch, r.support, r.retrieval_score),
            (r.verdict, None if r.evidence is None else list(r.evidence)),
        )
        for r in ranking
    ]


def row_of(place: int, score: float, metadata: dict[str, Any]) -> Row:
    names = ("relevance", "mismatch", "support", "retrieval_score")
    return place, (score, *(metadata[name] for name in names)), (metadata["verdict"], metadata["evidence"])


def llama_index_rows(
    reranker: CompositionalReranker, query: str, texts: list[str], scores: list[float | None], **cuts: Any
) -> list[Row]:
    nodes = [
        NodeWithScore(node=TextNode(text=text, id_=str(index)), score=score)
        for index, (text, score) in enumerate(zip(texts, scores, strict=True))
    ]
    ranked = CompositionalRerank.from_reranker(reranker, **cuts).postprocess_nodes(nodes, query_str=query)
    return [row_of(int(node.node_id), node.get_score(raise_error=True), node.metadata) for node in ranked]


def langchain_rows(
    reranker: CompositionalReranker, query: str, texts: list[str], scores: list[float | None], **cuts: Any
) -> list[Row]:
    documents = [
        Document(text, id=str(index), metadata={} if score is None else {"retrieval_score": score})
        for index, (text, score) in enumerate(zip(texts, scores, strict=True))
    ]
    ranked = Compressor.from_reranker(reranker, **cuts).compress_documents(documents, query)
    return [
        row_of(int(document.id or -1), document.metadata["relevance_score"], document.metadata)
        for document in ranked
    ]


def haystack_rows(
    reranker: CompositionalReranker, query: str, texts: list[str], scores: list[float | None], **cuts: Any
) -> list[Row]:
    documents = [
        HaystackDocument(id=str(index), content=text, score=score)
        for index, (text, score) in enumerate(zip(texts, scores, strict=True))
    ]
    settings = {"top_k" if name == "top_n" else name: value for name, value in cuts.items()}
    ranked = CompositionalRanker.from_reranker(reranker, **settings).run(query, documents)["documents"]
    return [row_of(int(document.id), document.score, document.meta) for document in ranked]


def assert_congruent(reranker: CompositionalReranker, number: int) -> int:
    query, texts, scores, cuts = sample(number)
    core = core_rows(reranker, query, texts, scores, **cuts)
    for adapter in (llama_index_rows, langchain_rows, haystack_rows):
        rows = adapter(reranker, query, texts, scores, **cuts)
        assert [row[0] for row in rows] == [row[0] for row in core], (number, adapter.__name__)
        for row, expected in zip(rows, core, strict=True):
            assert row[1] == pytest.approx(expected[1], abs=1e-6), (number, adapter.__name__)
            assert row[2] == expected[2], (number, adapter.__name__)
    return len(core)


def test_two_hundred_random_lists(reranker: CompositionalReranker) -> None:
    returned = [assert_congruent(reranker, number) for number in range(LISTS)]
    assert returned[0] == 0
    assert sum(returned) > 5 * LISTS


@pytest.fixture(scope="module")
def default() -> CompositionalReranker:
    """What the package ships."""
    return CompositionalReranker.from_pretrained(device="cpu")


def test_twenty_random_lists_with_the_shipped_default(default: CompositionalReranker) -> None:
    for number in range(20):
        assert_congruent(default, number)


def test_the_shipped_default_is_found_again_by_its_name(default: CompositionalReranker) -> None:
    """An adapter around a loaded reranker keeps its name only when it is serialised."""
    again = CompositionalReranker.from_pretrained(default.name, device="cpu")
    assert again.fingerprint == default.fingerprint


def test_equal_passages_get_equal_scores_from_the_shipped_default(default: CompositionalReranker) -> None:
    near_miss = "The drug is not safe for children. " + "It was tested on adults in twelve towns. " * 3
    ranking = default.rerank("The drug is safe for children.", ["The drug is safe.", *[near_miss] * 70])
    ours = [result for result in ranking if result.text == near_miss]
    assert [result.index for result in ours] == list(range(1, 71))
    assert len({(result.relevance, result.mismatch, result.score) for result in ours}) == 1
