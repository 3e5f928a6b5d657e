"""What both example apps share: the corpus, the command line, the table of rankings and the answer."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank import CompositionalReranker
from compositional_rerank.encoding.sentences import sentence_spans

CORPUS = Path(__file__).parent / "corpus"
TELLING_QUERIES = [
    "Norvaxil is safe for children",
    "Harbour United beat Kestrel Rovers",
    "a red cup on a blue plate",
    "take the tablet before meals",
    "charging an electric car at the airport",
]
LINE = "{:>2}  {:32}{:>15}  | {:>9} {:>8} {:>6}  {}"


@dataclass(frozen=True)
class Row:
    """One ranked passage; a score that the stage does not give is None."""

    id: str
    title: str
    text: str
    retrieval_score: float | None = None
    relevance: float | None = None
    mismatch: float | None = None
    score: float | None = None


def read_corpus() -> list[dict[str, str]]:
    """Passages, each with id, title, text and topic."""
    lines = (CORPUS / "passages.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_labels() -> dict[str, dict[str, str]]:
    """For each query of the corpus: passage id -> "right" or "near-miss"."""
    labels = {}
    for line in (CORPUS / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        labels[entry["query"]] = {
            **dict.fromkeys(entry["relevant"], "right"),
            **dict.fromkeys(entry["near_misses"], "near-miss"),
        }
    return labels


def parse_arguments(description: str) -> argparse.Namespace:
    """The apps' command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--query", action="append", help="ask this; may be given again (default: telling ones)"
    )
    parser.add_argument("--show", type=int, default=4, metavar="N", help="rows of each ranking (default: 4)")
    parser.add_argument("--base-url", help="OpenAI-compatible endpoint that writes the answer, ending in /v1")
    parser.add_argument("--model", help="the endpoint's model; the key is read from OPENAI_API_KEY")
    arguments = parser.parse_args()
    if (arguments.base_url is None) != (arguments.model is None):
        parser.error("--base-url and --model belong together: give both or none")
    if not 1 <= arguments.show <= 20:
        parser.error(f"--show {arguments.show} is out of range: give 1 to 20")
    return arguments


def chat(base_url: str, model: str, prompt: str) -> str:
    """Have an OpenAI-compatible endpoint answer a prompt."""
    url = base_url.rstrip("/") + "/chat/completions"
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], "temperature": 0}
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("OPENAI_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    try:
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=120) as response:
            return str(json.load(response)["choices"][0]["message"]["content"]).strip()
    except urllib.error.HTTPError as error:
        detail = error.read(300).decode(errors="replace")
        sys.exit(f"{url} answered {error.code} {error.reason}: {detail}\ncheck --model and OPENAI_API_KEY")
    except (OSError, ValueError) as error:
        sys.exit(f"{url} cannot be used: {error}\ncheck --base-url, or leave it out for an extractive answer")
    except (KeyError, IndexError, TypeError):
        sys.exit(f"{url} did not answer as an OpenAI-compatible endpoint: no choices[0].message.content")


def best_sentence(reranker: CompositionalReranker, query: str, passage: str) -> str:
    """The extractive answer: the sentence of a passage that ranks first for the query."""
    sentences = [passage[start:stop] for start, stop in sentence_spans(passage)]
    return reranker.rerank(query, sentences, top_n=1)[0].text


def show(query: str, before: Sequence[Row], after: Sequence[Row], rows: int, answer: str) -> None:
    """Print the two rankings side by side, then the answer and its source."""
    labels = read_labels().get(query, {})
    old_place = {row.id: place for place, row in enumerate(before, 1)}
    print(f"\n{'=' * 110}\nQuery: {query}\n")
    print(LINE.format("", "BEFORE: retrieval alone", "", "", "", "", "AFTER: reranked (old place)"))
    print(LINE.format("#", "passage", "retrieval_score", "relevance", "mismatch", "score", "passage"))
    for place, (old, new) in enumerate(zip(before[:rows], after[:rows], strict=True), 1):
        left = (place, name(old, labels), number(old.retrieval_score))
        right = (number(new.relevance), number(new.mismatch), number(new.score))
        print(LINE.format(*left, *right, f"{name(new, labels)} ({old_place[new.id]})"))
    print()
    for head, text in (("First before: ", before[0].text), ("First after:  ", after[0].text)):
        print(textwrap.fill(head + text, 110, subsequent_indent=" " * len(head)))
    print(f"\nAnswer: {answer}\nSource: {after[0].title} [{after[0].id}]")


def show_summary(rankings: Sequence[tuple[str, Sequence[Row], Sequence[Row]]]) -> None:
    """Print for how many labelled queries the right passage came first, before and after."""
    labels = read_labels()
    known = [(labels[query], before, after) for query, before, after in rankings if query in labels]
    if known:
        old = sum(right.get(before[0].id) == "right" for right, before, _ in known)
        new = sum(right.get(after[0].id) == "right" for right, _, after in known)
        print(f"\nThe right passage is first for {old} of {len(known)} queries before, {new} after.")
    if all(row.mismatch is None for _, _, after in rankings for row in after):
        print("mismatch is '-': no verifier is loaded, so near-misses are ranked by relevance alone.")


def name(row: Row, labels: dict[str, str]) -> str:
    """A passage's title, with its label for the query where the corpus has one."""
    label = labels.get(row.id)
    return f"{row.title[:19]} [{label}]" if label else row.title[:31]


def number(value: float | None) -> str:
    """A score for the table."""
    return "-" if value is None else f"{value:.3f}"
