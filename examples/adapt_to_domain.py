"""Adapt the verifier to the passages of a domain, and see what that does to near-misses of other passages.

Run it from anywhere: ``python examples/adapt_to_domain.py``. With the default number of pairs it takes a few
minutes on a CPU. ``--passages`` takes your own, as ``compositional-rerank train verifier --corpus`` does.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.training.corpus import corpus_pairs, read_passages
from compositional_rerank.training.near_misses import pairs_from_corpus
from compositional_rerank.training.settings import TrainingSettings
from compositional_rerank.training.verifier import train_verifier

PASSAGES = Path(__file__).parent / "corpus" / "passages.jsonl"


def main() -> None:
    """Train on four fifths of the passages, measure on the last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=Path, default=PASSAGES, metavar="PATH", help="file or folder")
    parser.add_argument("--rows", type=int, default=2000, help="training pairs (2000)")
    parser.add_argument("--from", dest="start", help="checkpoint or base model (the shipped checkpoint)")
    parser.add_argument("--out", type=Path, help="keep the checkpoint in this folder")
    arguments = parser.parse_args()

    passages = read_passages(arguments.passages)
    random.Random(0).shuffle(passages)
    held_out = passages[: max(1, len(passages) // 5)]
    sentences = [text[start:stop] for text in held_out for start, stop in sentence_spans(text)]
    test = list(pairs_from_corpus(sentences, 200, seed=99))

    with tempfile.TemporaryDirectory() as folder:
        out = arguments.out or Path(folder) / "checkpoint"
        start = locate(arguments.start)
        pairs = corpus_pairs(passages[len(held_out) :], arguments.rows, seed=1)
        train_verifier(pairs, start, out, settings=TrainingSettings(seed=1))
        print(f"\n{len(pairs)} training pairs; {len(test)} test pairs from {len(held_out)} other passages\n")
        print(f"{'':10}{'near-misses rejected':>24}{'rewrites kept':>18}")
        models = {"before": arguments.start, "after": str(out)}
        for name, model in models.items():
            reranker = CompositionalReranker.from_pretrained(model)
            scores = reranker.score_pairs([pair.text1 for pair in test], [pair.text2 for pair in test])
            if scores.mismatch is None or reranker.threshold is None:
                print(f"{name:10}{'no verifier':>24}")
                continue
            rejected = scores.mismatch >= reranker.threshold
            near = [bool(answer) for answer, pair in zip(rejected, test, strict=True) if not pair.same]
            same = [not answer for answer, pair in zip(rejected, test, strict=True) if pair.same]
            print(f"{name:10}{sum(near) / len(near):>24.1%}{sum(same) / len(same):>18.1%}")


if __name__ == "__main__":
    main()
