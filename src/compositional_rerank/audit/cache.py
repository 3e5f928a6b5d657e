"""Embeddings kept on disk, so that an interrupted audit goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from compositional_rerank._files import cache_folder, make_folder
from compositional_rerank.errors import InputError

Floats32 = NDArray[np.float32]
Role = Literal["query", "document"]

BLOCK = 2048  # texts whose vectors are in memory at once
SHARD = 256  # texts encoded between two writes to disk: what an interruption can lose


class Embedder(Protocol):
    """What the audit needs of an embedding model: vectors, and a fingerprint that changes with them."""

    @property
    def name(self) -> str:
        """What the user calls the model."""

    @property
    def fingerprint(self) -> str:
        """Changes with anything that the vectors depend on."""

    def encode_query(self, queries: Sequence[str]) -> Floats32:
        """L2-normalised vectors of n queries, float32 [n, d]."""

    def encode_document(self, documents: Sequence[str]) -> Floats32:
        """L2-normalised vectors of n documents, float32 [n, d]."""


def default_folder() -> Path:
    """Where embeddings are kept: `$COMPOSITIONAL_RERANK_CACHE/audit`, else the user's cache folder."""
    return cache_folder("audit")


class EmbeddingCache:
    """Vectors on disk, by model fingerprint, role (query or document) and text.

    A shard is one safetensors file with the texts' hashes, their vectors and a checksum. It is written
    under another name and then renamed: readers never see half a shard, and audits may share the folder.
    A shard that is damaged is left out and its texts are encoded again.

    Args:
        folder: where to keep the shards; created where it is missing.

    Raises:
        InputError: the folder cannot be created or written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            make_folder(folder)
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"cache folder {folder}: {reason}; choose another with --cache") from error

    def blocks(
        self, embedder: Embedder, texts: Sequence[str], role: Role, label: str
    ) -> Iterator[tuple[int, Floats32]]:
        """Yield (first index, vectors [b, d]) for `texts` in order; each new text is encoded once.

        Args:
            embedder: the model.
            texts: n texts; read block by block.
            role: which of the model's prompts to use.
            label: what the progress bar says.
        """
        from tqdm import tqdm

        folder = self.folder / hashlib.sha256(f"{embedder.fingerprint}\0{role}".encode()).hexdigest()[:32]
        known = _Shards(folder)
        encode = embedder.encode_query if role == "query" else embedder.encode_document
        with tqdm(total=len(texts), desc=label, unit="text", disable=None) as bar:
            for start in range(0, len(texts), BLOCK):
                block = list(texts[start : start + BLOCK])
                keys = [hashlib.sha256(text.encode()).digest() for text in block]
                found = known.read(keys)
                new = {key: text for key, text in zip(keys, block, strict=True) if key not in found}
                bar.update(len(block) - len(new))
                todo = list(new.items())
                for first in range(0, len(todo), SHARD):
                    part = dict(todo[first : first + SHARD])
                    vectors = np.ascontiguousarray(encode(list(part.values())), dtype=np.float32)
                    known.write(list(part), vectors)
                    found.update(zip(part, vectors, strict=True))
                    bar.update(len(part))
                yield start, np.stack([found[key] for key in keys])

    def vectors(self, embedder: Embedder, texts: Sequence[str], role: Role, label: str) -> Floats32:
        """Vectors of all texts at once, float32 [n, d], n at least 1; for sets that fit into memory."""
        return np.concatenate([vectors for _, vectors in self.blocks(embedder, texts, role, label)])


class _Shards:
    """The shards of one model and role."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place: dict[bytes, tuple[Path, int]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.safetensors")):
            self._index(path)

    def _index(self, path: Path) -> None:
        loaded = _load(path)
        if loaded is not None:
            for row, key in enumerate(loaded[0]):
                self.place[key.tobytes()] = (path, row)

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Floats32]:
        """Vectors of the keys that are there."""
        wanted: dict[Path, list[bytes]] = {}
        for key in keys:
            if key in self.place:
                wanted.setdefault(self.place[key][0], []).append(key)
        found: dict[bytes, Floats32] = {}
        for path, members in wanted.items():
            loaded = _load(path)
            if loaded is not None:
                found.update((key, loaded[1][self.place[key][1]]) for key in members)
        return found

    def write(self, keys: Sequence[bytes], vectors: Floats32) -> None:
        """Keep one shard."""
        from safetensors.numpy import save_file

        hashes = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(len(keys), -1)
        path = self.folder / f"{hashlib.sha256(hashes.tobytes()).hexdigest()[:32]}.safetensors"
        draft = path.with_name(f".{uuid.uuid4().hex}.part")
        metadata = {"checksum": _checksum(hashes, vectors)}
        try:
            save_file({"hashes": hashes, "vectors": vectors}, str(draft), metadata=metadata)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        self.place.update((key, (path, row)) for row, key in enumerate(keys))


def _checksum(hashes: NDArray[np.uint8], vectors: Floats32) -> str:
    return hashlib.sha256(hashes.tobytes() + vectors.tobytes()).hexdigest()


def _load(path: Path) -> tuple[NDArray[np.uint8], Floats32] | None:
    """Hashes [n, 32] and vectors [n, d] of a shard; None where it is damaged or gone."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as shard:
            hashes, vectors = shard.get_tensor("hashes"), shard.get_tensor("vectors")
            checksum = (shard.metadata() or {}).get("checksum")
    except (OSError, SafetensorError):
        return None
    return (hashes, vectors) if checksum == _checksum(hashes, vectors) else None
