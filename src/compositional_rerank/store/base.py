"""What a token store must do, and the key that it stores under."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from compositional_rerank.encoding.encoded_text import EncodedText


class TokenStore(Protocol):
    """Keeps encoded passages under their key; safe to use from several threads."""

    @property
    def dtype(self) -> str:
        """Precision of the entries, one of `quantise.DTYPES`."""

    def get(self, keys: Sequence[bytes]) -> list[EncodedText | None]:
        """The entries of the keys, in their order; None where there is none."""

    def put(self, entries: Mapping[bytes, EncodedText]) -> None:
        """Keep entries; one that is there already is replaced."""


def token_key(fingerprint: str, text: str, dtype: str = "float32") -> bytes:
    """Key of a passage: 32 bytes that change with the model, its settings, the dtype and the text.

    Args:
        fingerprint: `TokenEncoder.fingerprint`, which covers weights, window and prompts.
        text: the passage, lone surrogates included.
        dtype: precision of the store, `TokenStore.dtype`.
    """
    model = f"{fingerprint} {dtype}\0".encode()
    return hashlib.sha256(model + text.encode("utf-8", "surrogatepass")).digest()
