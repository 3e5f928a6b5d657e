"""Bytes of one stored passage: what it is packed into, and how a batch of them is read back at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray

from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import InputError
from compositional_rerank.store.bits import NUMBERS, pack, row_bytes, unpack
from compositional_rerank.store.quantise import FLOATS, quantise, whole

# A token's character span is one byte: gap to the token before it, times _LENGTHS, plus its own length.
_LENGTHS, _GAPS = 85, 3
_ESCAPE = _LENGTHS * _GAPS  # the span did not fit: it is among the int64 at the passage's end


@dataclass(frozen=True)
class Layout:
    """How a store of one dtype and dimension writes a passage: four parts, one after the other.

    Token vectors ``[T, d]``; per token its scale and its character span; the head, which is the pooled vector
    and the number of segments; the segments and the character spans that did not fit into a byte.

    Args:
        dtype: one of `quantise.DTYPES`.
        dimension: ``d`` of the token vectors.
        pooled: number of components of the pooled vector.
    """

    dtype: str
    dimension: int
    pooled: int

    @cached_property
    def row(self) -> int:
        """Bytes of one token vector."""
        if self.dtype in NUMBERS:
            return row_bytes(self.dimension, self.dtype)
        return self.dimension * {"float32": 4, "float16": 2, "int8": 1}[self.dtype]

    @cached_property
    def token(self) -> np.dtype[Any]:
        """Record of one token."""
        return np.dtype([("span", "u1")] if self.dtype in FLOATS else [("scale", "<f2"), ("span", "u1")])

    @cached_property
    def head(self) -> np.dtype[Any]:
        """Record of one passage."""
        number = {"float32": "<f4", "float16": "<f2"}.get(self.dtype, "i1")
        scale = [] if self.dtype in FLOATS else [("scale", "<f2")]
        return np.dtype([("pooled", number, (self.pooled,)), *scale, ("segments", "<u4")])

    @cached_property
    def _seed(self) -> int:
        return xxhash.xxh3_64_intdigest(repr(self).encode())

    def checksum(self, salt: int, content: bytes | memoryview) -> int:
        """Of a passage's bytes, this layout and a salt, a uint64 from the passage's key.

        Bytes of another passage do not match it, nor do bytes that were written with another layout.
        """
        return xxhash.xxh3_64_intdigest(content, salt ^ self._seed)

    def least_bytes(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Bytes of passages with so many tokens each, without the last part."""
        return tokens * (self.row + self.token.itemsize) + self.head.itemsize

    def pack(self, entry: EncodedText) -> bytes:
        """Bytes of an entry, whose precision is brought down to the dtype.

        Raises:
            InputError: its vectors have another dimension.
        """
        if (entry.vectors.shape[1], len(entry.pooled)) != (self.dimension, self.pooled):
            raise InputError(
                f"all entries must have vectors of {self.dimension} components (pooled: {self.pooled}), got "
                f"{entry.vectors.shape[1]} (pooled: {len(entry.pooled)}): keep each model's by themselves"
            )
        entry = quantise(entry, self.dtype)
        tokens = np.zeros(len(entry.vectors), self.token)
        tokens["span"], escaped = _pack_spans(entry.offsets.numpy().astype(np.int64))
        head = np.zeros(1, self.head)
        head["segments"] = len(entry.segments)
        if entry.scales is None:
            head["pooled"] = entry.pooled.numpy()
        else:
            tokens["scale"] = entry.scales.numpy()
            numbers, scale = whole(entry.pooled.unsqueeze(0), "int8")
            head["pooled"], head["scale"] = numbers.numpy(), scale.numpy()
        vectors = entry.vectors.numpy()
        if self.dtype in NUMBERS:
            vectors = pack(vectors, self.dtype)
        segments = entry.segments.numpy().astype("<i4")
        parts = (np.ascontiguousarray(vectors), tokens, head, segments, escaped.astype("<i8"))
        return b"".join(part.tobytes() for part in parts)


