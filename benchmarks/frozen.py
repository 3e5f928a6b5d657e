"""Two stages against the plain model's MaxSim without any training, on whole collections.

    python benchmarks/frozen.py --beir BEIR/nfcorpus --beir BEIR/scifact    # writes results/frozen.json

The peer: token vectors of the plain all-MiniLM-L6-v2, whole, in float32; MaxSim over the top 50 of the pooled
cosine, z-scored within the list and added, three to one, to the z-scored cosine. `two_stage` is the shipped
checkpoint with its verifier over the top 100 of the same cosine. Both run on the same backend in one process.
"""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import torch
from common import report
from ranking import CHUNK, arguments, by_cosine, queries_of
from tqdm import tqdm

from compositional_rerank import CompositionalReranker, MemoryStore, TokenEncoder
from compositional_rerank.audit.formats import RetrievalSet
from compositional_rerank.audit.intervals import mean_interval
from compositional_rerank.audit.metrics import p_value, ranking_measures
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.store import quantise, token_key

PEERS_DEPTH = 50
SEED = 0


def main() -> None:
    """Rank every collection in all three ways, write JSON."""
    args, collections = arguments("frozen", __doc__)
    shipped = CompositionalReranker.from_pretrained(device="cpu", backend=args.backend)
    plain = CompositionalReranker.from_parts(
        TokenEncoder(locate(None).base, "cpu", args.backend), name="plain"
    )
    rows = {}
    for name, data in collections.items():
        rows[name] = _collection(shipped, plain, data, args.limit)
        print(json.dumps({name: rows[name]}), flush=True)
    facts = {"split": args.split, "limit": args.limit, "backend": args.backend, "model": shipped.fingerprint}
    report("frozen", args, {**facts, "collections": rows})


def _collection(
    shipped: CompositionalReranker, plain: CompositionalReranker, data: RetrievalSet, limit: int | None
) -> dict[str, object]:
    """nDCG@10 of the three, with a bootstrap interval and a paired test of two stages against the peer."""
    documents, encoder = list(data.documents), plain.encoder
    plain, shipped = (one.with_store(MemoryStore(16 << 30, "float32")) for one in (plain, shipped))
    key = partial(token_key, encoder.fingerprint, dtype="float32")
    pooled = []
    for start in tqdm(range(0, len(documents), CHUNK), desc="encoding", disable=None):
        texts = documents[start : start + CHUNK]
        encoded = encoder.encode(texts, task="document")
        pooled += [entry.pooled for entry in encoded]
        plain.store.put(
            {key(text): quantise(entry, "float32") for text, entry in zip(texts, encoded, strict=True)}
        )
    matrix = torch.stack(pooled)
    rankings: dict[str, dict[str, list[str]]] = {"cosine": {}, "frozen": {}, "two_stage": {}}
    queries = queries_of(data, limit)
    for identifier, query in tqdm(queries, desc="ranking", disable=None):
        cosine, top = by_cosine(encoder, matrix, data, (identifier, query))
        few = top[:PEERS_DEPTH]
        maxsim = np.empty(len(few))
        for result in plain.rerank(query, [documents[index] for index in few]):
            maxsim[result.index] = result.relevance
        fused = 3 * _z(maxsim) + _z(cosine[few].double().numpy())
        best = {
            "cosine": top,
            "frozen": [few[index] for index in np.argsort(-fused, kind="stable")],
            "two_stage": [top[r.index] for r in shipped.rerank(query, [documents[index] for index in top])],
        }
        for system, order in best.items():
            rankings[system][identifier] = [data.document_ids[index] for index in order]
    qrels = {identifier: data.qrels[identifier] for identifier, _ in queries}
    ndcg = {system: ranking_measures(qrels, ranked)["ndcg@10"] for system, ranked in rankings.items()}
    return {
        "queries": len(queries),
        "ndcg@10": {system: float(values.mean()) for system, values in ndcg.items()},
        "two_stage - frozen": {
            "mean": float((ndcg["two_stage"] - ndcg["frozen"]).mean()),
            "ci": mean_interval(ndcg["two_stage"] - ndcg["frozen"], SEED),
            "p": p_value(ndcg["frozen"], ndcg["two_stage"], SEED),
        },
    }


def _z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(values.std(), 1e-9)


if __name__ == "__main__":
    main()
