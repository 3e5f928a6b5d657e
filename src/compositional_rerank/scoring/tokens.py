"""PackedTokens: many texts' token vectors end to end, without padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from compositional_rerank.errors import InputError


@dataclass(frozen=True, eq=False)
class PackedTokens:
    """Token vectors of ``n`` texts packed end to end.

    Text ``i`` owns the rows ``offsets[i]:offsets[i + 1]``; a text without tokens owns none.

    Args:
        vectors: floating tensor ``[sum T, d]``, one L2-normalised vector per token.
        offsets: int64 tensor ``[n + 1]`` on the CPU, starting at 0, never falling, ending at ``sum T``.

    Raises:
        InputError: a shape, a dtype or the order of the offsets is wrong.

    Example:
        >>> packed = PackedTokens.from_list([torch.eye(2, 3), torch.zeros(0, 3), torch.eye(1, 3)])
        >>> len(packed), packed.dimension, packed.lengths.tolist()
        (3, 3, [2, 0, 1])
        >>> packed[2]
        tensor([[1., 0., 0.]])
    """

    vectors: torch.Tensor
    offsets: torch.Tensor

    def __post_init__(self) -> None:
        if self.vectors.dim() != 2 or not self.vectors.is_floating_point():
            raise InputError(
                f"vectors must be a floating tensor [sum T, d], got {self.vectors.dtype} of shape "
                f"{tuple(self.vectors.shape)}"
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
    def from_list(cls, arrays: Sequence[torch.Tensor]) -> PackedTokens:
        """Pack one ``[T_i, d]`` tensor per text; the list must not be empty (it tells ``d``)."""
        if not arrays:
            raise InputError(
                "cannot pack an empty list: it does not tell the dimension; pass one tensor per text"
            )
        lengths = torch.tensor([0, *(len(array) for array in arrays)], dtype=torch.int64)
        return cls(torch.cat(list(arrays)), lengths.cumsum(0))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> torch.Tensor:
        """The ``[T, d]`` token vectors of text ``index``, a view."""
        if not 0 <= index < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        return self.vectors[int(self.offsets[index]) : int(self.offsets[index + 1])]

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[index] for index in range(len(self)))

    @property
    def dimension(self) -> int:
        """``d``, the number of components of each token vector."""
        return self.vectors.shape[1]

    @property
    def lengths(self) -> torch.Tensor:
        """int64 ``[n]``: how many tokens each text has."""
        return self.offsets[1:] - self.offsets[:-1]
