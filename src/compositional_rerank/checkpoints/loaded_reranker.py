"""What a loaded reranker is made of."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any, Literal

from compositional_rerank._files import absolute
from compositional_rerank._validation import check_backend, check_choice, check_device, check_parts
from compositional_rerank.checkpoints.loaded_once import LoadedOnce

if TYPE_CHECKING:
    from typing_extensions import Self

    from compositional_rerank._engine import Engine
    from compositional_rerank.checkpoints.config import CheckpointConfig
    from compositional_rerank.encoding.base import Encoder
    from compositional_rerank.store import TokenStore
    from compositional_rerank.store.shelf import OnStoreError
    from compositional_rerank.verification.base import Verifier

OnMissingVerifier = Literal["raise", "maxsim"]


class LoadedReranker(LoadedOnce["Engine"]):
    """The settings of a reranker, and its parts, which are loaded when the first of them is asked for."""

    _parts: Engine | None

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        encoder: str | os.PathLike[str] | None = None,
        verifier: str | os.PathLike[str] | None = None,
        device: str | None = None,
        backend: str = "torch",
        store: TokenStore | str | os.PathLike[str] | None = None,
        on_store_error: OnStoreError = "encode",
        on_missing_verifier: OnMissingVerifier = "raise",
    ) -> None:
        super().__init__()
        self._model, self._encoder, self._verifier = check_parts(model, encoder, verifier, store)
        self._backend = check_backend(backend, device)
        self._device = check_device(device)
        self._store = _named(store) if isinstance(store, (str, os.PathLike)) else store
        self._on_store_error: OnStoreError = on_store_error
        self._on_missing_verifier: OnMissingVerifier = on_missing_verifier
        check_choice(on_store_error, "on_store_error", ("encode", "raise"))
        check_choice(on_missing_verifier, "on_missing_verifier", ("raise", "maxsim"))

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] | None = None,
        *,
        encoder: str | os.PathLike[str] | None = None,
        verifier: str | os.PathLike[str] | None = None,
        device: str | None = None,
        backend: str = "torch",
        store: TokenStore | str | os.PathLike[str] | None = None,
        on_store_error: OnStoreError = "encode",
        on_missing_verifier: OnMissingVerifier = "raise",
    ) -> Self:
        """Load a reranker now; the arguments, and the errors about them, are the constructor's.

        Raises:
            ModelNotFoundError: no place has the model.
            CheckpointError: the model's files are unsafe or damaged, what it does is not understood, or
                OpenVINO cannot run it.
            StoreError: the folder cannot be used as a store, or the address has lost its password.
        """
        reranker = cls(
            name_or_path,
            encoder=encoder,
            verifier=verifier,
            device=device,
            backend=backend,
            store=store,
            on_store_error=on_store_error,
            on_missing_verifier=on_missing_verifier,
        )
        reranker._loaded()
        return reranker

    @classmethod
    def from_parts(
        cls,
        encoder: Encoder,
        *,
        name: str,
        store: TokenStore | None = None,
        config: CheckpointConfig | None = None,
        verifier: Verifier | None = None,
        on_store_error: OnStoreError = "encode",
    ) -> Self:
        """Build one from loaded parts, by default plain MaxSim; a pickle finds the model by its ``name``.

        Args:
            encoder: makes token vectors.
            name: of the model.
            store: keeps those of passages; None is a `MemoryStore`.
            config: how verdicts and vectors are used; None with a verifier is as the shipped one's, with a
                threshold of .5.
            verifier: judges near-misses; None judges nothing.
            on_store_error: as in the constructor.
        """
        from compositional_rerank._engine import Engine
        from compositional_rerank.checkpoints.parts import unfitted_config
        from compositional_rerank.store import MemoryStore

        device, backend = str(encoder.device), encoder.backend
        reranker = cls(name, device=device, backend=backend, store=store, on_store_error=on_store_error)
        shelf = MemoryStore() if store is None else store
        if config is None and verifier is not None:
            config = unfitted_config(name)
        reranker._parts = Engine(name, encoder, shelf, config, verifier, on_store_error)
        return reranker

    def with_store(self, store: TokenStore) -> Self:
        """A reranker that shares this one's loaded model and keeps passages elsewhere."""
        other = type(self)(**{**self.settings, "store": store})
        other._parts = dataclasses.replace(self._loaded(), store=store)
        return other

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of the constructor, which a pickle holds: of the store its folder or its address, without
        the password, where it has one."""
        place: Any = self._store
        if not isinstance(place, str):
            place = getattr(place, "url", None) or getattr(place, "path", None)
        return {
            "model": self._model,
            "encoder": self._encoder,
            "verifier": self._verifier,
            "device": self._device,
            "backend": self._backend,
            "store": str(place) if isinstance(place, os.PathLike) else place,
            "on_store_error": self._on_store_error,
            "on_missing_verifier": self._on_missing_verifier,
        }

    @property
    def name(self) -> str:
        """Name of the model, as the user calls it; of encoder and verifier where they are of two."""
        return self._loaded().name

    @property
    def encoder(self) -> Encoder:
        """Makes token embeddings."""
        return self._loaded().encoder

    @property
    def store(self) -> TokenStore:
        """Where passages' token embeddings are kept."""
        return self._loaded().store

    @property
    def store_failures(self) -> int:
        """How many times the store could not be read or written; each outage is warned of once."""
        return self._loaded().shelf.failures

    @property
    def config(self) -> CheckpointConfig | None:
        """How verdicts and vectors are used; None for plain MaxSim."""
        return self._loaded().config

    @property
    def verifier(self) -> Verifier | None:
        """The verifier; None where there is none."""
        return self._loaded().verifier

    @property
    def threshold(self) -> float | None:
        """Mismatch from which a passage counts as a near-miss; None without a verifier."""
        one = self._loaded()
        return None if one.config is None or one.verifier is None else one.config.fusion.threshold

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that the scores depend on, but the store's rounding."""
        return self._loaded().fingerprint

    def _load(self) -> Engine:
        from compositional_rerank._engine import Engine  # loading torch takes seconds
        from compositional_rerank.checkpoints.parts import load_parts
        from compositional_rerank.store import MemoryStore, open_store

        store = open_store(self._store) if isinstance(self._store, str) else self._store
        shelf = MemoryStore() if store is None else store
        parts = load_parts(
            self._model,
            self._encoder,
            self._verifier,
            self._device,
            self._backend,
            without_verifier=self._on_missing_verifier == "maxsim",
        )
        return Engine(
            parts.name,
            parts.encoder,
            shelf,
            parts.config,
            parts.verifier,
            self._on_store_error,
            parts.degraded,
        )


def _named(store: str | os.PathLike[str]) -> str:
    """A folder's absolute path, or the address of a shared store."""
    if "://" not in os.fspath(store):
        return absolute(store)
    from compositional_rerank.store import StoreUrl  # loading torch takes seconds

    return StoreUrl(os.fspath(store))
