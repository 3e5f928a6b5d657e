"""Stage-one training: triples in, a checkpoint with a structural part out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler

from compositional_rerank.training.settings import TrainingSettings
from compositional_rerank.training.structural_loss import LossWeights, StructuralLoss
from compositional_rerank.training.trainer import common_arguments, last_state, watchers
from compositional_rerank.training.triples import TrainingTriple

DIMENSION = 128
_LONG = 240  # characters of a row's texts; longer rows come fewer to a step
_PRINCIPAL_TEXTS = 4000


class BudgetBatchSampler(DefaultBatchSampler):
    """Random batches of rows of about equal length, fewer rows to a batch where they are long."""

    def __init__(self, dataset: Any, batch_size: int, drop_last: bool, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(dataset, batch_size=batch_size, drop_last=drop_last, seed=seed, **kwargs)
        columns = [dataset[name] for name in ("anchor", "positive", "negative")]
        self._lengths = [sum(map(len, texts)) for texts in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        yield from self._batches()

    def _batches(self) -> list[list[int]]:
        rng = random.Random(str(self.seed))  # every epoch alike, so that the number of batches is
        order = list(range(len(self._lengths)))
        rng.shuffle(order)
        pool = 50 * self.batch_size
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            chunk = sorted(order[start : start + pool], key=self._lengths.__getitem__)
            batch: list[int] = []
            for index in chunk:
                longest = max(self._lengths[index], _LONG)
                if batch and (len(batch) + 1) * longest > self.batch_size * _LONG:
                    batches.append(batch)
                    batch = []
                batch.append(index)
            batches.append(batch)
        rng.shuffle(batches)
        return batches


def run(
    model: SentenceTransformer,
    base: SentenceTransformer,
    rows: Sequence[TrainingTriple],
    settings: TrainingSettings,
    weights: LossWeights,
    work: Path,
) -> None:
    dataset = Dataset.from_dict(
        {
            "anchor": [row.anchor for row in rows],
            "positive": [row.positive for row in rows],
            "negative": [row.negative for row in rows],
            "label": [row.near_miss for row in rows],
        }
    )
    sampler = BudgetBatchSampler(dataset, settings.batch_size, False, settings.seed)
    arguments = SentenceTransformerTrainingArguments(
        **common_arguments(len(sampler) * settings.epochs, settings, work, model.device),
        batch_sampler=BudgetBatchSampler,
    )
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        loss=StructuralLoss(model, base, weights),
        callbacks=watchers(settings, work),
    )
    trainer.train(resume_from_checkpoint=last_state(work))


def principal(base: SentenceTransformer, texts: Sequence[str], dimension: int) -> torch.Tensor:
    """Directions that keep most of the base's cosines: float32 ``[dimension, hidden]``."""
    vectors = base.encode(list(texts), convert_to_tensor=True, show_progress_bar=False).float().cpu()
    _, _, directions = torch.linalg.svd(vectors, full_matrices=True)
    return directions[:dimension].contiguous()


def freeze(model: SentenceTransformer, layers: int) -> None:
    """Train only the uppermost ``layers`` of the base model and the head."""
    inner = cast(Any, model[0].auto_model)
    inner.requires_grad_(False)
    for layer in inner.encoder.layer[-layers:]:
        layer.requires_grad_(True)
