"""Load an encoder and a verifier: both of one model, or each by a name of its own."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass

import torch

from compositional_rerank._validation import device_of
from compositional_rerank.checkpoints.config import VERIFIER_FILE, CheckpointConfig
from compositional_rerank.checkpoints.locate import Located, locate, shipped_config
from compositional_rerank.encoding.base import Encoder
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.encoding.word_encoder import WordEncoder
from compositional_rerank.verification.base import Verifier
from compositional_rerank.verification.cross_encoder import CheckpointVerifier
from compositional_rerank.verification.nli import NliVerifier

NONE = "none"
_LIKELIER = 0.5  # threshold of a verifier that nobody has fitted one for


@dataclass(frozen=True, eq=False)
class Parts:
    """What a reranker is made of.

    Args:
        name: of the model; where encoder and verifier are of two, the names of both.
        encoder: makes token vectors.
        config: how verdicts and vectors are used; None where neither part is from a checkpoint.
        verifier: None where there is none.
    """

    name: str
    encoder: Encoder
    config: CheckpointConfig | None
    verifier: Verifier | None


def load_parts(
    model: str | None, encoder: str | None, verifier: str | None, device: str | None, backend: str
) -> Parts:
    """Load what the settings of a `CompositionalReranker` name.

    Warns:
        UserWarning: the model has no verifier, and nobody said that none is wanted.
    """
    both = locate(model) if encoder is None or verifier is None else None
    encoding = both if encoder is None else _named(encoder)
    reading = both if verifier is None else _named(verifier)
    where = device_of(device, backend)
    found, config = (None, None) if reading is None else _verifier(reading, where, backend)
    if reading is not None and found is None:
        if verifier is not None:
            found, config = _inference(reading, where, backend)
        else:
            _tell_unverified(reading.name)
    loaded: Encoder
    if encoding is None:
        loaded = WordEncoder(where, backend)
    else:
        loaded = TokenEncoder(encoding.base, device, backend, encoding.projection)
    if encoding is not None and encoding.config is not None:
        mixture = encoding.config.pooled_weight
        config = encoding.config if config is None else dataclasses.replace(config, pooled_weight=mixture)
    name = both.name if both is not None and encoding is reading else _both_names(encoding, reading)
    return Parts(name, loaded, config, found)


def _named(name: str) -> Located | None:
    return None if name == NONE else locate(name)


def _verifier(
    found: Located, device: torch.device, backend: str
) -> tuple[Verifier | None, CheckpointConfig | None]:
    """The verifier of a checkpoint; None of a base model."""
    if found.config is None or found.folder is None:
        return None, None
    weights = found.folder / VERIFIER_FILE
    return CheckpointVerifier(found.base, weights, found.config.verifier, device, backend), found.config


def _inference(found: Located, device: torch.device, backend: str) -> tuple[Verifier, CheckpointConfig]:
    """A cross-encoder of another kind, and how it is used."""
    verifier = NliVerifier(found.base, device, backend)
    return verifier, unfitted_config(found.name, found.base.fingerprint)


def unfitted_config(name: str, sha256: str = "") -> CheckpointConfig:
    """How a verifier is used that is of no checkpoint: as the shipped one, but for the threshold."""
    shipped = shipped_config()
    fusion = dataclasses.replace(shipped.fusion, threshold=_LIKELIER)
    return dataclasses.replace(
        shipped, base_name=name, base_sha256=sha256, fusion=fusion, files={}, structural=None
    )


def _tell_unverified(name: str) -> None:
    warnings.warn(
        f"{name} has no verifier, so that near-misses are not judged: encoder={name!r} in place of the model "
        f"keeps the shipped verifier beside it, verifier={NONE!r} says that none is wanted",
        UserWarning,
        stacklevel=7,
    )


def _both_names(encoding: Located | None, reading: Located | None) -> str:
    encoder = "no encoder" if encoding is None else encoding.name
    return f"{encoder} with {'no verifier' if reading is None else f'the verifier of {reading.name}'}"
