"""RedisStore on a real server; test_congruence.py has what it shares with the other stores."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import shutil
import signal
import struct
import subprocess
import time
import traceback
import warnings
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, RedisStore, StoreUrl
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.errors import StoreError
from compositional_rerank.store.layout import Layout
from compositional_rerank.store.sealed import seal

QUERY = "Who wrote Faust?"
PASSAGES = ["Goethe wrote Faust.", "Paris is in France.", "Faust is a play."]
numbers = count()


@pytest.fixture
def url(redis_server: Any) -> Any:
    """Makes the address of an empty store."""
    prefix = f"{os.getpid()}-test-{next(numbers)}"
    return lambda **options: redis_server.url(prefix=prefix, **options)


def value_of(redis_server: Any, store: RedisStore, key: bytes) -> tuple[Any, str]:
    """A client and the name under which it finds the passage."""
    return redis_server.client(), f"{{{store.url.address().prefix}}}:{key.hex()}"


def test_a_list_is_one_command_and_a_put_is_one_round_trip(redis_server: Any, url: Any, kit: Any) -> None:
    store, client = RedisStore(url()), redis_server.client()
    entries = {kit.key(index): kit.entry(seed=index) for index in range(100)}
    store.put(entries)
    client.config_resetstat()
    assert None not in store.get(list(entries))
    assert client.info("commandstats")["cmdstat_mget"]["calls"] == 1
    client.config_resetstat()
    before = client.info("stats")["total_reads_processed"]
    assert store.holds([*entries, kit.key("none")]) == [True] * 100 + [False]
    assert client.info("stats")["total_reads_processed"] - before < 5  # not one for each key


def test_it_says_what_it_holds(url: Any, kit: Any) -> None:
    with RedisStore(url(dtype="int4")) as store:
        store.put({kit.key(index): kit.entry() for index in range(3)})
        store.put({kit.key(index): kit.entry() for index in range(3)})
        size = len(seal(kit.entry(), "int4", 0))
        assert store.describe() == {
            "url": str(store.url), "dtype": "int4", "passages": 3, "bytes": 3 * size
        }  # fmt: skip
    with pytest.raises(StoreError, match="closed"):
        store.get([kit.key(0)])


def test_models_and_dtypes_share_a_server(url: Any, kit: Any) -> None:
    wide, narrow = kit.entry(dimension=16), kit.entry(seed=1)
    store = RedisStore(url())
    store.put({kit.key(1): wide, kit.key(2): narrow})
    found = store.get([kit.key(2), kit.key(1)])
    assert kit.same(found[0], narrow)
    assert kit.same(found[1], wide)


def test_a_time_to_live_and_the_books_after_it(url: Any, kit: Any) -> None:
    store = RedisStore(url(ttl=1))
    store.put({kit.key(index): kit.entry() for index in range(3)})
    assert store.holds([kit.key(0)]) == [True]
    time.sleep(1.2)
    assert store.get([kit.key(0)]) == [None]
    store.put({kit.key(7): kit.entry()})
    assert len(store) == 1
    assert store.nbytes == len(seal(kit.entry(), "int8", 0))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=80), limit=st.integers(1, 4000))
def test_a_budget_is_kept_and_the_oldest_go(
    redis_server: Any, kit: Any, sizes: list[int], limit: int
) -> None:
    store = RedisStore(redis_server.url(prefix=f"{os.getpid()}-budget-{next(numbers)}", max_bytes=limit))
    entries = [(kit.key(index), kit.entry(size)) for index, size in enumerate(sizes)]
    expected: list[tuple[bytes, int]] = []
    for start in range(0, len(entries), 30):
        some = dict(entries[start : start + 30])
        store.put(some)
        for first in range(0, len(some), 32):  # the script's share
            expected += [
                (key, size)
                for key, entry in list(some.items())[first : first + 32]
                if (size := len(seal(entry, "int8", 0))) <= limit
            ]
            while sum(size for _, size in expected) > limit:
                expected.pop(0)
    assert store.nbytes == sum(size for _, size in expected) <= limit
    assert len(store) == len(expected)
    kept = {key for key, _ in expected}
    assert store.holds([key for key, _ in entries]) == [key in kept for key, _ in entries]


class TestDamage:
    """What is not sound is missing, with a warning, and comes back with the next `put`."""

    def test_any_changed_bit(self, redis_server: Any, url: Any, kit: Any) -> None:
        store = RedisStore(url())
        store.put({kit.key(index): kit.entry(3, seed=index) for index in range(3)})
        client, name = value_of(redis_server, store, kit.key(1))
        whole = client.get(name)
        for place in range(0, 8 * len(whole), 3):
            content = bytearray(whole)
            content[place // 8] ^= 1 << place % 8
            client.set(name, bytes(content))
            with pytest.warns(RuntimeWarning, match="1 passages are damaged"):
                found = store.get([kit.key(index) for index in (0, 1, 2)])
            assert found[1] is None
            assert kit.same(found[0], kit.entry(3, seed=0))
            assert kit.same(found[2], kit.entry(3, seed=2))

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.binary(max_size=200))
    def test_any_bytes(self, redis_server: Any, url: Any, kit: Any, content: bytes) -> None:
        store = RedisStore(url())
        client, name = value_of(redis_server, store, kit.key("bytes"))
        client.set(name, content)
        with pytest.warns(RuntimeWarning, match="damaged"):
            assert store.get([kit.key("bytes")]) == [None]

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_wrong_content_with_a_right_checksum(
        self, redis_server: Any, url: Any, kit: Any, data: st.DataObject
    ) -> None:
        """Somebody else may know how to make a checksum: what comes out is missing, or sound."""
        dtype = data.draw(st.sampled_from(["float32", "float16", "int8", "int3"]))
        store, key = RedisStore(url(dtype=dtype)), kit.key("forged")
        value = bytearray(seal(kit.entry(3), dtype, 0)[8:])
        for _ in range(data.draw(st.integers(1, 3))):
            value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
        value += data.draw(st.binary(max_size=20))
        _, dimension, pooled, _ = struct.unpack_from("<IIII", value)
        salt = int(np.frombuffer(key, "<u8")[1])
        checksum = Layout(dtype, dimension, pooled).checksum(salt, bytes(value))
        client, name = value_of(redis_server, store, key)
        client.set(name, struct.pack("<Q", checksum) + bytes(value))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (found,) = store.get([key])
        if found is not None:
            tokens = len(found.vectors)
            assert found.vectors.float().isfinite().all()
            assert found.scales is None or (found.scales.isfinite().all() and len(found.scales) == tokens)
            assert found.pooled.isfinite().all()
            assert len(found.offsets) == tokens
            assert int((found.segments[:, 3] - found.segments[:, 2]).sum()) == tokens

    def test_a_passage_under_another_key(self, redis_server: Any, url: Any, kit: Any) -> None:
        store = RedisStore(url())
        store.put({kit.key(1): kit.entry(), kit.key(2): kit.entry(seed=1)})
        client, name = value_of(redis_server, store, kit.key(1))
        client.set(name, client.get(value_of(redis_server, store, kit.key(2))[1]))
        with pytest.warns(RuntimeWarning, match="damaged"):
            assert store.get([kit.key(1)]) == [None]

    def test_damage_is_encoded_again(
        self, redis_server: Any, url: Any, reranker: CompositionalReranker
    ) -> None:
        own = reranker.with_store(RedisStore(url()))
        before = own.rerank(QUERY, PASSAGES).results
        client = redis_server.client()
        for name in client.scan_iter(match=f"{{{own.store.url.address().prefix}}}:*"):  # type: ignore[attr-defined]
            if client.type(name) == b"string":
                client.setrange(name, 30, b"\xff\x00\xff")
        with pytest.warns(RuntimeWarning, match="3 passages are damaged"):
            assert own.rerank(QUERY, PASSAGES).results == before
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert own.rerank(QUERY, PASSAGES).results == before


class TestSecrets:
    """The password is in nothing that is shown, written or raised."""

    def test_of_an_address(self) -> None:
        url = StoreUrl("redis://app:s3cr:t/@x@host:1/2?ttl=3")
        assert url == "redis://app:***@host:1/2?ttl=3"
        assert url.address().password == "s3cr:t/@x"
        for text in (str(url), repr(url), f"{url}", json.dumps(url), repr(url.address()), repr([url])):
            assert "s3cr" not in text
        assert b"s3cr" not in pickle.dumps(url)
        assert copy.deepcopy(url).address().password == "s3cr:t/@x"

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("redis://:s3cret@host:1/2", "redis://:***@host:1/2?dtype=int4"),
            ("redis://:s3cret@host?ttl=3", "redis://:***@host?ttl=3&dtype=int4"),
            ("redis://:s3cret@host?dtype=int3", "redis://:***@host?dtype=int3"),
        ],
    )
    def test_of_an_address_that_gets_a_dtype(self, address: str, shown: str) -> None:
        url = StoreUrl(address).with_dtype("int4")
        assert url == shown
        assert url.address().dtype == shown[-4:]
        assert url.address().password == "s3cret"

    def test_a_stores_address_makes_a_store_of_its_dtype(self) -> None:
        pytest.importorskip("redis")
        store = RedisStore("redis://:s3cret@host", "int4")
        assert RedisStore(store.url).dtype == "int4"

    def test_the_environment_has_it_where_the_address_lost_it(
        self, redis_server: Any, url: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = RedisStore(url())
        store.put({kit.key(1): kit.entry()})
        lost = pickle.loads(pickle.dumps(store.url))
        with pytest.raises(StoreError, match=r"written nowhere: .* \$COMPOSITIONAL_RERANK_REDIS_PASSWORD"):
            RedisStore(lost)
        monkeypatch.setenv("COMPOSITIONAL_RERANK_REDIS_PASSWORD", redis_server.password)
        assert RedisStore(lost).holds([kit.key(1)]) == [True]
        bare = url().replace(f":{redis_server.password}@", "")
        assert RedisStore(bare).holds([kit.key(1)]) == [True]

    def test_of_a_reranker(
        self, redis_server: Any, url: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        reranker = CompositionalReranker(DEFAULT_BASE, device="cpu", store=url())
        texts = [repr(reranker), repr(reranker.settings), json.dumps(reranker.settings)]
        texts += [repr(vars(reranker)), repr(reranker.store), repr(vars(reranker.store)), caplog.text]
        assert pickle.loads(pickle.dumps(reranker)) == reranker
        texts += [pickle.dumps(reranker).decode("latin1"), *capfd.readouterr()]
        assert [text for text in texts if redis_server.password in text] == []

    @pytest.mark.parametrize("ask", ["get", "put", "len"])
    def test_of_an_error(self, redis_server: Any, own_redis_server: Any, kit: Any, ask: str) -> None:
        wrong = redis_server.url().replace(redis_server.password, "s3cret")
        own_redis_server.stop()
        for address, secret in ((wrong, "s3cret"), (own_redis_server.url(), own_redis_server.password)):
            store = RedisStore(address)
            asked = {
                "get": lambda store=store: store.get([kit.key(1)]),
                "put": lambda store=store: store.put({kit.key(1): kit.entry()}),
                "len": lambda store=store: len(store),
            }
            with pytest.raises(StoreError, match=r"redis://:\*\*\*@127.0.0.1") as caught:
                asked[ask]()
            assert secret not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize(
        ("address", "said"),
        [
            ("redis://:s3cret", "names no server"),
            ("redis://host:s3cret/0", "no address"),
            ("redsi://:s3cret@host", "scheme 'redsi'; there are: redis, rediss, unix"),
            ("redis://:s3cret@host:port", "no address"),
            ("redis://:s3cret@host/zero", "database must be an integer"),
            ("redis://:s3cret@host?ttl=0", "ttl must be an integer of at least 1"),
            ("redis://:s3cret@host?ttl=1.5", "ttl must be"),
            ("redis://:s3cret@host?max_bytes=2gb", "max_bytes must be"),
            ("redis://:s3cret@host?timeout=0", "timeout must be seconds above 0"),
            ("redis://:s3cret@host?timeout=nan", "timeout must be seconds above 0"),
            ("redis://:s3cret@host?dtype=int2", "dtype 'int2' is unknown"),
            ("redis://:s3cret@host?prefix=a b", "prefix must be"),
            ("redis://:s3cret@host?ttl", "no address"),
            (
                "redis://:s3cret@host?max_connections=3",
                "option 'max_connections'; there are: dtype, max_bytes",
            ),
            ("redis://:s3cret@host?ssl_ca_certs=x", "those of ssl need rediss://"),
            ("redis://host?password=s3cret", "before an @"),
            ("unix://:s3cret@", "names no socket"),
        ],
    )
    def test_of_a_wrong_address(self, address: str, said: str) -> None:
        for make in (StoreUrl, RedisStore, lambda name: CompositionalReranker(store=name)):
            with pytest.raises(StoreError, match="store") as caught:
                make(address)
            assert said in str(caught.value)
            assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_socket_of_this_machine(redis_server: Any, url: Any, kit: Any) -> None:
    path = f"unix://:{redis_server.password}@{redis_server.folder}/socket"
    RedisStore(path).put({kit.key("socket"): kit.entry()})
    assert RedisStore(redis_server.url()).holds([kit.key("socket")]) == [True]


def test_tls(own_redis_server: Any, tmp_path: Path, kit: Any) -> None:
    openssl = shutil.which("openssl")
    if openssl is None or b"tls" not in subprocess.run(
        [own_redis_server.program, "--tls-port", "-1"], capture_output=True, check=False
    ).stdout.lower() + subprocess.run(
        ["ldd", own_redis_server.program], capture_output=True, check=False
    ).stdout.replace(b"libssl", b"tls"):
        pytest.skip("openssl, or a redis-server that has TLS, is not installed")
    certificate, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", private, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    own_redis_server.stop()
    port = own_redis_server.port
    own_redis_server.start(**{
        "port": 0, "tls-port": port, "tls-cert-file": certificate, "tls-key-file": private,
        "tls-auth-clients": "no",
    })  # fmt: skip
    address = own_redis_server.url().replace("redis://", "rediss://", 1)
    store = RedisStore(f"{address}?ssl_ca_certs={certificate}")
    store.put({kit.key(1): kit.entry()})
    assert kit.same(store.get([kit.key(1)])[0], kit.entry())
    with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
        RedisStore(address).get([kit.key(1)])


def test_a_full_server_serves_what_it_has(own_redis_server: Any, reranker: CompositionalReranker) -> None:
    own = reranker.with_store(RedisStore(own_redis_server.url()))
    before = own.rerank(QUERY, PASSAGES).results
    own_redis_server.client().config_set("maxmemory", 1)
    with pytest.warns(RuntimeWarning, match="scored and not kept: .*OutOfMemory"):
        assert len(own.rerank(QUERY, [*PASSAGES, "Rome fell."])) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        assert own.rerank(QUERY, PASSAGES).results == before
        own.rerank(QUERY, [*PASSAGES, "Rome fell again."])
    assert own.store_failures == 1
    with pytest.raises(StoreError, match="OutOfMemory"):
        own.warm(["Rome fell for good."])


def test_a_slow_server_is_asked_once_in_a_while(
    own_redis_server: Any, reranker: CompositionalReranker
) -> None:
    own = reranker.with_store(RedisStore(own_redis_server.url(timeout=0.2)))
    before = own.rerank(QUERY, PASSAGES).results
    assert own_redis_server.process is not None
    own_redis_server.process.send_signal(signal.SIGSTOP)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(5):
            assert own.rerank(QUERY, PASSAGES).results == before
    (only,) = told
    assert "encoded at every query" in str(only.message)
    assert "Timeout" in str(only.message)
    assert own.store_failures < 5
    own_redis_server.process.send_signal(signal.SIGCONT)


def test_a_server_that_is_stopped_and_started_again(
    own_redis_server: Any, reranker: CompositionalReranker, forwards: list[Any]
) -> None:
    own = reranker.with_store(RedisStore(own_redis_server.url()))
    expected = own.rerank(QUERY, PASSAGES).results
    told: list[warnings.WarningMessage] = []
    for _ in range(2):
        own_redis_server.stop()
        with warnings.catch_warnings(record=True) as some:
            warnings.simplefilter("always")
            for _ in range(6):
                assert own.rerank(QUERY, PASSAGES).results == expected
        told += some
        own_redis_server.start()
        deadline = time.monotonic() + 60
        while len(own.store) < len(PASSAGES):  # type: ignore[arg-type]
            assert own.rerank(QUERY, PASSAGES).results == expected
            assert time.monotonic() < deadline
            time.sleep(0.05)
        forwards.clear()
        assert own.rerank(QUERY, PASSAGES).results == expected
        assert [shape[0] for shape in forwards] == [1]  # the query alone: the store is used again
    assert [str(one.message).partition(":")[0] for one in told] == ["passages are encoded at every query"] * 2
    assert own.store_failures >= 2


def test_the_caller_may_want_the_error(own_redis_server: Any, reranker: CompositionalReranker) -> None:
    own_redis_server.stop()
    store = RedisStore(own_redis_server.url())
    strict = CompositionalReranker.from_parts(
        reranker.encoder, name=reranker.name, store=store, on_store_error="raise"
    )
    for ask in (strict.rerank, reranker.with_store(store).encode_passages):
        with pytest.raises(StoreError, match="Connection refused"):
            ask(*([QUERY, PASSAGES] if ask == strict.rerank else [PASSAGES]))  # type: ignore[operator]
