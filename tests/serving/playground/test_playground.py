"""The playground as a user meets it: in a browser, typed, ranked and seen."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.cli import main
from compositional_rerank.inputs.forms import from_lines, from_paragraphs

REPOSITORY = Path(__file__).parents[3]
QUERY = "The bridge is closed to lorries."
HOSTILE = "<img src=x onerror=\"document.title = 'taken'\"><script>document.title = 'taken'</script>"
PASSAGES = [
    "The bridge is not closed to lorries.",
    f"😀🚲 Notes of the council. {HOSTILE} Lorries may not cross the bridge.",
    "Bridge is a game for four players.",
    "A lorry brings the milk in the morning.",
    "The bridge is closed to bicycles.",
    "The tower is older than the wall around it.",
]
THRESHOLDS = (0.0, 0.95, 1.0)
POLICIES = [
    ("relevance", "penalise"),
    ("retriever", "penalise"),
    ("retriever", "drop"),
    ("mix", "mark"),
    ("auto", "demote"),
]


@pytest.fixture(scope="module")
def shipped() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


@pytest.fixture(scope="module")
def cosines() -> list[float]:
    """Of the passages with the query, by the embeddings that find them."""
    embedder = StructuralEmbedder.from_pretrained(device="cpu", sensitivity=0.0)
    return [float(one) for one in embedder.encode_document(PASSAGES) @ embedder.encode_query([QUERY])[0]]


@pytest.fixture
def web(address: str) -> Any:
    with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
        yield client


def rank(page: Any, query: str, passages: Sequence[str], parted: str = "\n\n") -> None:
    page.get_by_label("Query").fill(query)
    page.get_by_label("Passages").fill(parted.join(passages))
    assert page.get_by_role("status").text_content() == "The texts have changed since: rank again."
    with page.expect_response("**/playground/rank"):
        page.get_by_role("button", name="Rank").click()
    page.wait_for_selector("#ranking[aria-busy=false]")
    assert "passage" in page.get_by_role("status").text_content()


def choose(page: Any, name: str, value: str) -> None:
    with page.expect_response("**/playground/rank"):
        page.get_by_label(name, exact=True).select_option(value)
    page.wait_for_selector("#ranking[aria-busy=false]")


def places(page: Any, where: str) -> list[int]:
    script = "items => items.map(item => Number(item.dataset.index))"
    return page.locator(f"{where} > li").evaluate_all(script)


def in_process(
    shipped: CompositionalReranker, cosines: list[float], order: str, near_misses: str, threshold: float | str
) -> tuple[list[int], list[int], dict[int, Any]]:
    """Places before and after, and the results by place, of the library alone."""
    before = sorted(range(len(PASSAGES)), key=lambda place: -cosines[place])
    ranking = shipped.rerank(
        QUERY,
        [PASSAGES[place] for place in before],
        retrieval_scores=[cosines[place] for place in before],
        order=order,  # type: ignore[arg-type]
        near_misses=near_misses,  # type: ignore[arg-type]
        threshold=threshold,  # type: ignore[arg-type]
    )
    results = {before[one.index]: one for one in ranking}
    return before, list(results), results


@pytest.mark.parametrize("width", [1280, 400])
def test_what_is_typed_is_ranked_and_seen(
    opened: Callable[..., Any], shipped: CompositionalReranker, cosines: list[float], width: int
) -> None:
    page = opened(width).page
    rank(page, QUERY, PASSAGES)
    before, after, results = in_process(shipped, cosines, "auto", "demote", "shipped")
    assert places(page, "#before") == before
    assert places(page, "#after") == after
    for place, passage in enumerate(PASSAGES):
        card = page.locator(f"#after [data-index='{place}']")
        one = results[place]
        assert passage in card.locator(".text").text_content()
        names = {"supports": "✓ supports", "denies": "✕ denies", "differs": "≠ differs"}
        silent = "· not read" if one.mismatch is None else "– says nothing of it"
        assert card.locator(".verdict").text_content() == names.get(one.verdict or "", silent)
        assert card.locator(".badge").is_visible() == one.near_miss
        marked = [] if one.evidence is None else [passage[slice(*one.evidence)]]
        assert card.locator("mark").all_text_contents() == marked
    assert results[0].near_miss
    assert not results[1].near_miss
    assert page.title() == "compositional-rerank: playground"
    assert page.locator("#ranking :is(script, img)").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert "ms" in page.locator("#times").text_content()


def test_order_policy_and_threshold_give_what_the_library_gives(
    opened: Callable[..., Any], shipped: CompositionalReranker, cosines: list[float]
) -> None:
    one = opened()
    page = one.page
    rank(page, QUERY, PASSAGES)
    for order, near_misses in POLICIES:
        for name, value in (("Order", order), ("Near-misses", near_misses)):
            if page.get_by_label(name, exact=True).input_value() != value:
                choose(page, name, value)
        asked = len(one.requests)
        for threshold in THRESHOLDS:
            page.get_by_label("Threshold, as a number").fill(str(threshold))
            _, after, results = in_process(shipped, cosines, order, near_misses, threshold)
            assert places(page, "#after") == after, (order, near_misses, threshold)
            left_out = sorted(places(page, "#left-out ul"))
            assert left_out == sorted(set(range(len(PASSAGES))) - set(after))
            count = sum(result.near_miss for result in results.values()) + len(left_out)
            said = page.get_by_role("status").text_content()
            assert {0: "no near-miss", 1: "1 near-miss."}.get(count, f"{count} near-misses") in said
        assert len(one.requests) == asked  # sorted in the browser
    assert shipped.threshold is not None
    page.get_by_role("button", name=f"the model’s {shipped.threshold:.3f}").click()
    assert page.get_by_label("Threshold", exact=True).input_value() == f"{shipped.threshold:.3f}"


def test_the_keyboard_is_enough(opened: Callable[..., Any]) -> None:
    page = opened().page
    page.get_by_label("Query").fill("The pool is warm.")
    with page.expect_response("**/playground/rank"):
        page.keyboard.press("Control+Enter")
    page.wait_for_selector("#ranking[aria-busy=false]")
    page.get_by_label("Threshold", exact=True).focus()
    page.keyboard.press("Home")
    assert page.get_by_label("Threshold, as a number").input_value() == "0.000"
    explain = page.locator("#after").get_by_role("button").first
    explain.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Why there?")
    dialog.wait_for()
    frame = page.frame_locator("iframe")
    assert frame.get_by_role("heading", level=1).text_content() == "Which word met which"
    assert frame.locator(".map .cell").count()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert explain.evaluate("button => button === document.activeElement")


def test_every_example_is_taken_with_a_click(opened: Callable[..., Any]) -> None:
    page = opened(400).page
    chips = page.locator("#examples button")
    examples = json.loads(
        files("compositional_rerank.serving.playground").joinpath("page/examples.json").read_text()
    )
    assert chips.all_text_contents() == [example["kind"] for example in examples]
    for chip, example in zip(chips.all()[1:], examples[1:], strict=True):
        with page.expect_response("**/playground/rank"):
            chip.click()
        page.wait_for_selector("#ranking[aria-busy=false]")
        assert page.get_by_label("Query").input_value() == example["query"]
        shown = page.locator("#after .text").all_text_contents()
        assert sorted(shown) == sorted(example["passages"])
    assert page.locator("#ranking").evaluate(
        "section => section.getBoundingClientRect().top < innerHeight / 2"
    )


def test_what_cannot_be_ranked_is_said(opened: Callable[..., Any]) -> None:
    one = opened()
    page, kept = one.page, places(one.page, "#after")
    for query, passages, message in [
        (" ", "One.", "The query is empty: write a question or a statement, or take an example."),
        ("A query.", " \n ", "There is no passage: paste at least one, or take an example."),
        ("A query.", "One.\n" * 21, "There are 21 passages, the limit is 20: remove 1, or start"),
        ("A query.", "One.\n" + "😀" * 3001, "Passage 2 has 3,001 characters, the limit is 3,000: shorten"),
        ("\u200b", "One.", "has no token that the model's tokenizer knows: pass visible text"),
    ]:
        page.get_by_label("Query").fill(query)
        page.get_by_label("Passages").fill(passages)
        page.get_by_role("button", name="Rank").click()
        page.get_by_role("alert").filter(has_text=message).wait_for()
        assert places(page, "#after") == kept
    assert "status of 422" in one.complaints.pop()  # the last one is the server's to say


def test_a_server_that_is_gone_is_said(browser: Any, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/playground/rank", lambda route: route.abort())
    page.goto(address)
    page.get_by_role("alert").filter(has_text="is the command still running?").wait_for()
    context.close()


def test_passages_are_parted_as_the_command_line_parts_them(opened: Callable[..., Any]) -> None:
    page = opened().page
    texts = [
        "One.\nTwo.\n\n",
        "One.\n \t\nTwo.\nThree.",
        "\n\nOne.\n\n\n\nTwo.\n",
        "One.\u00a0\n\u00a0\nTwo.\nThree.",
    ]
    for text, (choice, read) in itertools.product(
        texts, {"lines": from_lines, "paragraphs": from_paragraphs}.items()
    ):
        page.get_by_label("Passages").fill(text)
        page.get_by_label("parted by").select_option(choice)
        assert page.locator("#count").text_content().startswith(f"{len(read(text))} of at most 20 passages")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened: Callable[..., Any], width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page = opened(width, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True).page
    rank(page, QUERY, PASSAGES)

    def check() -> None:
        found = axe.run(page)
        assert found.violations_count == 0, found.generate_report()

    check()
    page.locator("#after").get_by_role("button", name="Explain").last.click()
    page.get_by_role("dialog").wait_for()
    page.goto(page.get_by_role("link", name="In a tab of its own").evaluate("link => link.href"))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    check()


def test_the_policy_of_the_page_lets_nothing_in(web: httpx.Client) -> None:
    for path in ("/", "/playground/playground.js", "/playground/playground.css", "/playground/examples.json"):
        headers = web.get(path).raise_for_status().headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
        assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_a_name_that_only_points_here_is_not_answered(web: httpx.Client) -> None:
    assert web.get("/", headers={"host": "attacker.example"}).status_code == 400


def test_an_explanation_is_kept_for_a_while(web: httpx.Client) -> None:
    body = {"query": QUERY, "passage": HOSTILE}
    paths = [web.post("/playground/explanations", json=body).json()["path"] for _ in range(33)]
    gone, kept = web.get(paths[0]), web.get(paths[-1])
    assert (gone.status_code, kept.status_code) == (404, 200)
    assert "press Explain again" in gone.json()["message"]
    assert "<script" not in kept.text
    assert "script-src" not in kept.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"query": "A query.", "passages": ["One."] * 21}, "21 texts, the limit is 20"),
        ({"query": "A query.", "passages": ["x" * 3001]}, "passages[0] has 3001 characters"),
        ({"query": "A query.", "passages": ["One."], "order": "best"}, "order"),
    ],
)
def test_the_server_has_the_same_limits(web: httpx.Client, body: dict[str, Any], message: str) -> None:
    answer = web.post("/playground/rank", json=body)
    assert answer.status_code == 422
    assert message in answer.json()["message"]


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["playground", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"port {port} of 127.0.0.1 cannot be used" in said
    assert "choose another with --port" in said


def test_examples_are_nobody_elses_texts() -> None:
    examples = json.loads(
        files("compositional_rerank.serving.playground").joinpath("page/examples.json").read_text()
    )
    texts = {
        text.lower().rstrip(".") for example in examples for text in [example["query"], *example["passages"]]
    }
    sources = [*REPOSITORY.glob("data/**/*.jsonl"), *REPOSITORY.glob("src/**/suites/*.jsonl")]
    assert sources
    known = "\n".join(path.read_text(encoding="utf-8").lower() for path in sources)
    assert [text for text in texts if text in known] == []
