"""Other libraries' rerankers over the same backbone, in a virtual environment of their own.

    python benchmarks/peers.py --write-texts texts.json              # here: the lists that rerank.py uses
    python -m venv .venv-peers
    .venv-peers/bin/pip install torch pylate llama-index-postprocessor-colbert-rerank
    .venv-peers/bin/python benchmarks/peers.py --texts texts.json    # writes benchmarks/results/peers.json

PyLate and LlamaIndex's ColbertRerank want older versions of sentence-transformers and transformers than this
library, so this file imports nothing of it. A cross-encoder of the same backbone runs in the same process, as
it does in rerank.py: ratios to it can be compared with the ones there. PyLate puts an untrained layer of
384 x 128 on the backbone, which changes what it finds and not how long it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
ROUNDS, CANDIDATES, TOKENS = 7, 100, 128
PACKAGES = (
    "pylate",
    "llama-index-postprocessor-colbert-rerank",
    "sentence-transformers",
    "transformers",
    "torch",
)


def main() -> None:
    """Write the texts, or time the peers over them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write-texts", type=Path, metavar="FILE", help="write lists and the model's place")
    parser.add_argument("--texts", type=Path, metavar="FILE", help="what --write-texts wrote")
    parser.add_argument("--out", type=Path, default=RESULTS / "peers.json", help="JSON file to write")
    args = parser.parse_args()
    if args.write_texts:
        args.write_texts.write_text(json.dumps(texts()) + "\n", encoding="utf-8")
    elif args.texts:
        result = measure(json.loads(args.texts.read_text(encoding="utf-8")))
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(result, indent=2))
    else:
        parser.error("give --write-texts FILE, or --texts FILE")


def texts() -> dict[str, Any]:
    """The base model's folder and lists of a query with 100 passages."""
    from common import Texts

    from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve

    made = Texts()
    lists = [made.candidates(number, CANDIDATES, TOKENS) for number in range(ROUNDS)]
    return {"base": str(resolve(DEFAULT_BASE).path), "lists": lists}


def measure(given: dict[str, Any]) -> dict[str, Any]:
    """Median milliseconds of each peer, and how many times faster than the cross-encoder it is."""
    import torch

    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {}
    work = peers(given["base"], [passage for _, passages in given["lists"] for passage in passages])
    for round_number, (query, passages) in enumerate([given["lists"][0], *given["lists"]]):
        for name, run in work.items():
            start = time.perf_counter()
            run(query, passages)
            if round_number:  # the first one warms up
                seconds.setdefault(name, []).append(time.perf_counter() - start)
    times = {name: round(1000 * statistics.median(values), 2) for name, values in seconds.items()}
    yardstick = times["cross-encoder, as the library comes"]
    return {
        "benchmark": "peers",
        "unit": "ms",
        "median_of": ROUNDS,
        "threads": 1,
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "times": times,
        "times_faster_than_the_cross_encoder": {
            name: round(yardstick / one, 2) for name, one in times.items()
        },
    }


def peers(base: str, passages: list[str]) -> dict[str, Callable[[str, list[str]], object]]:
    """What to run, by name."""
    from llama_index.core.postprocessor import SentenceTransformerRerank
    from llama_index.core.schema import NodeWithScore, TextNode
    from llama_index.postprocessor.colbert_rerank import ColbertRerank
    from pylate import models, rank
    from sentence_transformers import CrossEncoder

    library = CrossEncoder(base, num_labels=1, device="cpu")
    colbert = models.ColBERT(base, device="cpu", document_length=256)
    different = sorted(set(passages))
    encoded = colbert.encode(different, is_query=False, show_progress_bar=False)
    stored = dict(zip(different, encoded, strict=True))
    llama_colbert = ColbertRerank(top_n=CANDIDATES, model=base, tokenizer=base, device="cpu")
    llama_cross = SentenceTransformerRerank(top_n=CANDIDATES, model=base, device="cpu")

    def pylate(query: str, texts: list[str], vectors: list[Any]) -> object:
        return rank.rerank(
            documents_ids=[list(range(len(texts)))],
            queries_embeddings=colbert.encode([query], is_query=True, show_progress_bar=False),
            documents_embeddings=[vectors],
        )

    def nodes(texts: list[str]) -> list[NodeWithScore]:
        return [NodeWithScore(node=TextNode(text=text), score=0.0) for text in texts]

    return {
        "cross-encoder, as the library comes": lambda query, texts: library.predict(
            [(query, text) for text in texts]
        ),
        "LlamaIndex SentenceTransformerRerank": lambda query, texts: llama_cross.postprocess_nodes(
            nodes(texts), query_str=query
        ),
        "LlamaIndex ColbertRerank": lambda query, texts: llama_colbert.postprocess_nodes(
            nodes(texts), query_str=query
        ),
        "PyLate, passages encoded at the query": lambda query, texts: pylate(
            query, texts, colbert.encode(texts, is_query=False, show_progress_bar=False)
        ),
        "PyLate, stored vectors": lambda query, texts: pylate(query, texts, [stored[text] for text in texts]),
    }


if __name__ == "__main__":
    main()
