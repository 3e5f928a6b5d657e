from __future__ import annotations

import asyncio
import copy
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import (
    Document,
    ImageNode,
    IndexNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.postprocessor.compositional_rerank import CompositionalRerank

from compositional_rerank import CompositionalReranker, FileStore, MemoryStore
from compositional_rerank.errors import InputError

QUERY = "Who wrote Faust?"


class Recorder(BaseEventHandler):
    """Keeps the rerank events."""

    events: list[Any] = []  # noqa: RUF012 - a pydantic field, copied per instance

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        if isinstance(event, (ReRankStartEvent, ReRankEndEvent)):
            self.events.append(event)


@pytest.fixture
def events() -> Iterator[list[Any]]:
    recorder, root = Recorder(), get_dispatcher()
    root.add_event_handler(recorder)
    yield recorder.events
    root.event_handlers.remove(recorder)


@pytest.fixture
def rerank(reranker: CompositionalReranker) -> CompositionalRerank:
    return CompositionalRerank.from_reranker(reranker)


def test_is_a_postprocessor() -> None:
    assert issubclass(CompositionalRerank, BaseNodePostprocessor)
    assert CompositionalRerank.class_name() == "CompositionalRerank"


def test_ranks_and_names_its_scores(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    ranked = rerank.postprocess_nodes(nodes, query_str=QUERY)
    assert next(node.node_id for node in ranked) == "1"
    assert ranked[-1].node_id == "4"
    assert sorted(node.node_id for node in ranked) == ["0", "1", "2", "3", "4"]
    for node in ranked:
        assert type(node.score) is float
        assert type(node.metadata["relevance"]) is float
        assert node.metadata["mismatch"] is node.metadata["verdict"] is node.metadata["evidence"] is None
        assert node.metadata["retrieval_score"] == 0.9 - int(node.node_id) / 10
        for keys in (node.node.excluded_embed_metadata_keys, node.node.excluded_llm_metadata_keys):
            ours = "relevance mismatch near_miss verdict support evidence retrieval_score"
            assert set(ours.split()) <= set(keys)
            assert len(keys) == len(set(keys))
        json.loads(node.to_json())


def test_the_order_and_the_scores_of_the_retriever_can_be_kept(
    reranker: CompositionalReranker, nodes: list[NodeWithScore]
) -> None:
    keep = CompositionalRerank.from_reranker(reranker, order="retriever")
    ranked = keep.postprocess_nodes(nodes, query_str=QUERY)
    assert [(node.node_id, node.score) for node in ranked] == [(node.node_id, node.score) for node in nodes]
    assert not any(node.metadata["near_miss"] for node in ranked)


@pytest.mark.parametrize("near_misses", ["demote", "penalise", "drop", "mark"])
def test_near_misses_are_dealt_with_as_in_the_core(judging: CompositionalReranker, near_misses: Any) -> None:
    query = "The warranty covers water damage."
    texts = ["Water damage is not covered by the warranty.", "The warranty covers water damage.", "Bread."]
    hits = [NodeWithScore(node=TextNode(text=t), score=0.75 - i / 4) for i, t in enumerate(texts)]
    policy = {"near_misses": near_misses, "order": "retriever", "threshold": 0.5}
    ranked = CompositionalRerank.from_reranker(judging, **policy).postprocess_nodes(hits, query_str=query)
    expected = judging.rerank(query, texts, retrieval_scores=[0.75, 0.5, 0.25], **policy)
    assert [(node.text, node.score, node.metadata["near_miss"]) for node in ranked] == [
        (result.text, result.score, result.near_miss) for result in expected
    ]
    assert any(result.near_miss for result in expected) == (near_misses != "drop")


def test_the_text_is_what_an_embedding_model_reads(rerank: CompositionalRerank) -> None:
    shown = TextNode(text="It has two parts.", metadata={"title": "Faust by Goethe"})
    hidden = TextNode(
        text="It has two parts.",
        metadata={"title": "Faust by Goethe"},
        excluded_embed_metadata_keys=["title"],
    )
    ranked = rerank.postprocess_nodes(
        [NodeWithScore(node=hidden), NodeWithScore(node=shown)], query_str="Faust by Goethe"
    )
    assert [node.node_id for node in ranked] == [shown.node_id, hidden.node_id]


def test_the_callers_nodes_stay_as_they_are(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    nodes[0].node.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id="1")
    before = copy.deepcopy(nodes)
    ranked = rerank.postprocess_nodes(nodes, query_str=QUERY)
    for node in ranked:
        node.metadata["page"] = "changed"
        node.node.excluded_llm_metadata_keys.append("changed")
        node.node.excluded_embed_metadata_keys.append("changed")
        node.node.relationships.clear()
        node.score = None
    assert nodes == before


def test_the_same_node_twice(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    ranked = rerank.postprocess_nodes([nodes[1], nodes[1]], query_str=QUERY)
    assert [node.node_id for node in ranked] == ["1", "1"]
    assert ranked[0].node is not ranked[1].node


@pytest.mark.parametrize("top_n", [1, 3, 5, 50])
def test_top_n(reranker: CompositionalReranker, nodes: list[NodeWithScore], top_n: int) -> None:
    everything = CompositionalRerank.from_reranker(reranker).postprocess_nodes(nodes, query_str=QUERY)
    best = CompositionalRerank.from_reranker(reranker, top_n=top_n).postprocess_nodes(nodes, query_str=QUERY)
    assert best == everything[:top_n]


def test_min_score_and_max_mismatch(reranker: CompositionalReranker, nodes: list[NodeWithScore]) -> None:
    rerank = CompositionalRerank.from_reranker(reranker, min_score=0.5, max_mismatch=0.5)
    ranked = rerank.postprocess_nodes(nodes, query_str=QUERY)
    assert 0 < len(ranked) < 5
    assert all(node.get_score() >= 0.5 for node in ranked)


def test_the_retrieval_score_can_be_renamed_or_left_out(
    reranker: CompositionalReranker, nodes: list[NodeWithScore]
) -> None:
    renamed = CompositionalRerank.from_reranker(reranker, retrieval_score_key="bm25")
    best = renamed.postprocess_nodes(nodes, query_str=QUERY)[0]
    assert best.metadata["bm25"] == 0.8
    assert "bm25" in best.node.excluded_embed_metadata_keys
    assert "retrieval_score" not in best.metadata
    without = CompositionalRerank.from_reranker(reranker, keep_retrieval_score=False)
    assert "retrieval_score" not in without.postprocess_nodes(nodes, query_str=QUERY)[0].metadata


@pytest.mark.parametrize("score", [None, math.nan, math.inf, np.float32(0.25), 3])
def test_any_retrieval_score_is_carried(rerank: CompositionalRerank, score: Any) -> None:
    node = NodeWithScore(node=TextNode(text="Goethe"), score=score)
    kept = rerank.postprocess_nodes([node], query_str=QUERY)[0].metadata["retrieval_score"]
    assert kept is None if score is None else type(kept) is float
    assert repr(kept) == repr(node.score)


def test_scores_of_an_earlier_stage_are_replaced(
    reranker: CompositionalReranker, nodes: list[NodeWithScore]
) -> None:
    rerank = CompositionalRerank.from_reranker(reranker, order="relevance")
    first = rerank.postprocess_nodes(nodes, query_str="Where is Paris?")
    again = rerank.postprocess_nodes(first, query_str=QUERY)
    direct = rerank.postprocess_nodes(nodes, query_str=QUERY)
    assert [(node.node_id, node.score) for node in again] == [(node.node_id, node.score) for node in direct]
    before = {node.node_id: node.score for node in first}
    assert all(node.metadata["retrieval_score"] == before[node.node_id] for node in again)
    assert all(
        node.get_content(MetadataMode.LLM) == nodes[int(node.node_id)].get_content(MetadataMode.LLM)
        for node in again
    )


def test_nodes_of_every_kind(rerank: CompositionalRerank) -> None:
    engine = object()  # stands for a query engine, which nobody may copy
    index_node = IndexNode(text="Rome", index_id="i")
    index_node.obj = engine
    given = [
        ImageNode(image_url="https://example.org/a.png"),
        ImageNode(text="Goethe wrote Faust.", image_url="https://example.org/b.png"),
        Node(image_resource=MediaResource(data=b"aGk=")),
        Node(text_resource=MediaResource(text="Faust is a play by Goethe.")),
        index_node,
        Document(text="Paris", metadata={"a": None}),
    ]
    ranked = rerank.postprocess_nodes([NodeWithScore(node=node) for node in given], query_str=QUERY)
    assert [type(node.node) for node in ranked[:2]] == [ImageNode, Node]
    assert sorted(node.node_id for node in ranked) == sorted(node.node_id for node in given)
    # What has no text cannot be read: it is last, in the incoming order, and not lost.
    assert [node.node_id for node in ranked[-2:]] == [given[0].node_id, given[2].node_id]
    assert [node.score for node in ranked[-2:]] == [-1.0, -1.0]
    kept = next(node.node for node in ranked if isinstance(node.node, IndexNode))
    assert kept.obj is engine


def test_a_subclass_of_a_node_stays_one(rerank: CompositionalRerank) -> None:
    class Page(TextNode):
        number: int = 0

    ranked = rerank.postprocess_nodes([NodeWithScore(node=Page(text="x", number=7))], query_str=QUERY)
    assert isinstance(ranked[0].node, Page)
    assert ranked[0].node.number == 7


def test_events(reranker: CompositionalReranker, nodes: list[NodeWithScore], events: list[Any]) -> None:
    ranked = CompositionalRerank.from_reranker(reranker, top_n=2).postprocess_nodes(nodes, query_str=QUERY)
    start, end = events
    assert isinstance(start, ReRankStartEvent)
    assert (start.top_n, start.model_name, start.nodes) == (2, reranker.name, nodes)
    assert start.query == QueryBundle(QUERY)
    assert isinstance(end, ReRankEndEvent)
    assert end.nodes == ranked


@pytest.mark.parametrize("count", [0, 1, 5])
def test_events_without_a_limit(
    rerank: CompositionalRerank, nodes: list[NodeWithScore], events: list[Any], count: int
) -> None:
    rerank.postprocess_nodes(nodes[:count], query_str=QUERY)
    start, end = events
    assert start.top_n == len(end.nodes) == count


def test_callbacks(reranker: CompositionalReranker, nodes: list[NodeWithScore]) -> None:
    handler = LlamaDebugHandler(print_trace_on_end=False)
    rerank = CompositionalRerank.from_reranker(reranker, callback_manager=CallbackManager([handler]))
    ranked = rerank.postprocess_nodes(nodes, query_str=QUERY)
    ((start, end),) = handler.get_event_pairs(CBEventType.RERANKING)
    assert start.payload is not None
    assert end.payload is not None
    assert start.payload[EventPayload.NODES] == nodes
    assert start.payload[EventPayload.MODEL_NAME] == reranker.name
    assert start.payload[EventPayload.QUERY_STR] == QUERY
    assert start.payload[EventPayload.TOP_K] == 5
    assert end.payload[EventPayload.NODES] == ranked


async def test_async_gives_the_same(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    expected = rerank.postprocess_nodes(nodes, query_str=QUERY)
    results = await asyncio.gather(*(rerank.apostprocess_nodes(nodes, query_str=QUERY) for _ in range(4)))
    assert all(result == expected for result in results)


async def test_async_does_not_block_the_loop(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    started, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def wait_for_the_loop(module: Any, inputs: Any) -> None:
        loop.call_soon_threadsafe(started.set)
        assert released.wait(60), "the event loop stood still while the model computed"

    transformer = rerank.core.encoder.transformer
    hook = transformer.register_forward_pre_hook(wait_for_the_loop)
    try:
        task = asyncio.create_task(rerank.apostprocess_nodes(nodes, query_str=QUERY))
        await started.wait()
        released.set()
        assert len(await task) == 5
    finally:
        hook.remove()


async def test_a_cancelled_task_computes_no_more(
    reranker: CompositionalReranker, nodes: list[NodeWithScore]
) -> None:
    rerank = CompositionalRerank.from_reranker(reranker.with_store(MemoryStore()))
    started, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    forwards = []

    def wait_for_the_test(module: Any, inputs: Any) -> None:
        forwards.append(inputs)
        loop.call_soon_threadsafe(started.set)
        assert released.wait(60)

    hook = reranker.encoder.transformer.register_forward_pre_hook(wait_for_the_test)
    try:
        task = asyncio.create_task(rerank.apostprocess_nodes(nodes, query_str=QUERY))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        released.set()
        await loop.shutdown_default_executor()
        assert len(forwards) == 1  # the query, and no passage
    finally:
        hook.remove()


@pytest.mark.parametrize(
    ("given", "query", "message"),
    [
        ([], None, "query_bundle is None: pass query_bundle="),
        ([], QueryBundle(""), "query is blank"),
        ([NodeWithScore(node=TextNode(text="a"))], QueryBundle("  "), "query is blank"),
        ([TextNode(text="a")], QueryBundle(QUERY), r"nodes\[0\] must be a NodeWithScore, got TextNode"),
        ([NodeWithScore(node=TextNode(text="a")), None], QueryBundle(QUERY), r"nodes\[1\] .* NoneType"),
        (None, QueryBundle(QUERY), "nodes must be a list of NodeWithScore, got NoneType"),
        ("text", QueryBundle(QUERY), "nodes must be a list of NodeWithScore, got str"),
    ],
)
def test_bad_input_is_named(rerank: CompositionalRerank, given: Any, query: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rerank.postprocess_nodes(given, query)


def test_odd_texts(rerank: CompositionalRerank) -> None:
    texts = ["\ud800 lone", "\x00", "x" * 100_000, "{braces} %s", "日本語 😀"]
    given = [NodeWithScore(node=TextNode(text=text, metadata={"{k}": "{v}"})) for text in texts]
    assert len(rerank.postprocess_nodes(given, query_str="lone \ud800")) == 5


def test_stands_in_a_chain_of_postprocessors(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    ranked = rerank.postprocess_nodes(nodes, query_str=QUERY)
    cut = SimilarityPostprocessor(similarity_cutoff=0.5).postprocess_nodes(ranked)
    assert cut == [node for node in ranked if node.get_score() >= 0.5]


def test_a_plain_string_is_a_query(rerank: CompositionalRerank, nodes: list[NodeWithScore]) -> None:
    assert rerank.postprocess_nodes(nodes, QUERY) == rerank.postprocess_nodes(nodes, query_str=QUERY)


def test_numbers_of_numpy_are_numbers(reranker: CompositionalReranker, nodes: list[NodeWithScore]) -> None:
    ranked = CompositionalRerank.from_reranker(reranker, top_n=np.int64(2)).postprocess_nodes(nodes, QUERY)
    assert len(ranked) == 2


def test_the_users_own_keys_stay_with_a_prefix(reranker: CompositionalReranker) -> None:
    own = {"relevance": "high", "mismatch": 3, "verdict": "guilty", "support": "mine", "evidence": "none"}
    node = NodeWithScore(node=TextNode(text="Goethe wrote Faust.", metadata=own))
    rerank = CompositionalRerank.from_reranker(reranker, metadata_prefix="rerank_")
    found = rerank.postprocess_nodes([node], QUERY)[0].node
    assert {key: found.metadata[key] for key in own} == own
    assert type(found.metadata["rerank_relevance"]) is float
    assert {"rerank_relevance", "rerank_evidence"} <= set(found.excluded_embed_metadata_keys)


QUERY_OF_TITLE = "The warranty covers water damage."
DENIED = "Terms\n\nWater damage is not covered by the warranty."


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (DENIED, {}),
        (f"{DENIED} It covers fire.\n\n", {}),
        (DENIED, {"text_template": "{content}\n\n{metadata_str}"}),
        (DENIED, {"excluded_embed_metadata_keys": ["title"]}),
        (DENIED, {"metadata": {"title": DENIED}}),
    ],
)
def test_a_node_is_judged_by_its_own_text(
    judging: CompositionalReranker, text: str, options: dict[str, Any]
) -> None:
    """Whatever its title says: the verdict is that of the text alone."""
    node = TextNode(**{"text": text, "metadata": {"title": QUERY_OF_TITLE}, **options})
    rerank = CompositionalRerank.from_reranker(judging)
    found = rerank.postprocess_nodes([NodeWithScore(node=node)], query_str=QUERY_OF_TITLE)[0].metadata
    (alone,) = judging.verify(QUERY_OF_TITLE, [text])
    assert alone.evidence is not None
    assert found["verdict"] == alone.verdict
    assert (found["support"], found["mismatch"]) == pytest.approx((alone.support, alone.mismatch), abs=0.02)
    start, stop = found["evidence"]
    assert text[start:stop].startswith("Water damage is not covered by the warranty.")
    assert stop <= len(text.rstrip())


def test_a_title_counts_for_relevance_alone(judging: CompositionalReranker) -> None:
    plain = TextNode(text="Ask the shop.")
    titled, blank = (
        TextNode(text=text, metadata={"title": QUERY_OF_TITLE}) for text in ("Ask the shop.", " \n")
    )
    given = [NodeWithScore(node=node) for node in (plain, titled, blank)]
    rerank = CompositionalRerank.from_reranker(judging)
    found = {
        node.node_id: node.metadata for node in rerank.postprocess_nodes(given, query_str=QUERY_OF_TITLE)
    }
    assert found[titled.node_id]["relevance"] > found[plain.node_id]["relevance"] + 0.2
    (alone,) = judging.verify(QUERY_OF_TITLE, [plain.text])
    assert found[titled.node_id]["support"] == pytest.approx(alone.support, abs=0.02)
    assert found[blank.node_id]["verdict"] is found[blank.node_id]["mismatch"] is None


def test_without_the_text_in_the_content_there_is_no_evidence_to_name(judging: CompositionalReranker) -> None:
    node = TextNode(text=DENIED, metadata={"title": QUERY_OF_TITLE}, text_template="{metadata_str}")
    rerank = CompositionalRerank.from_reranker(judging)
    found = rerank.postprocess_nodes([NodeWithScore(node=node)], query_str=QUERY_OF_TITLE)[0].metadata
    assert found["mismatch"] is not None
    assert found["evidence"] is None


@pytest.mark.parametrize("denials", ["auto", "keep", "penalise"])
def test_denials_and_max_verified_reach_the_core(judging: CompositionalReranker, denials: Any) -> None:
    query, texts = "Does the warranty cover water damage?", [DENIED, QUERY_OF_TITLE, "It is late."]
    given = [NodeWithScore(node=TextNode(text=text)) for text in texts]
    rerank = CompositionalRerank.from_reranker(judging, denials=denials, max_verified=1)
    ranked = rerank.postprocess_nodes(given, query_str=query)
    expected = judging.rerank(query, texts, denials=denials, max_verified=1)
    assert [node.metadata["mismatch"] for node in ranked] == [result.mismatch for result in expected]
    assert sum(node.metadata["mismatch"] is not None for node in ranked) == 1
    assert all(json.loads(node.to_json()) for node in ranked)


def test_a_copy_with_another_store_uses_it(
    reranker: CompositionalReranker, nodes: list[NodeWithScore], tmp_path: Path
) -> None:
    original = CompositionalRerank.from_reranker(reranker)
    copied = original.model_copy(update={"store": str(tmp_path / "store")})
    copied.postprocess_nodes(nodes, QUERY)
    assert len(FileStore(tmp_path / "store")) > 0
    assert original.core is reranker
