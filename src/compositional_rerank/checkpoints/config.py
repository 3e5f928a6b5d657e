"""config.json of a checkpoint: what it was trained on top of, its thresholds, the hashes of its files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compositional_rerank.checkpoints.base_models import sha256_of
from compositional_rerank.errors import CheckpointError
from compositional_rerank.scoring.calibration import Calibration
from compositional_rerank.scoring.fusion import Fusion

CONFIG_FILE = "config.json"
VERIFIER_FILE = "verifier.safetensors"
STRUCTURAL_FILE = "structural.safetensors"
PROJECTION_FILE = "projection.safetensors"
_FILES = (VERIFIER_FILE, STRUCTURAL_FILE, PROJECTION_FILE)
_TOO_MUCH = (OverflowError, RecursionError)  # what JSON may hold and Python not
FORMAT = 3


@dataclass(frozen=True)
class VerifierConfig:
    """How to run the verifier and read its answer.

    Args:
        calibration: from its logits to probabilities, fitted on pairs that it was not trained on.
        max_tokens: longest pair, special tokens included.
        window: tokens of the neighbouring sentences that are read as one piece of evidence, at least 8.
        windows: how many such pieces of a passage are read with each thing that is asked, at least 1.
        first: how many of the most relevant passages are read however far they are from the query.
        max_verified: how many passages of a list are read at all, unless a caller says otherwise.
    """

    calibration: Calibration
    max_tokens: int
    window: int
    windows: int
    first: int
    max_verified: int

    def __post_init__(self) -> None:
        given = (self.max_tokens, self.window, self.windows, self.first, self.max_verified)
        least = (8, 8, 1, 0, 0)
        if not _are_counts(given) or any(value < low for value, low in zip(given, least, strict=True)):
            raise CheckpointError(
                "verifier wants max_tokens and window >= 8, windows >= 1, first and max_verified >= 0, "
                f"got {self}"
            )


@dataclass(frozen=True)
class StructuralConfig:
    """The structural part of stage one.

    Args:
        dimension: components that it adds to the base model's vectors, at least 1.
        layers: which layers of the base model it reads.
        width: components of its token vectors, a multiple of 4.
        depth: its layers, at least 1.
        longest: longest text in tokens that it reads, special tokens included; the vectors of longer ones
            stay the base model's.
        sensitivity: its weight as chosen on development data, above 0 and at most 1.
    """

    dimension: int
    layers: list[int]
    width: int
    depth: int
    longest: int
    sensitivity: float

    def __post_init__(self) -> None:
        counts = (self.dimension, self.width, self.depth, self.longest - 7)
        whole = _are_counts(counts) and isinstance(self.layers, list) and _are_counts(self.layers)
        if not whole or min(counts) < 1 or self.width % 4 or not self.layers or not 0 < self.sensitivity <= 1:
            raise CheckpointError(
                "structural wants dimension, depth >= 1, width a multiple of 4, longest >= 8, layers and a "
                f"sensitivity in (0, 1], got {self}"
            )


@dataclass(frozen=True)
class CheckpointConfig:
    """All that config.json says.

    Args:
        base_name: the base model, as `checkpoint.resolve` takes it.
        base_sha256: sha256 of the base's model.safetensors that the checkpoint was trained on.
        pooled_weight: share of the pooled vectors' cosine in the relevance, in [0, 1); the rest is MaxSim.
        fusion: gate, penalty and threshold.
        verifier: how to run the verifier.
        files: sha256 of every weights file of the checkpoint, by name.
        structural: the structural part of stage one; None in a checkpoint without one.
    """

    base_name: str
    base_sha256: str
    pooled_weight: float
    fusion: Fusion
    verifier: VerifierConfig
    files: dict[str, str]
    structural: StructuralConfig | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.pooled_weight < 1:
            raise CheckpointError(f"pooled_weight must be in [0, 1), got {self.pooled_weight}")
        if not isinstance(self.base_name, str) or not self.base_name.strip():
            raise CheckpointError(f"base wants the name of a model, got {self.base_name!r:.40}")
        for name in self.files:
            if name not in _FILES:  # nor does a name lead out of the folder
                raise CheckpointError(
                    f"files names {name!r:.80}, and a checkpoint has only {', '.join(_FILES)}: train it again"
                )

    @classmethod
    def load(cls, folder: Path) -> CheckpointConfig:
        """Read and check a checkpoint's config.json and the hashes of the files that it lists.

        Raises:
            CheckpointError: a field is missing or wrong, or a file is missing or has another hash.
        """
        file = folder / CONFIG_FILE
        try:
            raw = json.loads(file.read_text(encoding="utf-8"))
            if raw["format"] != FORMAT:
                raise CheckpointError(
                    f"{file} has format {raw['format']!r}; this version reads format {FORMAT}: "
                    "update compositional-rerank, or train the checkpoint again"
                )
            config = cls(
                base_name=raw["base"]["name"],
                base_sha256=raw["base"]["sha256"],
                pooled_weight=float(raw["pooled_weight"]),
                fusion=Fusion(**raw["fusion"]),
                verifier=VerifierConfig(
                    **{**raw["verifier"], "calibration": _calibration(raw["verifier"]["calibration"])}
                ),
                files=dict(raw["files"]),
                structural=StructuralConfig(**raw["structural"]) if "structural" in raw else None,
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, *_TOO_MUCH) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(f"{file} is no config of a checkpoint: {error!r}") from error
        for name, expected in config.files.items():
            found = sha256_of(folder / name) if (folder / name).is_file() else "no such file"
            if found != expected:
                raise CheckpointError(
                    f"{folder / name}: sha256 is {found}, config.json says {expected}: the file is damaged; "
                    "fix: install or copy the checkpoint again"
                )
        needed = [VERIFIER_FILE] if config.structural is None else [VERIFIER_FILE, STRUCTURAL_FILE]
        for name in needed:
            if name not in config.files:
                raise CheckpointError(f"{file} lists no hash for {name}: train the checkpoint again")
        return config

    def save(self, folder: Path) -> None:
        """Write config.json into the checkpoint's folder."""
        raw = {
            "format": FORMAT,
            "base": {"name": self.base_name, "sha256": self.base_sha256},
            "pooled_weight": self.pooled_weight,
            "fusion": dataclasses.asdict(self.fusion),
            "verifier": dataclasses.asdict(self.verifier),
            "files": self.files,
        }
        if self.structural is not None:
            raw["structural"] = dataclasses.asdict(self.structural)
        (folder / CONFIG_FILE).write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")


def _are_counts(values: Iterable[object]) -> bool:
    return all(type(value) is int for value in values)


def _calibration(raw: dict[str, Any]) -> Calibration:
    return Calibration({name: tuple(map(float, curve)) for name, curve in raw["curves"].items()})
