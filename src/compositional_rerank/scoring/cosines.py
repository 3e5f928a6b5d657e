"""Cosines of packed tokens with a query's: the one matrix product that all scores come from."""

from __future__ import annotations

import torch

from compositional_rerank.backends.cpu import LANES, float_product, has_int8_product, int8_product
from compositional_rerank.errors import InputError
from compositional_rerank.scoring.tokens import PackedTokens


def check_query(query: torch.Tensor, dimension: int) -> None:
    """Raise `InputError` unless a query is ``[Tq, dimension]`` with at least one token."""
    if query.dim() != 2 or len(query) == 0:
        raise InputError(f"query must be [Tq, d] with at least one token, got shape {tuple(query.shape)}")
    if query.shape[1] != dimension:
        raise InputError(
            f"query vectors have {query.shape[1]} dimensions and passage vectors {dimension}: "
            "encode both with the same model"
        )


def whole_lanes(query: torch.Tensor) -> torch.Tensor:
    """A query with its last token repeated up to a multiple of 16 rows.

    The int8 product and maxima over tokens are two to five times slower with a width that does not fill the
    processor's registers. A maximum over tokens may include the repeated ones; anything else leaves them out.

    Example:
        >>> whole_lanes(torch.ones(18, 2)).shape
        torch.Size([32, 2])
    """
    return torch.cat([query, query[-1:].expand(-len(query) % LANES, -1)])


@torch.no_grad()
def token_cosines(query: torch.Tensor, passages: PackedTokens) -> torch.Tensor:
    """Cosines of every passage token with every query token.

    With int8 passages on a processor that multiplies int8 itself, the query is quantised too, with one scale
    for all of it.

    Args:
        query: ``[Tq, d]`` L2-normalised token vectors of any float dtype, ``Tq >= 1``.
        passages: packed passages of the same dimension.

    Returns:
        float32 ``[sum T, Tq]`` on the passages' device, not clamped to [-1, 1].

    Raises:
        InputError: the query has no token, or the dimensions differ.

    Example:
        >>> passages = PackedTokens.from_list([torch.tensor([[0.6, 0.8]])])
        >>> token_cosines(torch.eye(2), passages)
        tensor([[0.6000, 0.8000]])
    """
    check_query(query, passages.dimension)
    vectors, scales = passages.vectors, passages.scales
    if len(vectors) == 0:
        return torch.zeros(0, len(query), dtype=torch.float32, device=vectors.device)
    query = query.to(vectors.device)
    on_cpu = vectors.device.type == "cpu"
    if scales is not None:
        if on_cpu and has_int8_product():
            step = query.float().abs().amax().clamp_(min=1e-12).div_(127)
            numbers = query.float().div(step).round_().to(torch.int8)
            # a clone, because contiguous() leaves strides of [1, n] that the product reads wrongly
            columns = numbers.T.clone(memory_format=torch.contiguous_format)
            return int8_product(vectors, columns).float().mul_((scales * step).unsqueeze(1))
        return _product(vectors.float(), query).mul_(scales.unsqueeze(1))
    if on_cpu and vectors.dtype == torch.float16:  # torch multiplies float16 on a CPU ten times slower
        vectors = vectors.float()
    return _product(vectors, query).float()


def _product(vectors: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    columns = query.to(vectors.dtype)
    if vectors.device.type == "cpu" and vectors.dtype == torch.float32:
        return float_product(vectors, columns.contiguous())
    return vectors @ columns.T.contiguous()
