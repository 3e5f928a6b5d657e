"""Token embeddings of passages: from the store where it has them, else encoded and kept."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from compositional_rerank.encoding.base import Encoder
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import StoreError
from compositional_rerank.store import TokenStore, quantise, token_key


def stored_or_encoded(
    encoder: Encoder,
    store: TokenStore,
    passages: Sequence[str],
    show_progress: bool = False,
    *,
    must_keep: bool = False,
) -> list[EncodedText]:
    """Token embeddings of passages; new ones are encoded and kept.

    Raises:
        StoreError: the store could not keep the new ones, and they ``must_keep``; else that is a warning.
    """
    dtype = store.dtype
    keys = [token_key(encoder.fingerprint, text, dtype) for text in passages]
    found = dict(zip(keys, _kept(store, keys), strict=True))
    missing = {key: text for key, text in zip(keys, passages, strict=True) if found[key] is None}
    if missing:
        made = encoder.encode(list(missing.values()), task="document", show_progress=show_progress)
        # with the store's precision already now, so that a passage scores the same at every query
        new = {key: quantise(entry, dtype) for key, entry in zip(missing, made, strict=True)}
        try:
            store.put(new)
        except StoreError as error:
            if must_keep:
                raise
            warnings.warn(f"new passages are scored and not kept: {error}", RuntimeWarning, stacklevel=4)
        found.update(new)
    return [entry for key in keys if (entry := found[key]) is not None]


def _kept(store: TokenStore, keys: Sequence[bytes]) -> list[EncodedText | None]:
    """What the store has; a store that cannot be read, as a deleted one, has nothing."""
    try:
        return store.get(keys)
    except StoreError as error:
        warnings.warn(f"passages are encoded at every query: {error}", RuntimeWarning, stacklevel=5)
        return [None] * len(keys)
