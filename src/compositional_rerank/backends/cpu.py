"""What this processor is fast at, and private names of torch: each looked up once, with a public fallback.

torch.compile emits the two oneDNN operators for linear layers. They are float32 on any processor, and twice
as fast as `torch.matmul` on an AMD processor with AVX-512, where that goes through MKL. The public switch for
that speed, `torch.backends.mkldnn.matmul.fp32_precision`, would allow bfloat16 to all threads of the process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

_LINEAR: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
_PACK: Any = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
_INT8_PRODUCT: Any = getattr(torch, "_int_mm", None)
LANES = 16  # float32 numbers of the widest vector register
_LARGE, _SMALL = 1024, 64  # rows of a product come in multiples of the first, then of the second

if hasattr(os, "register_at_fork"):
    # A forked process has none of OpenMP's threads and would wait for them for ever.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def has_packed_linear() -> bool:
    """Whether linear layers can run with weights in oneDNN's own layout."""
    return _LINEAR is not None and _PACK is not None


def pack_weight(weight: torch.Tensor) -> torch.Tensor:
    """A weight ``[out, in]`` in oneDNN's layout; needs `has_packed_linear`."""
    packed: torch.Tensor = _PACK(weight)
    return packed


def packed_linear(
    inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, activation: str = "none"
) -> torch.Tensor:
    """A linear layer with a packed weight; the activation is ``"none"`` or ``"gelu"``."""
    rows: torch.Tensor = _LINEAR.default(
        inputs, weight, bias, activation, [], "none" if activation == "gelu" else ""
    )
    return rows


def packed_linear_add(
    inputs: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """A linear layer with a packed weight, plus ``residual``."""
    rows: torch.Tensor = _LINEAR.binary(inputs, residual, weight, bias, "add")
    return rows


def float_product(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """``rows @ columns.T`` of float32 matrices on the CPU, in float32."""
    if _LINEAR is None:
        return rows @ columns.T
    return _in_few_shapes(lambda part: _LINEAR(part, columns, None, "none", [], ""), rows)


def has_int8_product() -> bool:
    """Whether this processor multiplies int8 itself, and this torch lets it."""
    return _INT8_PRODUCT is not None and _supports("avx512_vnni", "_is_vnni_supported")


def int8_product(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """int32 ``rows @ columns`` of int8 matrices; ``columns`` has to be contiguous."""
    return _in_few_shapes(lambda part: _INT8_PRODUCT(part, columns), rows)


def few_row_counts(count: int) -> int:
    """A number of rows rounded up, so that oneDNN meets few different ones."""
    return count + -count % _SMALL


def _in_few_shapes(product: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
    """A product by row, in runs of few different lengths; the numbers are the same bits.

    oneDNN keeps what it compiled for each of the last 1,024 shapes: some 600 MB after a thousand lists of
    candidates of changing lengths.
    """
    whole = len(rows) - len(rows) % _LARGE
    rest = rows[whole:]
    if len(rest) == 0:
        return product(rows)
    filled = torch.cat([rest, rest[:1].expand(few_row_counts(len(rest)) - len(rest), -1)])
    last = product(filled)[: len(rest)]
    return torch.cat([product(rows[:whole]), last]) if whole else last


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; emulated, it would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and _supports("avx512_bf16", "_is_avx512_bf16_supported")


@lru_cache
def _supports(capability: str, private: str) -> bool:
    probe = getattr(torch.cpu, "get_capabilities", None)  # public from torch 2.13 on
    if probe is not None and capability in (found := probe()):
        return bool(found[capability])
    older = getattr(torch.cpu, private, None)
    return False if older is None else bool(older())
