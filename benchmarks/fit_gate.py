"""Fit a checkpoint's calibration, gate, penalty and threshold on development data, once.

    python benchmarks/fit_gate.py --checkpoint DIR --beir BEIR/nfcorpus:dev --triples sugar.jsonl \\
        --pairs scramble.jsonl --out benchmarks/results/fit_gate.json --write

Every pair and the top 100 of every query are verified once; the grid is searched over the numbers. Among the
settings that lose no more than `--most-loss` nDCG@10 of what relevance alone reaches on a collection and no
more than 0.005 of the best mean accuracy on the triples, the largest penalty wins, because a near-miss has to
fall below far paraphrases, too; then the gate that lets the fewest passages be verified. `--keep-gate` keeps
the checkpoint's own gate and penalty, and only calibration and threshold are fitted. `--write` puts it all
into config.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from compositional_rerank import CompositionalReranker, MemoryStore, StructuralEmbedder, TokenEncoder
from compositional_rerank.audit.formats import read_beir, read_pairs, read_triples
from compositional_rerank.checkpoints.config import VERIFIER_FILE, CheckpointConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.scoring.calibration import Calibration, asks
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.training.calibration import fit_calibration
from compositional_rerank.verification.cross_encoder import Verifier

TAUS, WIDTHS = (0.55, 0.6, 0.65, 0.7, 0.75), (0.02, 0.04)
BETAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0)
DEPTH = 100
_ACCURACY_SPENT = 0.005


def main() -> None:
    """Score everything once, search the grid, write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--beir", action="append", default=[], metavar="DIR:split")
    parser.add_argument("--triples", type=Path, action="append", default=[])
    parser.add_argument("--pairs", type=Path, action="append", default=[])
    parser.add_argument("--limit", type=int, default=150, help="queries, pairs and triples of each set (150)")
    parser.add_argument(
        "--most-loss", type=float, default=0.01, help="nDCG@10 that the verifier may cost (0.01)"
    )
    parser.add_argument("--keep-gate", action="store_true", help="keep the checkpoint's gate and penalty")
    parser.add_argument("--backend", default="openvino", help="torch or openvino (openvino)")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument(
        "--write", action="store_true", help="write the choice into the checkpoint's config.json"
    )
    args = parser.parse_args()
    config = CheckpointConfig.load(args.checkpoint)
    # an open gate verifies all that may ever count, no penalty leaves relevance as the score, and the
    # mismatches are the plain sigmoids of the logits until the calibration is known
    plain = dataclasses.replace(config.verifier, calibration=Calibration(1.0, 1.0, 0.0, 0.0))
    loose = dataclasses.replace(config, fusion=Fusion(min(TAUS), max(WIDTHS), 0.0, 0.5), verifier=plain)
    located = locate(str(args.checkpoint))
    encoder = TokenEncoder(located.base, "cpu", args.backend, located.projection)
    reranker = CompositionalReranker.from_parts(
        encoder,
        name=located.name,
        store=MemoryStore(8 << 30, "float32"),
        config=loose,
        verifier=Verifier(
            located.base, args.checkpoint / VERIFIER_FILE, loose.verifier, encoder.device, args.backend
        ),
    )
    rng = np.random.default_rng(0)

    triples = {file.stem: _triples(reranker, file, args.limit, rng) for file in args.triples}
    pairs = {file.stem: _pairs(reranker, file, args.limit, rng) for file in args.pairs}
    # a triple counts as two labelled pairs, anchor with positive and with negative; every file counts alike
    judged = [(queries, scores.mismatch, 1 - same) for queries, scores, same in pairs.values()]
    judged += [
        (
            queries[0] + queries[1],
            np.concatenate([scores[0].mismatch, scores[1].mismatch]),
            np.repeat([0, 1], len(queries[0])),
        )
        for queries, scores in triples.values()
    ]
    asked = [query for queries, _, _ in judged for query in queries]
    mismatch, labels = (np.concatenate(column) for column in list(zip(*judged, strict=True))[1:])
    weights = np.concatenate([np.full(len(truth), 1000 / len(truth)) for _, _, truth in judged])
    forms = np.array([asks(query) for query in asked])
    if forms.any() and not forms.all():  # questions count twice as much as statements, of which there is more
        weights[forms] *= 2 * weights[~forms].sum() / weights[forms].sum()
    logits = torch.logit(torch.tensor(mismatch), eps=1e-6).float()
    calibration = fit_calibration(
        logits, torch.tensor(labels).float(), asked, weights=torch.tensor(weights).float()
    )

    def calibrated(values: np.ndarray, queries: list[str]) -> np.ndarray:
        return calibration.mismatch(torch.logit(torch.tensor(values), eps=1e-6), queries).double().numpy()

    for queries, scores in triples.values():
        scores[:] = [
            dataclasses.replace(one, mismatch=calibrated(one.mismatch, side))
            for one, side in zip(scores, queries, strict=True)
        ]
    verifier = dataclasses.replace(plain, calibration=calibration)
    reranker.verifier.config = verifier
    collections = {Path(name).name: _collection(reranker, name, args.limit, rng) for name in args.beir}
    rows: list[dict[str, Any]] = []
    for tau, width, beta in itertools.product(TAUS, WIDTHS, BETAS):
        fusion = Fusion(tau, width, beta, 0.5)
        ndcg = {name: _ndcg(lists, fusion) for name, lists in collections.items()}
        accuracy = {name: _accuracy(scores, fusion) for name, (_, scores) in triples.items()}
        rows.append({"tau": tau, "width": width, "beta": beta, "ndcg@10": ndcg, "accuracy": accuracy})
    alone = {name: _ndcg(lists, Fusion(0.7, 0.02, 0.0, 0.5)) for name, lists in collections.items()}
    allowed = [
        row for row in rows if all(row["ndcg@10"][name] >= alone[name] - args.most_loss for name in alone)
    ]
    own = [row for row in rows if _gate(row) == dataclasses.replace(config.fusion, threshold=0.5)]
    if args.keep_gate and not own:
        parser.error(f"--keep-gate: {config.fusion} is not in the grid")
    best = _choice(own if args.keep_gate else allowed or rows)
    agreeing = np.sort(calibrated(mismatch, asked)[labels == 0])
    threshold = float(np.clip(agreeing[int(0.95 * len(agreeing))], 0.5, 0.99))
    chosen = Fusion(best["tau"], best["width"], best["beta"], round(threshold, 3))
    result = {
        "settings": {
            "limit": args.limit,
            "most_loss": args.most_loss,
            "backend": args.backend,
            "keep_gate": args.keep_gate,
        },
        "relevance_alone_ndcg@10": alone,
        "chosen": {**best, "threshold": chosen.threshold, **dataclasses.asdict(calibration)},
        "grid": rows,
    }
    args.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["chosen"], indent=2), json.dumps(alone))
    if args.write:
        dataclasses.replace(config, fusion=chosen, verifier=verifier).save(args.checkpoint)


