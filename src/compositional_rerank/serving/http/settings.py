"""What a service is started with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.errors import InputError
from compositional_rerank.reranker import CompositionalReranker
from compositional_rerank.serving.http.errors import Refused

KEYS_VARIABLE = "COMPOSITIONAL_RERANK_API_KEYS"


@dataclass(frozen=True)
class Settings:
    """Settings of a service.

    Args:
        model: as in `CompositionalReranker`, and so are encoder, verifier, device and backend.
        encoder: another encoder than the model's; it embeds, too, unless it is a late-interaction model.
        verifier: another verifier than the model's.
        device: torch device name.
        backend: what runs the networks.
        store: folder or address of a store that all workers share; None keeps passages in each one's memory.
        sensitivity: weight of the embedder's structural part, in [0, 1]; None is the checkpoint's.
        key_file: file of keys, one a line; None where there is none.
        workers: processes.
        threads: requests that a worker works on at a time.
        queue: requests that wait for a worker's threads; more are refused.
        max_texts: most texts of a request.
        max_characters: of one text.
        max_bytes: of a request's body.
        timeout: seconds for a request's body to come in, and then for the answer.
        drain: seconds after SIGTERM in which requests still come in.
    """

    model: str | None = None
    encoder: str | None = None
    verifier: str | None = None
    device: str | None = None
    backend: str = "torch"
    store: str | None = None
    sensitivity: float | None = 0.0
    key_file: str | None = None
    workers: int = 1
    threads: int = 8
    queue: int = 64
    max_texts: int = 1000
    max_characters: int = 100_000
    max_bytes: int = 8 << 20
    timeout: float = 60.0
    drain: float = 1.0

    def reranker(self) -> CompositionalReranker:
        """The reranker that they describe, with nothing loaded.

        Raises:
            InputError: a setting cannot be used.
            MissingDependencyError: OpenVINO is not installed.
        """
        return CompositionalReranker(
            self.model,
            encoder=self.encoder,
            verifier=self.verifier,
            device=self.device,
            backend=self.backend,
            store=self.store,
        )

    def check_texts(self, texts: Sequence[str], what: str) -> None:
        """Refuse too many texts, or one that is too long.

        Raises:
            Refused: 422.
        """
        if len(texts) > self.max_texts:
            raise Refused(
                422,
                f"{what} has {len(texts)} texts, the limit is {self.max_texts}: send them in several "
                "requests, or start the service with a larger --max-texts",
            )
        for place, text in enumerate(texts):
            if len(text) > self.max_characters:
                raise Refused(
                    422,
                    f"{what}[{place}] has {len(text)} characters, the limit is {self.max_characters}: split "
                    "it, or start the service with a larger --max-characters",
                )

    def keys(self) -> list[str]:
        """Keys that open the service, from the file and the environment; none where it is open to all.

        Raises:
            InputError: the file cannot be read, or holds no key.
        """
        keys = os.environ.get(KEYS_VARIABLE, "").split()
        if self.key_file is None:
            return keys
        try:
            lines = Path(self.key_file).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--api-keys {self.key_file} cannot be read: {error}") from error
        found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
        if not found:
            raise InputError(f"--api-keys {self.key_file} holds no key: write one a line")
        return [*keys, *found]
