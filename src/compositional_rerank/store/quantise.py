"""Smaller numbers for token vectors, chosen once per store."""

from __future__ import annotations

import torch

from compositional_rerank.encoder import EncodedText
from compositional_rerank.errors import InputError

LEVELS = {"int8": 127, "int4": 7}
"""Largest whole number of the quantised dtypes; they reach as far below zero."""
DTYPES = ("float32", "float16", *LEVELS)


def check_dtype(dtype: object) -> str:
    """Return a dtype that a store can have, else say which there are."""
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r:.40} is unknown; a store has one of: {', '.join(DTYPES)}")
    return str(dtype)


def quantise(entry: EncodedText, dtype: str) -> EncodedText:
    """An entry with the precision of a store of this dtype, so that it scores as it will from the store.

    What a store of the dtype gave back comes out with the same bits.

    Args:
        entry: token vectors of any dtype; their lengths are about 1, or 0.
        dtype: ``"float32"``; ``"float16"``; ``"int8"`` or ``"int4"``: whole numbers up to 127 or 7
            either way, kept as int8, times one scale per token vector: its largest absolute component over
            127 or 7, with float16 precision. The pooled vector is float32 with the precision of
            the dtype (of int8 for int4).

    Raises:
        InputError: the dtype is unknown.

    Example:
        >>> tokens = torch.tensor([[1.0, -0.5], [0.0, 0.0]])
        >>> nothing = torch.zeros(0, 4, dtype=torch.int32)
        >>> small = quantise(EncodedText(tokens, nothing, tokens[0], nothing), "int4")
        >>> small.vectors
        tensor([[ 7, -4],
                [ 0,  0]], dtype=torch.int8)
    """
    check_dtype(dtype)
    vectors, scales, pooled = entry.vectors.float(), None, entry.pooled
    if entry.scales is not None:
        vectors = vectors * entry.scales.unsqueeze(1)
    if dtype == "float16":
        vectors, pooled = vectors.half(), pooled.half().float()
    elif dtype in LEVELS:
        vectors, scales = whole(vectors, LEVELS[dtype])
        numbers, scale = whole(pooled.unsqueeze(0), LEVELS["int8"])
        pooled = numbers[0].float() * scale
    return EncodedText(vectors, entry.offsets, pooled, entry.segments, scales)


def whole(vectors: torch.Tensor, levels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 ``[n, d]`` in ``[-levels, levels]``, and float32 ``[n]`` scales that float16 holds exactly."""
    if vectors.numel() == 0:
        return vectors.to(torch.int8), vectors.new_zeros(len(vectors))
    scales = (vectors.abs().amax(dim=1) / levels).half().float()
    steps = torch.where(scales > 0, scales, 1.0)
    numbers = (vectors / steps.unsqueeze(1)).round().clamp(-levels, levels)
    return numbers.to(torch.int8), scales