def _choice(rows: list[dict[str, Any]]) -> dict[str, Any]:
    means = [float(np.mean(list(row["accuracy"].values()))) for row in rows]
    good = [row for row, mean in zip(rows, means, strict=True) if mean >= max(means) - _ACCURACY_SPENT]
    return max(good, key=lambda row: (row["beta"], _gate(row).least_closeness))


def _gate(row: dict[str, Any]) -> Fusion:
    return Fusion(row["tau"], row["width"], row["beta"], 0.5)


def _some(count: int, limit: int, rng: np.random.Generator) -> list[int]:
    return sorted(rng.permutation(count)[:limit].tolist())


def _triples(
    reranker: CompositionalReranker, file: Path, limit: int, rng: np.random.Generator
) -> tuple[list[list[str]], list[Any]]:
    data = read_triples(file)
    rows = _some(len(data.anchors), limit, rng)
    sides = [(data.anchors, data.positives), (data.anchors, data.negatives), (data.positives, data.negatives)]
    queries = [[first[row] for row in rows] for first, _ in sides]
    passages = [[second[row] for row in rows] for _, second in sides]
    return queries, [reranker.score_pairs(*texts) for texts in zip(queries, passages, strict=True)]


def _pairs(
    reranker: CompositionalReranker, file: Path, limit: int, rng: np.random.Generator
) -> tuple[list[str], Any, np.ndarray]:
    data = read_pairs(file)
    rows = _some(len(data.texts1), limit, rng)
    queries = [data.texts1[row] for row in rows]
    scores = reranker.score_pairs(queries, [data.texts2[row] for row in rows])
    return queries, scores, np.asarray([data.same[row] for row in rows])


def _accuracy(scores: list[Any], fusion: Fusion) -> float:
    same, other, cross = (_score(fusion, pair.relevance, pair.closeness, pair.mismatch) for pair in scores)
    return float(((same > other) & (same > cross)).mean())


def _score(fusion: Fusion, relevance: Any, closeness: Any, mismatch: Any) -> np.ndarray:
    tensors = (
        torch.as_tensor(np.asarray(values, dtype=np.float64)) for values in (relevance, closeness, mismatch)
    )
    return fusion.score(*tensors).numpy()


def _collection(
    reranker: CompositionalReranker, name: str, limit: int, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[float]]]:
    """For every query: relevance, closeness and mismatch of the top 100, their gains, and the ideal gains."""
    folder, _, split = name.partition(":")
    data = read_beir(Path(folder), split or "test")
    texts = list(data.documents)
    embedder = StructuralEmbedder.from_pretrained(device="cpu")
    place = {document: index for index, document in enumerate(data.document_ids)}
    queries = _some(len(data.query_ids), limit, rng)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        documents = embedder.encode_document(texts, show_progress=True)
    tops = {}
    for query in queries:
        cosine = documents @ embedder.encode_query([data.queries[query]])[0]
        if data.query_ids[query] in place:
            cosine[place[data.query_ids[query]]] = -1
        tops[query] = np.argsort(-cosine, kind="stable")[:DEPTH]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        needed = sorted({int(index) for top in tops.values() for index in top})
        reranker.encode_passages([texts[index] for index in needed], show_progress=True)
    lists = []
    for query in tqdm(queries, desc=name):
        top = tops[query]
        found = sorted(reranker.rerank(data.queries[query], [texts[i] for i in top]), key=lambda r: r.index)
        gains = data.qrels[data.query_ids[query]]
        lists.append(
            (
                np.array([result.relevance for result in found]),
                np.array([-1.0 if result.closeness is None else result.closeness for result in found]),
                np.array([result.mismatch or 0.0 for result in found]),
                np.array([gains.get(data.document_ids[i], 0) for i in top], dtype=float),
                sorted(gains.values(), reverse=True)[:10],
            )
        )
    return lists


def _ndcg(lists: list[Any], fusion: Fusion) -> float:
    discounts = 1 / np.log2(np.arange(2, 12))
    values = []
    for relevance, closeness, mismatch, gains, ideal in lists:
        order = np.argsort(-_score(fusion, relevance, closeness, mismatch), kind="stable")[:10]
        values.append(
            (gains[order] * discounts[: len(order)]).sum() / (ideal * discounts[: len(ideal)]).sum()
        )
    return float(np.mean(values))


if __name__ == "__main__":
    main()
