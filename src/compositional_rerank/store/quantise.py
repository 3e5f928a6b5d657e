"""Smaller numbers for token vectors, chosen once per store."""

from __future__ import annotations

import torch

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError
from compositional_rerank.store.bits import NUMBERS

FLOATS = ("float32", "float16")
DTYPES = (*FLOATS, "int8", "int4", "int3")
_LEVELS = {"int8": 127, "int4": 7}  # largest whole number; they reach as far below zero
_EIGHT = torch.tensor(NUMBERS["int3"], dtype=torch.int8)
_SPREAD = 59  # of the normal distribution that the eight numbers suit best
_BOUNDS = (_EIGHT[1:].float() + _EIGHT[:-1].float()) / 2 / _SPREAD


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
            127 or 7, with float16 precision; ``"int3"``: the eight numbers ±14, ±45, ±79 and ±127, which are
            59 times those that suit a normal distribution of spread 1 best, nearest to the component over the
            vector's root mean square, times a scale that keeps the product with the vector itself (one that
            keeps the length makes every product 2 % smaller). The pooled vector is float32 with the precision
            of the dtype (of int8 for the smaller ones).

    Raises:
        InputError: the dtype is unknown.

    Source of the eight numbers: Max, "Quantizing for minimum distortion" (IRE Transactions on Information
    Theory, 1960). The shipped projection turns token vectors at random, so that their components are nearly
    normal, all with the same spread.

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
    elif dtype not in FLOATS:
        if dtype != "int3":
            vectors, scales = whole(vectors, dtype)
        elif entry.scales is None or not bool(torch.isin(entry.vectors, _EIGHT).all()):
            vectors, scales = _eight(vectors)
        else:  # it is from such a store
            vectors, scales = entry.vectors, entry.scales
        numbers, scale = whole(pooled.unsqueeze(0), "int8")
        pooled = numbers[0].float() * scale
    return EncodedText(vectors, entry.offsets, pooled, entry.segments, scales)


def whole(vectors: torch.Tensor, dtype: str) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 ``[n, d]`` for ``"int8"`` or ``"int4"``, and float32 ``[n]`` scales that float16 holds exactly."""
    if vectors.numel() == 0:
        return vectors.to(torch.int8), vectors.new_zeros(len(vectors))
    levels = _LEVELS[dtype]
    scales = (vectors.abs().amax(dim=1) / levels).half().float()
    steps = torch.where(scales > 0, scales, 1.0)
    numbers = (vectors / steps.unsqueeze(1)).round().clamp(-levels, levels)
    return numbers.to(torch.int8), scales


def _eight(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same for ``"int3"``."""
    lengths = vectors.norm(dim=1)
    spread = torch.where(lengths > 0, lengths, 1.0) / vectors.shape[1] ** 0.5
    numbers = _EIGHT[torch.bucketize(vectors / spread.unsqueeze(1), _BOUNDS)]
    products = (vectors * numbers).sum(dim=1)
    return numbers, (lengths.square() / torch.where(products > 0, products, 1.0)).half().float()
