"""Are two questions the same? 200 pairs of data/evaluation, and what a lookup of a guarded cache takes.

    python benchmarks/same_question.py    # writes benchmarks/results/same_question.json

Half of the pairs ask the same, half differ in one thing; of each half, half are lightly reworded and half
heavily. AUC, of all pairs and by rewording, and the share of near-misses that get through where 2 % of the
same questions are refused: by the share of words that both questions have, by the cosine of the embeddings,
and by the support of `CompositionalReranker.same_questions`. A pair that cannot be judged counts as refused.
Then both shares at some values of `least_support`, and the time in which a guard compares a question with one
and with four.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
from common import arguments, report, timed
from numpy.typing import NDArray

from compositional_rerank import CompositionalReranker
from compositional_rerank.audit.metrics import auc, rejection_at_loss
from compositional_rerank.caching import CacheGuard

PAIRS = Path(__file__).resolve().parents[1] / "data" / "evaluation" / "same_question.jsonl"
LOSS = 0.02
LEAST_SUPPORT = (0.3, 0.5, 0.7, 0.9)
REFUSED = -1.0
REWORDED = ("lightly", "heavily")

Floats = NDArray[np.float64]


def main() -> None:
    """Score the pairs, time the guard, print and write JSON."""
    args = arguments("same_question", __doc__, model=True)
    pairs = [json.loads(line) for line in PAIRS.read_text("utf-8").splitlines()]
    cached, new = ([pair[side] for pair in pairs] for side in ("cached", "new"))
    same = np.array([pair["same"] for pair in pairs])
    reworded = np.array([pair["reworded"] for pair in pairs])
    reranker = CompositionalReranker.from_pretrained(args.model, device="cpu")

    shared = np.array([_shared_words(*both) for both in zip(cached, new, strict=True)])
    pooled = [[one.pooled for one in reranker.encoder.encode(texts, task="query")] for texts in (cached, new)]
    cosine = np.array([float(one @ other) for one, other in zip(*pooled, strict=True)])
    verdicts = reranker.same_questions(cached, new)
    support = np.array([REFUSED if one.support is None else one.support for one in verdicts])
    kinds = Counter(pair["difference"] for pair in pairs if not pair["same"])
    through = Counter(
        pair["difference"]
        for pair, one in zip(pairs, verdicts, strict=True)
        if not pair["same"] and one.verdict == "supports"
    )
    guard = CacheGuard(reranker)
    work = {
        f"{count} compared": lambda count=count: guard.same(new[0], cached[1 : count + 1]) for count in (1, 4)
    }
    results = {
        "model": reranker.fingerprint,
        "pairs": len(pairs),
        "loss": LOSS,
        "shared_words": _measured(shared, same, reworded),
        "cosine": _measured(cosine, same, reworded),
        "same_question": {**_measured(support, same, reworded), "unjudged": int((support == REFUSED).sum())},
        "at": [
            {
                "least_support": least,
                "same_refused": _share(support[same] < least),
                "near_misses_through": _share(support[~same] >= least),
            }
            for least in LEAST_SUPPORT
        ],
        "through_by_difference": {kind: [through[kind], count] for kind, count in sorted(kinds.items())},
        "ms": timed(work, args.rounds, warm=True),
    }
    report("same_question", args, results)


def _shared_words(one: str, other: str) -> float:
    mine, others = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(mine & others) / len(mine | others)


def _measured(scores: Floats, same: NDArray[np.bool_], reworded: NDArray[np.str_]) -> dict[str, float | None]:
    rejected = rejection_at_loss(scores[same], scores[~same], LOSS)
    return {
        "auc": _area(same, scores),
        **{f"auc_{how}": _area(same[reworded == how], scores[reworded == how]) for how in REWORDED},
        "near_misses_through": None if rejected is None else round(1 - rejected, 4),
    }


def _area(same: NDArray[np.bool_], scores: Floats) -> float | None:
    area = auc(same, scores)
    return None if area is None else round(area, 4)


def _share(which: NDArray[np.bool_]) -> float:
    return round(float(which.mean()), 4)


if __name__ == "__main__":
    main()