class Batch:
    """Room for ``n`` stored passages, and their decoding.

    Args:
        layout: how they were written.
        tokens: int64 ``[n]``, number of tokens of each; ``n`` is at least 1.
        sizes: int64 ``[n]``, bytes of each, at least `Layout.least_bytes`.
    """

    def __init__(self, layout: Layout, tokens: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        self.layout = layout
        self.tokens = tokens
        self._sizes = sizes
        # rounded up, so that token vectors of any dtype start at a multiple of their numbers' size
        room = (sizes + 7) & ~7
        ends = np.cumsum(room)
        self._starts = (ends - room).tolist()
        self._buffer = np.empty(ends[-1], np.uint8)
        view = self._buffer.data
        stops = (ends - room + sizes).tolist()
        self.views = [view[start:stop] for start, stop in zip(self._starts, stops, strict=True)]
        """For each passage the buffer that its bytes go into."""

    def entries(self) -> list[EncodedText]:
        """The passages, once `views` are filled. Their token vectors are views of what was read."""
        return [StoredText(self, place) for place in range(len(self.tokens))]

    def sound(self) -> list[bool]:
        """Whether each passage is one that an encoder can have made; `views` are filled.

        A checksum tells damage; this tells what somebody wrote who knows how to make a checksum. Where the
        parts of one passage do not add up, the other checks are left for a batch without it.
        """
        owners = np.repeat(np.arange(len(self.tokens)), self.tokens)
        escaped = np.bincount(owners[self._tokens["span"] == _ESCAPE], minlength=len(self.tokens))
        segments = 16 * self._heads["segments"].astype(np.int64)
        good = self._sizes - self.layout.least_bytes(self.tokens) == segments + 8 * escaped
        if not good.all():
            return list(good.tolist())
        good &= np.isfinite(self._heads["pooled"]).all(axis=1)
        if self.layout.dtype in FLOATS:
            # of what is no number, nor is the sum
            sums = torch.stack([vectors.sum(dtype=torch.float32) for vectors in self.vectors])
            good &= torch.isfinite(sums).numpy()
        else:
            good &= np.isfinite(self._heads["scale"])
            good[owners[~np.isfinite(self._tokens["scale"])]] = False
        return list((good & self._has_partitions()).tolist())

    def _has_partitions(self) -> NDArray[np.bool_]:
        """Whether each passage's segments hold all its tokens once, each at least one."""
        counts = self._heads["segments"].astype(np.int64)
        rows = self._rest[0].view("<i4").astype(np.int64).reshape(-1, 4)
        owners = np.repeat(np.arange(len(counts)), counts)
        begins, ends = rows[:, 2], rows[:, 3]
        ok = (begins < ends) & (rows[:, 0] >= 0) & (rows[:, 0] <= rows[:, 1])
        first, last = np.ones(len(rows), np.bool_), np.ones(len(rows), np.bool_)
        first[1:] = last[:-1] = owners[1:] != owners[:-1]
        ok &= begins == np.where(first, 0, np.roll(ends, 1))
        ok &= ~last | (ends == self.tokens[owners])
        good: NDArray[np.bool_] = (counts > 0) | (self.tokens == 0)
        good[owners[~ok]] = False
        return good

    def _part(self, number: int) -> NDArray[np.uint8]:
        """One of the four parts of all passages, end to end."""
        tokens, layout = self.tokens, self.layout
        after_tokens = tokens * (layout.row + layout.token.itemsize)
        cuts = (0 * tokens, tokens * layout.row, after_tokens, layout.least_bytes(tokens), self._sizes)
        ranges = zip(self.views, cuts[number].tolist(), cuts[number + 1].tolist(), strict=True)
        return np.frombuffer(b"".join([view[start:stop] for view, start, stop in ranges]), np.uint8)

    @cached_property
    def vectors(self) -> Sequence[torch.Tensor]:
        """Token vectors of every passage."""
        layout = self.layout
        if layout.dtype in NUMBERS:
            return self._by_token(unpack(self._part(0), layout.dimension, layout.dtype))
        number = np.dtype({"float32": "<f4", "float16": "<f2", "int8": "i1"}[layout.dtype])
        every, width = torch.from_numpy(self._buffer.view(number)), layout.dimension
        return [
            every.as_strided((tokens, width), (width, 1), start // number.itemsize)
            for tokens, start in zip(self.tokens.tolist(), self._starts, strict=True)
        ]

    @cached_property
    def scales(self) -> Sequence[torch.Tensor | None]:
        """Scales of every passage's token vectors; None for float ones."""
        if self.layout.dtype in FLOATS:
            return [None] * len(self.tokens)
        return self._by_token(self._tokens["scale"].astype(np.float32))

    @cached_property
    def pooled(self) -> Sequence[torch.Tensor]:
        """Every passage's pooled vector."""
        pooled = self._heads["pooled"].astype(np.float32)
        if self.layout.dtype not in FLOATS:
            pooled *= self._heads["scale"].astype(np.float32)[:, None]
        return torch.from_numpy(pooled).unbind()

    @cached_property
    def segments(self) -> Sequence[torch.Tensor]:
        """Every passage's segments."""
        segments, _ = self._rest
        counts = self._heads["segments"].tolist()
        return torch.from_numpy(segments.view("<i4").astype(np.int32).reshape(-1, 4)).split_with_sizes(counts)

    @cached_property
    def offsets(self) -> Sequence[torch.Tensor]:
        """Character spans of every passage's tokens."""
        _, escaped = self._rest
        return self._by_token(_unpack_spans(self._tokens["span"], escaped.view("<i8"), self.tokens))

    @cached_property
    def _tokens(self) -> NDArray[Any]:
        return self._part(1).view(self.layout.token)

    @cached_property
    def _heads(self) -> NDArray[Any]:
        return self._part(2).view(self.layout.head)

    @cached_property
    def _rest(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Bytes of the segments, and of the spans that did not fit into a byte."""
        segments = 16 * self._heads["segments"].astype(np.int64)
        spans = self._sizes - self.layout.least_bytes(self.tokens) - segments
        pieces = np.stack([segments, spans], axis=1).ravel()
        is_segment = np.repeat(np.arange(len(pieces)) % 2 == 0, pieces)
        rest = self._part(3)
        return rest[is_segment], rest[~is_segment]

    def _by_token(self, values: NDArray[Any]) -> Sequence[torch.Tensor]:
        return torch.from_numpy(values).split_with_sizes(self.tokens.tolist())


class StoredText(EncodedText):
    """One passage of a batch. What nobody asks for is not decoded; what is asked of one is, for all."""

    _batch: Batch
    _place: int

    def __init__(self, batch: Batch, place: int) -> None:
        own = self.__dict__  # past the frozen fields
        own["_batch"], own["_place"] = batch, place

    @property
    def vectors(self) -> torch.Tensor:
        return self._batch.vectors[self._place]

    @property
    def offsets(self) -> torch.Tensor:
        return self._batch.offsets[self._place]

    @property
    def pooled(self) -> torch.Tensor:
        return self._batch.pooled[self._place]

    @property
    def segments(self) -> torch.Tensor:
        return self._batch.segments[self._place]

    @property
    def scales(self) -> torch.Tensor | None:
        return self._batch.scales[self._place]


def _pack_spans(spans: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Spans ``[n, 2]`` as one byte each, and as int64 those that do not fit into one."""
    lengths = spans[:, 1] - spans[:, 0]
    gaps = spans[:, 0] - np.concatenate([[0], spans[:-1, 1]])
    fits = (gaps >= 0) & (gaps < _GAPS) & (lengths >= 0) & (lengths < _LENGTHS)
    codes = np.where(fits, gaps * _LENGTHS + lengths, _ESCAPE).astype(np.uint8)
    return codes, (gaps << 32 | lengths & 0xFFFFFFFF)[~fits]


def _unpack_spans(
    codes: NDArray[np.uint8], escaped: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Spans int32 ``[sum n, 2]`` of texts that have ``counts`` of them each."""
    gaps, lengths = np.divmod(codes.astype(np.int32), _LENGTHS)
    if len(escaped):
        where = codes == _ESCAPE
        gaps[where], lengths[where] = escaped >> 32, escaped & 0xFFFFFFFF
    moved = np.concatenate([[0], np.cumsum(gaps + lengths, dtype=np.int64)])
    first = np.cumsum(counts) - counts
    stops = (moved[1:] - np.repeat(moved[first], counts)).astype(np.int32)
    return np.stack([stops - lengths, stops], axis=1)
