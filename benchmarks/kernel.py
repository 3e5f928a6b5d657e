"""MaxSim of one query with 100 passages, beside one matrix product at the processor's peak and the library.

    python benchmarks/kernel.py            # writes benchmarks/results/kernel.json
    python benchmarks/kernel.py --short

32 query tokens, passages of 128 tokens ("uniform") or of 20 to 236 ("ragged"), random unit vectors, packed
beforehand. The peak is what a 1024 x 1024 x 1024 float32 product reaches in the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from common import arguments, report, timed
from sentence_transformers.util import maxsim as library_maxsim

from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.scoring import PackedTokens, match, maxsim

QUERY, PASSAGES, LENGTH, SIDE = 32, 100, 128, 1024
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def main() -> None:
    """Time the kernel and its peers with whole token vectors and with projected ones, as shipped."""
    args = arguments("kernel", __doc__)
    torch.manual_seed(0)
    rounds = 3 * args.rounds
    found = locate(None)
    shipped = TokenEncoder(found.base, "cpu", projection=found.projection)
    dimensions = (shipped.pooled_dimension, shipped.dimension)
    results = {f"d={dimension}": _one(dimension, rounds) for dimension in dimensions}
    report("kernel", args, {"rounds": rounds, **results})


def _one(dimension: int, rounds: int) -> dict[str, Any]:
    query = _unit(QUERY, dimension)
    ragged = np.random.default_rng(0).integers(20, 237, PASSAGES).tolist()
    work: dict[str, Callable[[], object]] = {}
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    work["peak: torch"] = partial(torch.matmul, left, right)
    linear = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    if linear is not None:
        work["peak: oneDNN"] = partial(linear, left, right, None, "none", [], "")
    for shape, lengths in (("uniform", [LENGTH] * PASSAGES), ("ragged", ragged)):
        arrays = [_unit(length, dimension) for length in lengths]
        numbers, scales = zip(*map(_whole, arrays), strict=True)
        packed = {
            name: PackedTokens.from_list([array.to(dtype) for array in arrays])
            for name, dtype in DTYPES.items()
        }
        packed["int8"] = PackedTokens.from_list(numbers, scales)
        segments = torch.tensor([part for length in lengths for part in _sentences(length)])
        work[f"{shape}: sentence_transformers.util.maxsim, list"] = partial(library_maxsim, [query], arrays)
        for name, passages in packed.items():
            work[f"{shape}: {name}"] = partial(maxsim, query, passages)
        one, batch = PackedTokens.from_list([query]), PackedTokens.from_list([_unit(QUERY, dimension)] * 8)
        work[f"{shape}: int8, with closeness of sentences"] = partial(match, one, packed["int8"], segments)
        work[f"{shape}: float32, 8 queries"] = partial(maxsim, batch, packed["float32"])
    times = timed(work, rounds, warm=True)
    operations = 2 * QUERY * PASSAGES * LENGTH * dimension
    peak = max(2 * SIDE**3 / times[name]["cpu"] / 1e6 for name in times if name.startswith("peak"))
    limit = operations / peak / 1e6
    ours = times["uniform: float32"]["cpu"]
    return {
        "times": times,
        "peak_gflops": round(peak, 1),
        "one_product_at_the_peak_ms": round(limit, 3),
        "float32_over_one_product": round(ours / limit, 2),
        **{
            f"int8_times_faster_than_the_library, {shape}": round(
                times[f"{shape}: sentence_transformers.util.maxsim, list"]["cpu"]
                / times[f"{shape}: int8"]["cpu"],
                1,
            )
            for shape in ("uniform", "ragged")
        },
    }


def _unit(tokens: int, dimension: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(tokens, dimension), dim=1)


def _whole(array: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    scales = array.abs().amax(dim=1) / 127
    return (array / scales[:, None]).round().to(torch.int8), scales


def _sentences(tokens: int) -> list[int]:
    """Lengths of a passage's sentences of about 20 tokens."""
    return [20] * (tokens // 20 - 1) + [tokens - 20 * (tokens // 20 - 1)]


if __name__ == "__main__":
    main()
