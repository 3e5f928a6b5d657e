"""What a token store must do, and the key that it stores under."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from compositional_rerank.encoder import EncodedText


class TokenStore(Protocol):
    """Keeps encoded passages under their key; safe to use from several threads."""

    def get(self, keys: Sequence[bytes]) -> list[EncodedText | None]:
        """The entries of the keys, in their order; None where there is none."""

    def put(self, entries: Mapping[bytes, EncodedText]) -> None:
        """Keep entries; one that is there already is replaced."""


def token_key(fingerprint: str, text: str) -> bytes:
    """Key of a passage: 32 bytes that change with the model, its settings and the text.

    Args:
        fingerprint: `TokenEncoder.fingerprint`, which covers weights, window, prompts and dtype.
        text: the passage, lone surrogates included.
    """
    return hashlib.sha256(fingerprint.encode() + b"\0" + text.encode("utf-8", "surrogatepass")).digest()
