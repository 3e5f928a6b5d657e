"""What the benchmarks of ranking quality share: their options, and the best documents by cosine."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from common import RESULTS

from compositional_rerank import TokenEncoder
from compositional_rerank.audit.formats import RetrievalSet, read_beir

DEPTH = 100
CHUNK = 256  # passages that are encoded at a time


def arguments(name: str, description: str | None) -> tuple[argparse.Namespace, dict[str, RetrievalSet]]:
    """The options of every benchmark over whole collections, and the collections by name."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--beir", action="append", required=True, metavar="DIR", help="a collection's folder")
    parser.add_argument("--split", default="test", help="whose queries (test)")
    parser.add_argument("--limit", type=int, help="first so many queries of each (all)")
    parser.add_argument("--backend", default="openvino", help="torch or openvino (openvino)")
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.json", help="JSON file to write")
    args = parser.parse_args()
    args.threads, args.rounds = torch.get_num_threads(), 1
    return args, {Path(folder).name: read_beir(Path(folder), args.split) for folder in args.beir}


def queries_of(data: RetrievalSet, limit: int | None) -> list[tuple[str, str]]:
    """Identifier and text of the first queries."""
    return list(zip(data.query_ids, data.queries, strict=True))[:limit]


def by_cosine(
    encoder: TokenEncoder, pooled: torch.Tensor, data: RetrievalSet, query: tuple[str, str]
) -> tuple[torch.Tensor, list[int]]:
    """Cosines of a query with all documents, float32 ``[n]``, and the places of the best `DEPTH`.

    Args:
        encoder: the query's encoder.
        pooled: the documents' pooled vectors, float32 ``[n, hidden]``.
        data: the collection; a document that is the query itself gets a cosine of -2.
        query: identifier and text.
    """
    identifier, text = query
    cosine = pooled @ encoder.encode([text], task="query")[0].pooled
    if identifier in data.document_ids:
        cosine[data.document_ids.index(identifier)] = -2
    return cosine, cosine.topk(min(DEPTH, len(pooled))).indices.tolist()
