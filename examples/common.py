"""What the examples share: the corpus, the command line, the two rankings of a query and the answer."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compositional_rerank import CompositionalReranker
from compositional_rerank.encoding.sentences import sentence_spans

CORPUS = Path(__file__).parent / "corpus"
TELLING_QUERIES = [
    "Norvaxil syrup is safe for a three-year-old",  # a statement: a passage that says no is a near-miss
    "Does the guarantee of the Brio kettle cover limescale?",  # the answer is no
    "I'm an employee and my claim has been approved. Can I bin the receipts now?",  # context, then yes
    "Which player went from Kestrel Rovers to Harbour United?",  # the near-miss turns the roles around
    "How many rows can I export in version 4.2?",  # the near-miss is of another version
    "electric car charging airport",  # keywords ask nothing: no verdict
]
# What a language model may write when it is asked this: right, wrong, made up, nothing to check.
WRITTEN = {
    "Which Norvaxil is safe for children?": (
        "Toddlers can take Norvaxil syrup without concern. Norvaxil Forte is safe for children. "
        "Norvaxil was developed in Copenhagen.\n\nWould you like to know more?"
    )
}
BEFORE = "{:>2}  {:>15}  {}"
AFTER = "{:>2}  {:>9}  {:9} {:>8} {:>9} {:>6}  {}"
WIDTH = 110


@dataclass(frozen=True)
class Row:
    """One ranked passage; a score or verdict that the stage does not give is None."""

    id: str
    title: str
    text: str
    retrieval_score: float | None = None
    relevance: float | None = None
    verdict: str | None = None
    support: float | None = None
    mismatch: float | None = None
    evidence: Sequence[int] | None = None
    score: float | None = None


def read_corpus() -> list[dict[str, str]]:
    """Passages, each with id, title, text and topic."""
    lines = (CORPUS / "passages.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def passage_text(passage: Mapping[str, str]) -> str:
    """What search reads: the passage under its title, as some texts do not say what they are about."""
    return f"{passage['title']}\n\n{passage['text']}"


def read_queries() -> list[dict[str, Any]]:
    """Queries, each with form, relevant, near_misses and edit_type; yes/no questions with truth."""
    lines = (CORPUS / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read_labels() -> dict[str, dict[str, str]]:
    """For each query of the corpus: passage id -> "right" or "near-miss"."""
    return {
        entry["query"]: {
            **dict.fromkeys(entry["relevant"], "right"),
            **dict.fromkeys(entry["near_misses"], "near-miss"),
        }
        for entry in read_queries()
    }


def above(order: Sequence[str], labels: Mapping[str, str]) -> bool:
    """Whether all right passages stand above all near-misses; a passage that is not there is below all."""
    last = len(order)
    places = {name: place for place, name in enumerate(order)}
    right = [places.get(name, last) for name, label in labels.items() if label == "right"]
    near = [places.get(name, last) for name, label in labels.items() if label == "near-miss"]
    return max(right) < min([*near, last])


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


def questions(arguments: argparse.Namespace) -> list[str]:
    """What is asked where the answer matters: without an endpoint only what has an answer in `WRITTEN`."""
    if arguments.query and arguments.base_url is None:
        sys.exit("--query needs something that answers it: give --base-url and --model, too")
    return arguments.query or list(WRITTEN)


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


def best_sentence(
    reranker: CompositionalReranker, query: str, passage: str, evidence: Sequence[int] | None
) -> str:
    """The extractive answer: of the evidence, or else of the passage, the sentence that ranks first."""
    text = passage if evidence is None else passage[slice(*evidence)]
    lines = [text[start:stop].strip().split("\n")[-1] for start, stop in sentence_spans(text)]
    sentences = [line for line in lines if line.endswith((".", "!", "?"))]  # no headings
    return reranker.rerank(query, sentences or [text], top_n=1, order="relevance")[0].text


def show(query: str, before: Sequence[Row], after: Sequence[Row], rows: int, answer: str) -> None:
    """Print the rankings before and after, under a passage what decided, then the answer and its source."""
    labels = read_labels().get(query, {})
    old_place = {row.id: place for place, row in enumerate(before, 1)}
    print(f"\n{'=' * WIDTH}\nQuery: {query}\n\nBEFORE: embedding search")
    print(BEFORE.format("#", "retrieval_score", "passage"))
    for place, row in enumerate(before[:rows], 1):
        print(BEFORE.format(place, number(row.retrieval_score), name(row, labels)))
    print("\nAFTER: reranked")
    print(
        AFTER.format(
            "#", "relevance", "verdict", "support", "mismatch", "score", "passage (old place), evidence"
        )
    )
    for place, row in enumerate(after[:rows], 1):
        scores = (
            number(row.relevance),
            word(row),
            number(row.support),
            number(row.mismatch),
            number(row.score),
        )
        print(AFTER.format(place, *scores, f"{name(row, labels)} ({old_place[row.id]})"))
        if row.evidence is not None:
            quoted = f'"{row.text[slice(*row.evidence)]}"'
            print(textwrap.fill(quoted, WIDTH, initial_indent=" " * 15, subsequent_indent=" " * 16))
    print(f"\nAnswer: {answer}\nSource: {after[0].title} [{after[0].id}]")


def show_summary(rankings: Sequence[tuple[str, Sequence[Row], Sequence[Row]]]) -> None:
    """Print for how many queries the right passage stands above its near-misses, before and after."""
    labels = read_labels()
    known = [
        [above([row.id for row in order], labels[query]) for order in (before, after)]
        for query, before, after in rankings
        if "near-miss" in labels.get(query, {}).values()
    ]
    if known:
        old, new = (f"{sum(column)} of {len(known)}" for column in zip(*known, strict=True))
        print(f"\nRight passage above its near-misses: {old} before, {new} after.")
    if all(row.mismatch is None for _, _, after in rankings for row in after):
        print(
            "No verdicts: no verifier is loaded, or nothing is asked; passages are ranked by relevance alone."
        )


def name(row: Row, labels: dict[str, str]) -> str:
    """A passage's title, with its label for the query where the corpus has one."""
    label = labels.get(row.id)
    return f"{row.title} [{label}]" if label else row.title


def word(row: Row) -> str:
    """A verdict for the table; a passage that was read and says nothing of the query is silent."""
    return "-" if row.mismatch is None else row.verdict or "silent"


def number(value: float | None) -> str:
    """A score for the table."""
    return "-" if value is None else f"{value:.3f}"
