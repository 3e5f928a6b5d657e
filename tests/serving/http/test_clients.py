"""What the clients of other services get from a running one: the order and the scores of this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, StructuralEmbedder

cohere = pytest.importorskip("cohere", reason="the client is not installed")
openai = pytest.importorskip("openai", reason="the client is not installed")

QUERY = "The drug is safe for children."
PASSAGES = [
    "The drug is not safe for children.",
    "Children can take the drug without risk.",
    "Paris is in France.",
    "",
    "The drug is safe for adults.",
]
ANY_MODEL = "rerank-v3.5"
SECRET = "Quetzalcoatlus northropi"  # a text that no log may show
CLOSE = 1e-4  # another batch adds the same numbers in another order


@pytest.fixture(scope="module")
def server(serving: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("server")
    options = ["--threads", "3", "--queue", "0", "--max-texts", "60", "--max-characters", "5000"]
    with serving(folder, *options, "--max-bytes", "400000", "--sensitivity", "0.35") as one:
        yield one


@pytest.fixture(scope="module")
def shipped() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture
def web(server: Any) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def cohere_v2(server: Any, key: str | None = None) -> Any:
    return cohere.ClientV2(key or server.key, base_url=server.url)


def openai_client(server: Any, key: str | None = None) -> Any:
    return openai.OpenAI(api_key=key or server.key, base_url=f"{server.url}/v1", max_retries=0)


def assert_same(found: Sequence[tuple[int, float]], expected: Any) -> None:
    assert [index for index, _ in found] == [one.index for one in expected]
    assert [score for _, score in found] == pytest.approx([one.score for one in expected], abs=CLOSE)


def test_cohere_v2(server: Any, shipped: CompositionalReranker) -> None:
    answer = cohere_v2(server).rerank(model=ANY_MODEL, query=QUERY, documents=PASSAGES)
    expected = shipped.rerank(QUERY, PASSAGES)
    assert_same([(one.index, one.relevance_score) for one in answer.results], expected)
    for one, right in zip(answer.results, expected, strict=True):
        assert one.verdict == right.verdict
        assert one.mismatch == pytest.approx(right.mismatch, abs=CLOSE)
        assert one.evidence == (None if right.evidence is None else list(right.evidence))
    assert {one.verdict for one in answer.results} > {"supports", "denies"}
    assert answer.threshold == shipped.threshold
    assert answer.meta.api_version.version == "2"


def test_cohere_v1(server: Any, shipped: CompositionalReranker) -> None:
    documents = [{"text": text, "title": f"Page {place}"} for place, text in enumerate(PASSAGES)]
    client = cohere.Client(server.key, base_url=server.url)
    answer = client.rerank(query=QUERY, documents=documents, top_n=2, return_documents=True)
    expected = shipped.rerank(QUERY, PASSAGES, 2)
    assert_same([(one.index, one.relevance_score) for one in answer.results], expected)
    assert [one.document.text for one in answer.results] == [one.text for one in expected]
    assert answer.results[0].document.title == f"Page {expected[0].index}"
    titled = client.rerank(query=QUERY, documents=documents, rank_fields=["title", "text"])
    texts = [f"{one['title']}\n{one['text']}" for one in documents]
    assert_same([(one.index, one.relevance_score) for one in titled.results], shipped.rerank(QUERY, texts))


def test_jina_as_llamaindex_sends_it(web: httpx.Client, shipped: CompositionalReranker) -> None:
    body = {"query": QUERY, "documents": PASSAGES, "model": "jina-reranker-v1-base-en", "top_n": 3}
    for path in ("/v1/rerank", "/rerank"):
        results = web.post(path, json=body).raise_for_status().json()["results"]
        found = [(one["index"], one["relevance_score"]) for one in results]
        assert_same(found, shipped.rerank(QUERY, PASSAGES, 3))
    refused = web.post("/v1/rerank", json={**body, "query": " "}).json()
    assert "query is blank" in refused["detail"]  # what the adapter raises


def test_tei_as_llamaindex_and_haystack_send_it(web: httpx.Client, shipped: CompositionalReranker) -> None:
    expected = shipped.rerank(QUERY, PASSAGES)
    for more in ({}, {"raw_scores": False}, {"truncate": True, "truncation_direction": "Right"}):
        results = web.post("/rerank", json={"query": QUERY, "texts": PASSAGES, **more}).json()
        assert_same([(one["index"], one["score"]) for one in results], expected)
        assert "text" not in results[0]
    results = web.post("/rerank", json={"query": QUERY, "texts": PASSAGES, "return_text": True}).json()
    assert [one["text"] for one in results] == [one.text for one in expected]
    refused = web.post("/rerank", json={"query": QUERY, "texts": [5]})
    assert refused.status_code == 422
    assert refused.json()["error"].startswith("texts[0]: input should be a valid string, got 5")
    assert refused.json()["error_type"] == "validation"


@pytest.mark.parametrize("path", ["/score", "/v1/score"])
def test_vllm_score(web: httpx.Client, shipped: CompositionalReranker, path: str) -> None:
    answer = web.post(path, json={"model": "m", "text_1": QUERY, "text_2": PASSAGES}).json()
    expected = shipped.score_pairs([QUERY] * len(PASSAGES), PASSAGES)
    assert [one["index"] for one in answer["data"]] == list(range(len(PASSAGES)))
    assert [one["score"] for one in answer["data"]] == pytest.approx(expected.score, abs=CLOSE)
    assert [one["verdict"] for one in answer["data"]] == [one.verdict for one in expected.verdicts]
    more = {"near_misses": "penalise", "threshold": 0.1}
    answer = web.post(path, json={"text_1": QUERY, "text_2": PASSAGES, **more}).json()
    expected = shipped.score_pairs([QUERY] * len(PASSAGES), PASSAGES, **more)
    assert [one["score"] for one in answer["data"]] == pytest.approx(expected.score, abs=CLOSE)
    uneven = web.post(path, json={"text_1": [QUERY] * 2, "text_2": PASSAGES})
    assert uneven.status_code == 422
    assert "text_1 has 2 texts and text_2 has 5" in uneven.json()["error"]["message"]


def test_the_options_of_rerank(web: httpx.Client, shipped: CompositionalReranker) -> None:
    options: list[dict[str, Any]] = [
        {"order": "retriever"},
        {"order": "relevance", "near_misses": "mark"},
        {"near_misses": "drop", "threshold": 0.1},
        {"denials": "keep"},
        {"max_verified": 0},
        {"max_mismatch": 0.5},
        {"min_score": 0.5},
        {"own_text": [[0, 5], None, [0, 0], None, None]},
        {"retrieval_scores": [0.1, 0.9, None, 0.2, 0.3]},
    ]
    for more in options:
        results = web.post("/v2/rerank", json={"query": QUERY, "documents": PASSAGES, **more}).json()[
            "results"
        ]
        expected = shipped.rerank(QUERY, PASSAGES, **more)
        assert_same([(one["index"], one["relevance_score"]) for one in results], expected)
        assert [one["verdict"] for one in results] == [one.verdict for one in expected]
        assert [one["near_miss"] for one in results] == [one.near_miss for one in expected]
    wrong = web.post("/v2/rerank", json={"query": QUERY, "documents": PASSAGES, "own_text": [[0, 5]]})
    assert wrong.status_code == 422
    assert "own_text has 1 entries for 5 passages" in wrong.json()["message"]


def test_openai_embeddings(server: Any, web: httpx.Client) -> None:
    client = openai_client(server)
    names = [one.id for one in client.models.list()]
    embedder = StructuralEmbedder.from_pretrained(device="cpu", sensitivity=0.35)
    assert embedder.name in names
    assert client.models.retrieve(embedder.name).id == embedder.name
    expected = embedder.encode_document(PASSAGES)
    answer = client.embeddings.create(model=embedder.name, input=PASSAGES)  # base64, unasked
    found = np.array([one.embedding for one in answer.data])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert answer.usage.total_tokens > len(QUERY.split())
    plain = client.embeddings.create(model=embedder.name, input=PASSAGES[0], encoding_format="float")
    np.testing.assert_allclose(plain.data[0].embedding, expected[0], atol=1e-5)
    with pytest.raises(openai.NotFoundError, match="ask for"):
        client.embeddings.create(model="text-embedding-3-small", input="a")
    with pytest.raises(openai.UnprocessableEntityError, match="check_embedding_ctx_length"):
        client.embeddings.create(model=embedder.name, input=[[1, 2], [3]])
    with pytest.raises(openai.UnprocessableEntityError, match="are not cut"):
        client.embeddings.create(model=embedder.name, input="a", dimensions=8)


def test_own_routes(web: httpx.Client, shipped: CompositionalReranker) -> None:
    answer = web.post("/v1/verify", json={"query": QUERY, "passages": PASSAGES}).json()
    expected = shipped.verify(QUERY, PASSAGES)
    assert [one["verdict"] for one in answer["verdicts"]] == [one.verdict for one in expected]
    for one, right in zip(answer["verdicts"], expected, strict=True):
        assert one["denial"] == (None if right.denial is None else pytest.approx(right.denial, abs=CLOSE))
    assert answer["verdicts"][0]["quote"] == PASSAGES[0]

    cached, new = "Who pays for repairs?", ["Who pays for the repairs?", "Who repairs it?"]
    pairs = web.post("/v1/same_question", json={"cached": [cached] * 2, "new": new}).json()["verdicts"]
    same = shipped.same_questions([cached] * 2, new)
    assert [one["support"] for one in pairs] == pytest.approx([one.support for one in same], abs=CLOSE)

    text = "The drug is safe for children. Ask a doctor?"
    checked = web.post("/v1/check", json={"answer": text, "passages": PASSAGES}).json()
    right = shipped.check(text, PASSAGES).to_dict()
    assert checked["faithfulness"] == right["faithfulness"]
    for found, wanted in zip(checked["sentences"], right["sentences"], strict=True):
        assert (found["text"], found["verdict"]) == (wanted["text"], wanted["verdict"])
        assert [one["quote"] for one in found["passages"]] == [one["quote"] for one in wanted["passages"]]
    assert web.post("/v1/check", json={"answer": text, "passage": PASSAGES}).status_code == 422


def test_a_wrong_key_and_none(server: Any) -> None:
    with pytest.raises(cohere.UnauthorizedError):
        cohere_v2(server, "wrong").rerank(model=ANY_MODEL, query=QUERY, documents=PASSAGES)
    with pytest.raises(openai.AuthenticationError, match="key is missing or wrong"):
        openai_client(server, "wrong").models.list()
    with server.client(key=None) as client:
        for path in ("/metrics", "/v1/models", "/nowhere"):
            refused = client.get(path)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert client.get(path).status_code == 200
        assert client.get("/metrics", headers={"Authorization": f"Basic {server.key}"}).status_code == 401
    with server.client(key="another-key") as client:
        assert client.get("/metrics").status_code == 200


def test_limits_name_value_limit_and_fix(server: Any, web: httpx.Client) -> None:
    client = cohere_v2(server)
    with pytest.raises(cohere.UnprocessableEntityError) as many:
        client.rerank(model=ANY_MODEL, query=QUERY, documents=["x"] * 61)
    assert "documents has 61 texts, the limit is 60" in many.value.body["message"]
    assert "--max-texts" in many.value.body["message"]
    with pytest.raises(cohere.UnprocessableEntityError) as long:
        client.rerank(model=ANY_MODEL, query=QUERY, documents=["fine", "x" * 5001])
    assert "documents[1] has 5001 characters, the limit is 5000" in long.value.body["message"]
    with pytest.raises(cohere.core.ApiError) as large:
        client.rerank(model=ANY_MODEL, query="x" * 400_000, documents=PASSAGES)
    assert large.value.status_code == 413
    assert "the limit is 400000" in large.value.body["message"]
    with pytest.raises(openai.APIStatusError) as large:
        openai_client(server).embeddings.create(model="m", input="x" * 400_000)
    assert large.value.status_code == 413
    assert web.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("content", "headers", "status", "message"),
    [
        (b'{"query": ', {}, 400, "the body is no JSON"),
        (b"[" * 100_000, {}, 400, "pars"),
        (b'{"query": "\xff", "documents": []}', {}, 400, "pars"),
        (b'{"query": "a", "documents": ["\xed\xa0\x80"]}', {}, 400, "half a character"),
        (
            b'{"query": "a", "documents": [' + b"1," * 99_999 + b"1]}",
            {},
            422,
            "documents[0]: input should be",
        ),
        (b"[]", {}, 422, "the body"),
        (b"", {}, 422, "body"),
        (b'{"query": "a", "documents": ["\\udfff"]}', {}, 400, "'\\udfff', half a character"),
        (b'{"query": "a", "documents": ["a"]}', {"Content-Type": "text/plain"}, 415, "Content-Type"),
        (b'{"query": "a", "documents": "a"}', {}, 422, "documents: input should be a valid list, got 'a'"),
        (b'{"query": "\\u0000", "documents": ["a"]}', {}, 422, "query '\\x00' has no token"),
        (b'{"query": "a", "documents": ["a"], "top_n": 0}', {}, 422, "top_n: input should be greater"),
        (b'{"query": "a", "documents": ["a"], "denials": "x"}', {}, 422, "denials: input should be 'auto'"),
    ],
)
def test_bad_bodies(
    web: httpx.Client, content: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    answer = web.post("/v2/rerank", content=content, headers={"Content-Type": "application/json", **headers})
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert message in body["message"]
    assert body["id"] == answer.headers["x-request-id"]


def test_a_field_that_is_named_twice_is_ranked_once(web: httpx.Client) -> None:
    documents = [{"text": "", "said": "Paris is closer than Rome."}]
    body = {"query": "Rome is closer than Paris.", "documents": documents, "rank_fields": ["said"]}
    once, often = (web.post("/v1/rerank", json={**body, "rank_fields": ["said"] * n}) for n in (1, 2000))
    assert once.json()["results"] == often.json()["results"]


def test_any_whole_character_comes_back(web: httpx.Client) -> None:
    documents = [{"text": "\U0001f600 \\ud800 \u2028 \x00", "\U0001f600": ["\xe9"]}]
    for ascii_only in (True, False):
        content = json.dumps(
            {"query": QUERY, "documents": documents, "return_documents": True}, ensure_ascii=ascii_only
        )
        answer = web.post("/v2/rerank", content=content, headers={"Content-Type": "application/json"})
        assert answer.json()["results"][0]["document"] == documents[0]


def test_no_such_path_or_method(web: httpx.Client) -> None:
    assert web.post("/v3/rerank", json={}).status_code == 404
    refused = web.get("/v2/rerank")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "query documents texts text_1 text_2 top_n return_documents rank_fields denials max_verified min_score "
    "own_text retrieval_scores input model dimensions cached new answer passages"
).split()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(
        "/v1/rerank /v2/rerank /rerank /score /v1/embeddings /v1/verify /v1/same_question /v1/check".split()
    ),
    body=st.fixed_dictionaries({}, optional={name: JSON | st.just([QUERY]) for name in FIELDS}),
)
def test_no_body_breaks_it(web: httpx.Client, path: str, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    answer = web.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 404, 422), answer.text
    assert answer.json() is not None


def test_a_full_queue_refuses_and_who_hangs_up_costs_nothing(server: Any, web: httpx.Client) -> None:
    inside, runs = (
        f"compositional_rerank_{name}"
        for name in ("requests_inside", 'batch_requests_count{network="encoder, document"}')
    )
    before = server.metric(runs)
    slow = [server.client() for _ in range(3)]
    texts = [f"{number} " + "One more word. " * 300 for number in range(60)]

    def ask(place: int) -> None:
        documents = [f"{place} {text}" for text in texts]
        with pytest.raises((httpx.TransportError, RuntimeError)):  # the client is closed meanwhile
            slow[place].post("/v2/rerank", json={"query": QUERY, "documents": documents})

    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(ask, place) for place in range(3)]
        server.wait_for(inside, 3)
        assert web.get("/readyz").json() == {"status": "full"}
        with pytest.raises(cohere.TooManyRequestsError) as refused:
            cohere_v2(server).rerank(
                model=ANY_MODEL, query=QUERY, documents=PASSAGES, request_options={"max_retries": 0}
            )
        assert refused.value.headers["retry-after"] == "1"
        assert "the limit is 3" in refused.value.body["message"]
        with pytest.raises(openai.RateLimitError):
            openai_client(server).embeddings.create(
                model=StructuralEmbedder(device="cpu", sensitivity=0.35).name, input="a"
            )
        _hang_up(slow)
        for one in waiting:
            one.result()
    server.wait_for(inside, 0)
    whole = sum(len(text) for text in texts) / 20_000  # runs of one request, had it been answered
    assert server.metric(runs) - before < 3 * whole
    assert web.post("/v2/rerank", json={"query": QUERY, "documents": PASSAGES}).status_code == 200


def _hang_up(clients: Sequence[httpx.Client]) -> None:
    """Close the sockets, whatever they wait for."""
    import socket

    for client in clients:
        for connection in client._transport._pool.connections:  # type: ignore[attr-defined]
            stream = connection._connection._network_stream
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def test_metrics_count_and_name_no_text(server: Any, web: httpx.Client) -> None:
    line = 'compositional_rerank_requests_total{route="/v2/rerank",status="200"}'
    before = server.metric(line)
    web.post("/v2/rerank", json={"query": SECRET, "documents": [SECRET]})
    assert server.metric(line) == before + 1
    text = web.get("/metrics").text
    assert "compositional_rerank_near_misses_total" in text
    assert SECRET not in text


def test_the_log_has_no_text_and_no_key(server: Any, web: httpx.Client) -> None:
    answer = web.post("/v2/rerank", json={"query": SECRET, "documents": [SECRET]})
    web.post("/v2/rerank", json={"query": SECRET, "documents": SECRET, "top_n": SECRET})
    web.post("/v2/rerank", content=SECRET.encode(), headers={"Content-Type": "application/json"})
    web.get(f"/{SECRET}", params={"q": SECRET})
    with server.client(key=SECRET.split()[0]) as client:
        client.get("/metrics")
    log = server.log
    assert f"{answer.headers['x-request-id']} POST /v2/rerank 200" in log
    assert "request other 404" in log
    assert "GET /metrics 401" in log
    assert not any(word in log for word in [*SECRET.split(), server.key])


def test_the_description_names_every_route(web: httpx.Client) -> None:
    described = web.get("/openapi.json").json()
    assert {"/v2/rerank", "/rerank", "/score", "/v1/embeddings", "/v1/verify"} < set(described["paths"])
    operations = [one for path in described["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    for one in operations:
        assert one["description"]
        assert "429" in one["responses"]
