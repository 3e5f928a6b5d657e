"""Protocol Encoder: what a reranker needs of what makes token vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch

from compositional_rerank.encoding.encoded_text import EncodedText

Task = Literal["query", "document"]


class Encoder(Protocol):
    """Makes token vectors of texts. Safe to share between threads."""

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that the vectors depend on."""

    @property
    def dimension(self) -> int:
        """Number of components of a token vector."""

    @property
    def ranks(self) -> bool:
        """Whether MaxSim of its vectors says how relevant a passage is."""

    @property
    def pooling(self) -> Literal["mean", "cls"] | None:
        """How the pooled vectors were trained to be made; None where they were not, and do not count."""

    @property
    def shipped(self) -> bool:
        """Whether its vectors come from the base model of the shipped checkpoint."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def backend(self) -> str:
        """What computes, ``"torch"`` or ``"openvino"``."""

    def encode(self, texts: Sequence[str], *, task: Task, show_progress: bool = False) -> list[EncodedText]:
        """One `EncodedText` per text, in their order."""
