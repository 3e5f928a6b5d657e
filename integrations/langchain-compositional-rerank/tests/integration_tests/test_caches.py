"""The caches behind real LangChain models: what is served, what has to be equal, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import BaseCache, InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, Generation

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.caching import CacheGuard
from compositional_rerank.errors import InputError
from langchain_compositional_rerank import CompositionalCache, GuardedCache, StructuralEmbeddings

ASKED = "Is the drug safe for children?"
DENIED = "Is the drug not safe for children?"
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


def sqlite_of_langchain(tmp_path: Path) -> BaseCache:
    caches = pytest.importorskip("langchain_community.cache", reason="langchain-community is not installed")
    return caches.SQLiteCache(str(tmp_path / "langchain.db"))


@pytest.fixture(params=["memory", "file", "around memory", "around sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path, judging: CompositionalReranker) -> Any:
    guard = CacheGuard(judging)
    make: dict[str, Callable[[], BaseCache]] = {
        "memory": lambda: CompositionalCache(guard=guard),
        "file": lambda: CompositionalCache(tmp_path / "answers.db", guard=guard),
        "around memory": lambda: GuardedCache(InMemoryCache(), guard),
        "around sqlite": lambda: GuardedCache(sqlite_of_langchain(tmp_path), guard),
    }
    return make[request.param]()


def chat(cache: BaseCache) -> FakeListChatModel:
    return FakeListChatModel(responses=[f"answer {number}" for number in range(9)], cache=cache)


def test_a_chat_model_gets_the_answer_to_the_same_question(cache: Any) -> None:
    model = chat(cache)
    said = [model.invoke(text).content for text in (ASKED, ASKED, DENIED, DENIED, ASKED)]
    assert said == ["answer 0", "answer 0", "answer 1", "answer 1", "answer 0"]
    assert cache.counts.hits == 3
    cache.clear()
    assert model.invoke(ASKED).content == "answer 2"


def test_all_else_has_to_be_equal(cache: Any) -> None:
    model = chat(cache)
    prompts: list[Any] = [
        [HumanMessage(ASKED)],
        [SystemMessage("Answer in French."), HumanMessage(ASKED)],
        [SystemMessage("Answer in German."), HumanMessage(ASKED)],
        [HumanMessage("I mean Norvaxil."), AIMessage("Go on."), HumanMessage(ASKED)],
        [HumanMessage(ASKED, name="nurse")],
        [HumanMessage([{"type": "text", "text": ASKED}, PICTURE])],
    ]
    first = [model.invoke(prompt).content for prompt in prompts]
    assert len(set(first)) == len(prompts)
    assert [model.invoke(prompt).content for prompt in prompts] == first
    assert model.invoke(ASKED, stop=["."]).content not in first


def test_a_model_of_texts(cache: Any) -> None:
    model = FakeListLLM(responses=["one", "two"], cache=cache)
    assert [model.invoke(text) for text in (ASKED, ASKED, DENIED)] == ["one", "one", "two"]


def test_in_asyncio(cache: Any) -> None:
    async def ask() -> list[Any]:
        model = chat(cache)
        return [(await model.ainvoke(text)).content for text in (ASKED, ASKED, DENIED)]

    assert asyncio.run(ask()) == ["answer 0", "answer 0", "answer 1"]


def test_what_comes_out_is_what_went_in(cache: Any) -> None:
    message = AIMessage(
        "Yes.",
        response_metadata={"model": "m"},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        tool_calls=[{"name": "look", "args": {"at": 1}, "id": "c1", "type": "tool_call"}],
    )
    kept = [ChatGeneration(message=message, generation_info={"finish": "stop"}), Generation(text="Yes.")]
    before = [one.model_copy(deep=True) for one in kept]
    cache.update(ASKED, "model", kept)
    assert kept == before
    found = cache.lookup(ASKED, "model")
    assert isinstance(found, list)
    assert found == before
    assert cache.lookup(ASKED, "another model") is None


def test_the_global_cache(cache: Any) -> None:
    before = get_llm_cache()
    try:
        set_llm_cache(cache)
        model = FakeListChatModel(responses=["one", "two"])
        assert [model.invoke(ASKED).content for _ in range(2)] == ["one", "one"]
    finally:
        set_llm_cache(before)


def test_a_file_serves_the_next_start(tmp_path: Path, judging: CompositionalReranker) -> None:
    guard = CacheGuard(judging)
    chat(CompositionalCache(tmp_path / "answers.db", guard=guard)).invoke(ASKED)
    again = CompositionalCache(tmp_path / "answers.db", guard=guard)
    assert chat(again).invoke(f"{ASKED} ").content == "answer 0"
    assert again.counts.hits == 1


def test_other_embeddings_find_the_candidates(
    judging: CompositionalReranker, core_embedder: StructuralEmbedder
) -> None:
    embeddings = StructuralEmbeddings.from_embedder(core_embedder)
    cache = CompositionalCache(guard=CacheGuard(judging), embeddings=embeddings, least_similarity=0.3)
    model = chat(cache)
    assert [model.invoke(text).content for text in (ASKED, f" {ASKED}", DENIED)] == [
        "answer 0",
        "answer 0",
        "answer 1",
    ]
    assert cache.counts.guarded == 1


def test_what_was_kept_without_a_guard_is_not_served(judging: CompositionalReranker) -> None:
    behind = InMemoryCache()
    behind.update(ASKED, "model", [Generation(text="Yes.")])
    assert GuardedCache(behind, CacheGuard(judging)).lookup(ASKED, "model") is None


def test_an_answer_that_is_no_json_is_not_kept(judging: CompositionalReranker) -> None:
    cache = CompositionalCache(guard=CacheGuard(judging))
    with pytest.warns(RuntimeWarning, match="not kept: it is no JSON"):
        cache.update(ASKED, "model", [Generation(text="Yes.", generation_info={"raw": object()})])
    assert cache.lookup(ASKED, "model") is None


def test_a_prompt_that_is_a_list_in_json_is_a_text(cache: Any) -> None:
    cache.update('["a", "b"]', "model", [Generation(text="list")])
    cache.update("7", "model", [Generation(text="number")])
    for prompt, text in (('["a", "b"]', "list"), ("7", "number")):
        [found] = cache.lookup(prompt, "model")
        assert found.text == text
    assert cache.lookup("", "model") is None


def test_no_cache_is_an_error() -> None:
    with pytest.raises(InputError, match="cache must be a BaseCache of LangChain, got dict"):
        GuardedCache({})  # type: ignore[arg-type]
