"""Encoding passages and queries: every backend beside torch in float32, and how far its vectors are off.

python benchmarks/encode.py            # writes benchmarks/results/encode.json
python benchmarks/encode.py --short
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import torch
from common import Texts, arguments, report, timed

from compositional_rerank.backends.openvino import precision
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.errors import MissingDependencyError


def main() -> None:
    """Time 64 passages of 128 tokens and one query in each backend."""
    args = arguments("encode", __doc__)
    reference = TokenEncoder(resolve(DEFAULT_BASE), "cpu")
    texts = Texts()
    passages = [texts.passage(128) for _ in range(16 if args.short else 64)]
    query = texts.candidates(0, 3, 32)[0]
    encoders = {"torch float32": reference}
    try:
        encoders[f"openvino {precision()}"] = TokenEncoder(resolve(DEFAULT_BASE), "cpu", "openvino")
    except MissingDependencyError as error:
        print(error, file=sys.stderr)
    expected = torch.cat([entry.vectors for entry in reference.encode(passages, task="document")])
    results: dict[str, Any] = {"passages": len(passages), "tokens_per_passage": 128}
    work = {}
    for name, encoder in encoders.items():
        work[f"{name}: passages"] = partial(encoder.encode, passages, task="document")
        work[f"{name}: query"] = partial(encoder.encode, [query], task="query")
    times = timed(work, args.rounds)
    for name, encoder in encoders.items():
        found = torch.cat([entry.vectors for entry in encoder.encode(passages, task="document")])
        cosines = torch.nn.functional.cosine_similarity(found, expected)
        results[name] = {
            "query": times[f"{name}: query"],
            "one_passage_cpu": round(times[f"{name}: passages"]["cpu"] / len(passages), 2),
            "passages_per_second": round(1000 * len(passages) / times[f"{name}: passages"]["p50"], 1),
            "times_faster_than_torch_float32": round(
                times["torch float32: passages"]["cpu"] / times[f"{name}: passages"]["cpu"], 2
            ),
            "cosine_mean": round(float(cosines.mean()), 6),
            "cosine_min": round(float(cosines.min()), 6),
        }
    report("encode", args, results)


if __name__ == "__main__":
    main()
