"""EncodedText: the token embeddings of one text, as encoders make and stores keep them."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class EncodedText:
    """Token vectors of one text and where its tokens lie in it.

    Args:
        vectors: float32 or float16 ``[T, d]``, L2-normalised; or int8, to be multiplied by ``scales``.
            Special tokens and prompts are not among them.
        offsets: int32 ``[T, 2]``, character span ``start, stop`` of every token.
        pooled: float32 ``[hidden]``, the L2-normalised mean over every window's tokens, special tokens
            included; zeros for a text without a token.
        segments: int32 ``[S, 4]``, the text's sentences: character span ``start, stop`` and token span
            ``start, stop``; together they hold every token once, and each at least one.
        scales: float32 ``[T]``, what an int8 vector is multiplied by; None for float vectors.
    """

    vectors: torch.Tensor
    offsets: torch.Tensor
    pooled: torch.Tensor
    segments: torch.Tensor
    scales: torch.Tensor | None = None

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, in bytes."""
        arrays = (self.vectors, self.offsets, self.pooled, self.segments, self.scales)
        return sum(array.nbytes for array in arrays if array is not None)
