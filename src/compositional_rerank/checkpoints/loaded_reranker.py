"""What a loaded reranker is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compositional_rerank.checkpoints.loaded_once import LoadedOnce

if TYPE_CHECKING:
    from compositional_rerank._engine import Engine
    from compositional_rerank.checkpoints.config import CheckpointConfig
    from compositional_rerank.encoding.token_encoder import TokenEncoder
    from compositional_rerank.store import TokenStore
    from compositional_rerank.verification.cross_encoder import Verifier


class LoadedReranker(LoadedOnce["Engine"]):
    """The parts of a reranker, which are loaded when the first of them is asked for."""

    _parts: Engine | None

    @property
    def name(self) -> str:
        """Name of the model, as the user calls it."""
        return self._loaded().name

    @property
    def encoder(self) -> TokenEncoder:
        """Makes token embeddings."""
        return self._loaded().encoder

    @property
    def store(self) -> TokenStore:
        """Where passages' token embeddings are kept."""
        return self._loaded().store

    @property
    def config(self) -> CheckpointConfig | None:
        """The checkpoint's configuration; None for plain MaxSim."""
        return self._loaded().config

    @property
    def verifier(self) -> Verifier | None:
        """The verifier; None for plain MaxSim."""
        return self._loaded().verifier

    @property
    def threshold(self) -> float | None:
        """Mismatch from which a passage counts as a near-miss; None without a verifier."""
        config = self.config
        return None if config is None else config.fusion.threshold

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that the scores depend on."""
        return self._loaded().fingerprint
