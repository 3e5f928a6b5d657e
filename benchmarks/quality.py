"""What smaller token vectors cost: bytes of a passage, and nDCG@10 of reranking from a store of each kind.

    python benchmarks/quality.py --beir BEIR/nfcorpus --beir BEIR/scifact    # writes results/quality.json

The shipped checkpoint with its verifier, its token vectors projected as shipped and whole, in every precision
of a store. The top 100 of the pooled cosine are reranked, the same for all rows. "Pooled by 2" halves the
number of token vectors by clustering those of a segment (Clavié, Chaffin & Adams, "Reducing the Footprint of
Multi-Vector Retrieval", 2024).
"""

from __future__ import annotations

import json
from functools import partial

import torch
from common import report
from ranking import CHUNK, arguments, by_cosine, queries_of
from scipy.cluster.hierarchy import fcluster, linkage
from store import POOLED, passage
from tqdm import tqdm

from compositional_rerank import CompositionalReranker, MemoryStore, TokenEncoder
from compositional_rerank.audit.formats import RetrievalSet
from compositional_rerank.audit.metrics import ranking_measures
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.store import quantise, token_key
from compositional_rerank.store.index import RECORD
from compositional_rerank.store.layout import Layout
from compositional_rerank.store.quantise import DTYPES

POOLED_BY_2 = "int8, pooled by 2"


def main() -> None:
    """Encode every collection once for each dimension, rerank from each precision, write JSON."""
    args, collections = arguments("quality", __doc__)
    shipped = CompositionalReranker.from_pretrained(device="cpu", backend=args.backend)
    whole = TokenEncoder(locate(None).base, "cpu", args.backend)
    rows = []
    for encoder in (whole, shipped.encoder):
        found: dict[str, dict[str, float]] = {dtype: {} for dtype in (*DTYPES, POOLED_BY_2)}
        for name, data in collections.items():
            for dtype, ndcg in _collection(shipped, encoder, data, args.limit).items():
                found[dtype][name] = ndcg
        for dtype, ndcg in found.items():
            layout = Layout(dtype.split(",")[0], encoder.dimension, POOLED)
            whole_passage = passage(encoder.dimension, 0)
            stored = fewer(whole_passage) if dtype == POOLED_BY_2 else whole_passage
            size = len(layout.pack(stored)) + RECORD.itemsize
            rows.append(
                {"d": encoder.dimension, "dtype": dtype, "bytes_of_128_tokens": size, "ndcg@10": ndcg}
            )
            print(json.dumps(rows[-1]), flush=True)
    report("quality", args, {"split": args.split, "limit": args.limit, "backend": args.backend, "rows": rows})


def _collection(
    shipped: CompositionalReranker, encoder: TokenEncoder, data: RetrievalSet, limit: int | None
) -> dict[str, float]:
    """Mean nDCG@10 for each dtype."""
    documents = list(data.documents)
    encoded: list[EncodedText] = []
    for start in tqdm(range(0, len(documents), CHUNK), desc=f"encoding, d={encoder.dimension}", disable=None):
        encoded += encoder.encode(documents[start : start + CHUNK], task="document")
    pooled = torch.stack([entry.pooled for entry in encoded])
    queries = queries_of(data, limit)
    tops = {query[1]: by_cosine(encoder, pooled, data, query)[1] for query in queries}
    needed = sorted({index for top in tops.values() for index in top})
    found = {}
    for name in (*DTYPES, POOLED_BY_2):
        dtype, pooling = name.split(",")[0], name == POOLED_BY_2
        key = partial(token_key, encoder.fingerprint, dtype=dtype)
        store = MemoryStore(16 << 30, dtype)
        kept = {index: fewer(encoded[index]) if pooling else encoded[index] for index in needed}
        store.put({key(documents[index]): quantise(entry, dtype) for index, entry in kept.items()})
        reranker = CompositionalReranker.from_parts(
            encoder, name="quality", store=store, config=shipped.config, verifier=shipped.verifier
        )
        rankings: dict[str, list[str]] = {}
        for identifier, query in tqdm(queries, desc=f"reranking from {name}", disable=None):
            texts = [documents[index] for index in tops[query]]
            ranking = reranker.rerank(query, texts, order="relevance")
            rankings[identifier] = [data.document_ids[tops[query][result.index]] for result in ranking]
        qrels = {identifier: data.qrels[identifier] for identifier in rankings}
        found[name] = round(float(ranking_measures(qrels, rankings)["ndcg@10"].mean()), 4)
    return found


def fewer(entry: EncodedText) -> EncodedText:
    """An entry with half of the token vectors: means of clusters within each segment, by Ward's method."""
    if len(entry.segments) == 0:
        return entry
    vectors, offsets, segments = [], [], entry.segments.clone()
    end = 0
    for place, (start, stop) in enumerate(entry.segments[:, 2:].tolist()):
        own = entry.vectors[start:stop]
        count = (len(own) + 1) // 2
        groups = torch.arange(len(own))
        if len(own) > 2:
            groups = torch.from_numpy(fcluster(linkage(own.numpy(), "ward"), count, "maxclust")) - 1
        names, groups = groups.unique(return_inverse=True)
        sums = torch.zeros(len(names), own.shape[1]).index_add_(0, groups, own)
        vectors.append(torch.nn.functional.normalize(sums))
        offsets.append(entry.offsets[start : start + len(names)])  # of no meaning, and not read by scoring
        segments[place, 2], segments[place, 3] = end, end + len(names)
        end += len(names)
    return EncodedText(torch.cat(vectors), torch.cat(offsets), entry.pooled, segments)


if __name__ == "__main__":
    main()
