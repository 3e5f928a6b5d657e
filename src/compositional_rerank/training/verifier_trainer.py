"""One training run of the verifier: sentence-transformers' trainer with verdicts, saved states and a mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from compositional_rerank.errors import InputError
from compositional_rerank.training.network import TokenBatchSampler
from compositional_rerank.training.rows import Row
from compositional_rerank.training.trainer import StopAtNaN, common_arguments, last_state
from compositional_rerank.training.verdict_loss import VerdictLoss, group_numbers

_MEAN_FILE = "mean.pt"


@dataclass(frozen=True)
class RunSettings:
    """How to train a verifier.

    Args:
        learning_rate: peak, reached after 150 steps or a tenth of them, then falling to 0.
        head: how many times that the new head takes, at least 1.
        batch_characters: length of a batch in characters, about four for a token.
        max_tokens: longest pair while training; longer ones are cut.
        mean: share that each step keeps of the moving average of the weights, in [0, 1): the average is what
            comes out.
        seed: of the order and the head.
    """

    learning_rate: float = 1e-4
    head: float = 10.0
    batch_characters: int = 8000
    max_tokens: int = 160
    mean: float = 0.998
    seed: int = 17

    def __post_init__(self) -> None:
        checks = {
            "learning_rate": 0 < self.learning_rate < 1,
            "head": 1 <= self.head < math.inf,
            "batch_characters": self.batch_characters >= 1,
            "max_tokens": self.max_tokens >= 8,
            "mean": 0 <= self.mean < 1,
        }
        for name, fine in checks.items():
            if not fine:
                raise InputError(f"{name} is out of range: {getattr(self, name)}; see docs/guides/retrain.md")


class _Mean(TrainerCallback):
    """A moving average of the weights of the second half, saved with every state."""

    def __init__(self, network: CrossEncoder, share: float, work: Path) -> None:
        self._work = work
        self._network = network
        average = get_ema_multi_avg_fn(share)  # type: ignore[no-untyped-call]
        self._mean = AveragedModel(network, multi_avg_fn=average)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        file = self._work / f"checkpoint-{state.global_step}" / _MEAN_FILE
        if file.is_file():
            self._mean.load_state_dict(torch.load(file, weights_only=True))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step >= state.max_steps / 2:
            self._mean.update_parameters(self._network)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        file = self._work / f"checkpoint-{state.global_step}" / _MEAN_FILE
        torch.save(self._mean.state_dict(), file.with_suffix(".part"))
        file.with_suffix(".part").replace(file)

    def finish(self) -> None:
        """Put the average into the network."""
        if int(self._mean.n_averaged) > 0:
            self._network.load_state_dict(self._mean.module.state_dict())


def train(
    network: CrossEncoder, rows: Sequence[Row], taught: torch.Tensor | None, settings: RunSettings, work: Path
) -> None:
    """Train in place; go on from the last whole state in ``work``.

    Args:
        network: from `network.build`.
        rows: what to learn, in any order.
        taught: float32 ``[n, 4]``, a teacher's probabilities, all 0 in rows that it did not read; None
            without a teacher.
        settings: how to train.
        work: folder for the states.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    dataset = Dataset.from_dict(
        {
            "query": [row.query for row in rows],
            "evidence": [row.evidence for row in rows],
            "label": list(range(len(rows))),
        }
    )
    steps = sum(len(row.query) + len(row.evidence) for row in rows) / settings.batch_characters
    arguments = CrossEncoderTrainingArguments(
        **common_arguments(
            steps,
            epochs=1.0,
            batch_size=settings.batch_characters,
            learning_rate=settings.learning_rate,
            seed=settings.seed,
            work=work,
            device=network.device,
        ),
        learning_rate_mapping={r"\b[23]\.linear\.": settings.learning_rate * settings.head},
        batch_sampler=partial(TokenBatchSampler, groups=group_numbers(rows)),
    )
    mean = _Mean(network, settings.mean, work)
    trainer = CrossEncoderTrainer(
        model=network,
        args=arguments,
        train_dataset=dataset,
        loss=VerdictLoss(network, rows, taught),
        callbacks=[StopAtNaN(work, settings.learning_rate), mean],
    )
    trainer.train(resume_from_checkpoint=last_state(work, _MEAN_FILE))
    mean.finish()
