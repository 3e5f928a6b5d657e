"""Passages' token embeddings: from the store, or encoded, once for all who ask, and kept there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

from compositional_rerank.concurrency.deadline import step
from compositional_rerank.concurrency.once import Entries, Once
from compositional_rerank.encoding.base import Encoder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import StoreError
from compositional_rerank.store.base import TokenStore, token_key
from compositional_rerank.store.outage import Outage
from compositional_rerank.store.quantise import quantise

OnStoreError = Literal["encode", "raise"]


class Shelf:
    """A store and the encoder that fills it. Safe to share between threads.

    Args:
        encoder: makes token embeddings.
        store: keeps them.
        on_store_error: what a store means that cannot be read or written: ``"encode"`` without it, which
            gives the same scores later, with one warning; or ``"raise"``.
    """

    def __init__(self, encoder: Encoder, store: TokenStore, on_store_error: OnStoreError = "encode") -> None:
        self.encoder = encoder
        self.store = store
        self.on_store_error = on_store_error
        self._reading = Outage("passages are encoded at every query")
        self._writing = Outage("new passages are scored and not kept")
        self._once = Once()

    @property
    def failures(self) -> int:
        """How many reads and writes of the store have failed."""
        return self._reading.failures + self._writing.failures

    def encoded(
        self, passages: Sequence[str], show_progress: bool = False, *, must_keep: bool = False
    ) -> list[EncodedText]:
        """Token embeddings of passages, from the store where it has them; new ones are encoded and kept.

        Raises:
            StoreError: the store failed, and the caller wants to know (`on_store_error`), or ``must_keep``.
        """
        dtype = self.store.dtype
        keys = [token_key(self.encoder.fingerprint, text, dtype) for text in passages]
        texts = dict(zip(keys, passages, strict=True))
        strict = must_keep or self.on_store_error == "raise"

        def encode(missing: dict[bytes, str]) -> Entries:
            encoded = self.encoder.encode(
                list(missing.values()), task="document", show_progress=show_progress
            )
            # with the store's precision already now, so that a passage scores the same at every query
            return {key: quantise(entry, dtype) for key, entry in zip(missing, encoded, strict=True)}

        def look(some: list[bytes]) -> Entries:
            return self._kept(some, strict)

        ended = self._once.ended
        found = look(list(texts))
        missing = {key: text for key, text in texts.items() if key not in found}
        if missing:
            found |= self._once.encoded(
                missing, ended, encode, lambda new: self._keep(new, strict), look, must_keep=must_keep
            )
        return [found[key] for key in keys]

    def _kept(self, keys: list[bytes], strict: bool) -> Entries:
        """What the store has; one that cannot be read, as a deleted one, has nothing."""
        step()
        if not strict and not self._reading.is_time():
            return {}
        try:
            entries = self.store.get(keys)
        except StoreError as error:
            if strict:
                raise
            self._reading.failed(error)
            return {}
        self._reading.answered()
        shape = self.encoder.dimension, self.encoder.pooled_dimension
        found = {key: entry for key, entry in zip(keys, entries, strict=True) if entry is not None}
        fits = {
            key: entry for key, entry in found.items() if (entry.vectors.shape[1], len(entry.pooled)) == shape
        }
        if len(fits) < len(found):
            warnings.warn(
                f"the store has {len(found) - len(fits)} passages with vectors of another shape than the "
                f"model's {shape}, which somebody else must have put there: they are encoded again",
                RuntimeWarning,
                stacklevel=5,
            )
        return fits

    def _keep(self, entries: Entries, strict: bool) -> bool:
        """Put entries into the store; whether it took them."""
        step()
        if not strict and (self._reading.is_on or not self._writing.is_time()):
            return False
        try:
            self.store.put(entries)
        except StoreError as error:
            if strict:
                raise
            self._writing.failed(error)
            return False
        self._writing.answered()
        return True
