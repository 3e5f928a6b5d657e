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
from compositional_rerank.errors import CheckpointError
from compositional_rerank.results import Degradation
from compositional_rerank.verification.base import Verifier
from compositional_rerank.verification.cross_encoder import CheckpointVerifier
from compositional_rerank.verification.nli import NliVerifier

NONE = "none"
VERIFIER_OF = " with the verifier of "  # between the names of an encoder and a verifier
_LIKELIER = 0.5  # threshold of a verifier that nobody has fitted one for


@dataclass(frozen=True, eq=False)
class Parts:
    """What a reranker is made of.

    Args:
        name: of the model; where encoder and verifier are of two, the names of both.
        encoder: makes token vectors.
        config: how verdicts and vectors are used; None where neither part is from a checkpoint.
        verifier: None where there is none.
        degraded: what is missing of the model, where the caller goes without.
    """

    name: str
    encoder: Encoder
    config: CheckpointConfig | None
    verifier: Verifier | None
    degraded: tuple[Degradation, ...] = ()


def load_parts(
    model: str | None,
    encoder: str | None,
    verifier: str | None,
    device: str | None,
    backend: str,
    *,
    without_verifier: bool = False,
) -> Parts:
    """Load what the settings of a `CompositionalReranker` name.

    Args:
        model: name or folder.
        encoder: name or folder; None is the model's.
        verifier: name or folder; None is the model's.
        device: torch device name; None picks an accelerator where there is one.
        backend: what runs the networks.
        without_verifier: whether to go without a checkpoint's verifier that is missing or damaged.

    Warns:
        UserWarning: the model has no verifier, and nobody said that none is wanted.
        RuntimeWarning: its verifier cannot be loaded, and the caller goes without.
    """
    checked = not without_verifier
    wanted = checked and verifier is None  # a verifier that is not used need not be whole
    both = locate(model, check_verifier=wanted) if encoder is None or verifier is None else None
    encoding = both if encoder is None else _named(encoder, checked=False)
    reading = both if verifier is None else _named(verifier, checked)
    where = device_of(device, backend)
    found, config = None, None
    degraded: tuple[Degradation, ...] = ()
    if reading is not None and reading.config is not None:
        config = reading.config
        try:
            found = _verifier(reading, config, where, backend)
        except CheckpointError as error:
            if checked:
                raise
            degraded = ("verifier",)
            warnings.warn(f"{reading.name} ranks by MaxSim alone: {error}", RuntimeWarning, stacklevel=6)
    elif reading is not None:
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
    return Parts(name, loaded, config, found, degraded)


def _named(name: str, checked: bool) -> Located | None:
    return None if name == NONE else locate(name, check_verifier=checked)


def _verifier(found: Located, config: CheckpointConfig, device: torch.device, backend: str) -> Verifier:
    """The verifier of a checkpoint."""
    assert found.folder is not None
    weights = found.folder / VERIFIER_FILE
    config.check_file(weights)
    return CheckpointVerifier(found.base, weights, config.verifier, device, backend)


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
    return f"{encoder} with no verifier" if reading is None else f"{encoder}{VERIFIER_OF}{reading.name}"
