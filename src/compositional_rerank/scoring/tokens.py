"""PackedTokens: many texts' token vectors end to end, without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from compositional_rerank.errors import InputError

RUN_TOKENS = 16384
"""About how many tokens are scored at a time: few enough that a run and its product fit the L3 cache."""


@dataclass(frozen=True, eq=False)
class PackedTokens:
    """Token vectors of ``n`` texts packed end to end.

    Text ``i`` owns the rows ``offsets[i]:offsets[i + 1]``; a text without tokens owns none.

    Args:
        vectors: floating tensor ``[sum T, d]``, one L2-normalised vector per token; or int8, to be multiplied
            by ``scales``.
        offsets: int64 tensor ``[n + 1]`` on the CPU, starting at 0, never falling, ending at ``sum T``.
        scales: float32 ``[sum T]`` with int8 vectors, what each vector is multiplied by; None with others.

    Raises:
        InputError: a shape, a dtype or the order of the offsets is wrong, or int8 vectors have no scales.

    Example:
        >>> packed = PackedTokens.from_list([torch.eye(2, 3), torch.zeros(0, 3), torch.eye(1, 3)])
        >>> len(packed), packed.dimension, packed.lengths.tolist()
        (3, 3, [2, 0, 1])
        >>> packed[2]
        tensor([[1., 0., 0.]])
    """

    vectors: torch.Tensor
    offsets: torch.Tensor
    scales: torch.Tensor | None = None

    def __post_init__(self) -> None:
        whole = self.vectors.dtype == torch.int8
        if self.vectors.dim() != 2 or not (whole or self.vectors.is_floating_point()):
            raise InputError(
                f"vectors must be a floating or int8 tensor [sum T, d], got {self.vectors.dtype} of shape "
                f"{tuple(self.vectors.shape)}"
            )
        if whole != (self.scales is not None):
            raise InputError(
                f"vectors of {self.vectors.dtype} come {'with' if whole else 'without'} scales: int8 vectors "
                "need one scale per token, others have none"
            )
        if self.scales is not None and self.scales.shape != self.vectors.shape[:1]:
            raise InputError(
                f"scales must be [{len(self.vectors)}], one per vector, got shape {tuple(self.scales.shape)}"
            )
        offsets = self.offsets
        if offsets.dim() != 1 or offsets.dtype != torch.int64 or len(offsets) == 0:
            raise InputError(
                f"offsets must be int64 [n + 1], got {offsets.dtype} of shape {tuple(offsets.shape)}"
            )
        in_order = bool((offsets[1:] >= offsets[:-1]).all())
        if int(offsets[0]) != 0 or int(offsets[-1]) != len(self.vectors) or not in_order:
            raise InputError(
                f"offsets must rise from 0 to {len(self.vectors)} (the number of vectors), "
                f"got {offsets[:3].tolist()} ... {offsets[-3:].tolist()}"
            )

    @classmethod
    def from_list(
        cls, arrays: Sequence[torch.Tensor], scales: Sequence[torch.Tensor | None] = ()
    ) -> PackedTokens:
        """Pack one ``[T_i, d]`` tensor per text; the list must not be empty (it tells ``d``).

        Args:
            arrays: vectors of one dtype.
            scales: with int8 vectors, one float32 ``[T_i]`` per text.
        """
        if not arrays:
            raise InputError(
                "cannot pack an empty list: it does not tell the dimension; pass one tensor per text"
            )
        lengths = torch.tensor([0, *(len(array) for array in arrays)], dtype=torch.int64)
        given = [scale for scale in scales if scale is not None]
        return cls(torch.cat(list(arrays)), lengths.cumsum(0), torch.cat(given) if given else None)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> torch.Tensor:
        """The ``[T, d]`` token vectors of text ``index``, a view; int8 ones are not yet scaled."""
        if not 0 <= index < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        return self.vectors[int(self.offsets[index]) : int(self.offsets[index + 1])]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[index] for index in range(len(self)))

    def split(self) -> Iterator[PackedTokens]:
        """The texts in runs of about `RUN_TOKENS` tokens, as views."""
        if len(self.vectors) <= RUN_TOKENS:
            yield self
            return
        for first, last in run_bounds(self.lengths.tolist()):
            start, stop = int(self.offsets[first]), int(self.offsets[last])
            yield PackedTokens(
                self.vectors[start:stop],
                self.offsets[first : last + 1] - start,
                None if self.scales is None else self.scales[start:stop],
            )

    @property
    def dimension(self) -> int:
        """``d``, the number of components of each token vector."""
        return self.vectors.shape[1]

    @property
    def lengths(self) -> torch.Tensor:
        """int64 ``[n]``: how many tokens each text has."""
        return self.offsets[1:] - self.offsets[:-1]


def run_bounds(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cut texts into runs that end with the first text that fills `RUN_TOKENS`.

    Example:
        >>> list(run_bounds([16000, 16000, 0, 1]))
        [(0, 2), (2, 4)]
    """
    first = tokens = 0
    for index, length in enumerate(lengths):
        tokens += length
        if tokens >= RUN_TOKENS or index == len(lengths) - 1:
            yield first, index + 1
            first, tokens = index + 1, 0
