"""Stage-one training: triples in, a checkpoint with a structural part out; or the naive way."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from compositional_rerank.checkpoints.config import StructuralConfig
from compositional_rerank.checkpoints.locate import Located
from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.encoding.structural import append_part
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.training.export import check_new, export_structural, staged
from compositional_rerank.training.settings import StructuralSettings, TrainingSettings
from compositional_rerank.training.structural_loss import StructuralLoss
from compositional_rerank.training.trainer import StopAtNaN, claim, common_arguments, last_state
from compositional_rerank.training.triples import TrainingTriple

MIN_ROWS = 200
_CHARACTERS = 240  # of a row; where rows are longer, fewer come to a step


def train_structural(
    rows: Sequence[TrainingTriple],
    start: Located,
    out: Path,
    *,
    settings: TrainingSettings,
    structural: StructuralSettings,
    device: str | None = None,
) -> Path:
    """Train a structural part on the base model and write a checkpoint with it.

    The part is always trained anew; ``start`` gives the base model, the verifier and its thresholds. States
    are kept in ``OUT.training``; called again with the same arguments after a crash or Ctrl-C, it goes on.

    Args:
        rows: some of them with a near-miss. Rows with a text of more than ``structural.longest`` or
            ``settings.max_tokens`` tokens are left out; of the others at least 200 are needed.
        start: the checkpoint that the new one goes beside.
        out: folder to write; must not exist.
        settings: how to train.
        structural: the part and its loss.
        device: torch device name; None picks an accelerator where there is one.

    Returns:
        ``out``.

    Raises:
        DataError: too few rows, or none with a near-miss.
        InputError: ``out`` exists, ``OUT.training`` is of a run with other arguments, or ``start`` is no
            checkpoint.
        FloatingPointError: the loss is not finite.
        OSError: the disk is full, or ``out`` cannot be written.
    """
    if start.config is None:
        raise InputError(
            f"{start.name} is a base model without a verifier: train one first (train verifier --from "
            f"{start.name}), and start from that checkpoint"
        )
    check_new(out)
    model = _base_model(start.base.path, device)
    model.max_seq_length = min(settings.max_tokens, structural.longest)
    rows = _whole(rows, model)
    work = _claimed(rows, start, out, (settings, structural))
    torch.manual_seed(settings.seed)
    _freeze(model)
    config = StructuralConfig(
        structural.dimension,
        _layers(model),
        structural.width,
        structural.depth,
        structural.longest,
        structural.sensitivity,
    )
    part = append_part(model, config, sensitivity=1.0)
    _run(model, rows, StructuralLoss(model, structural), settings, work)
    export_structural(part, start, out, config)
    shutil.rmtree(work)
    return out


def train_naive(
    rows: Sequence[TrainingTriple],
    start: Located,
    out: Path,
    *,
    settings: TrainingSettings,
    device: str | None = None,
) -> Path:
    """Fine-tune the whole vector with near-misses as hard negatives and nothing that protects recall.

    The paper's way (arXiv 2604.16351), as many projects do it; here to be compared with. An anchor without a
    paraphrase is its own positive (two dropout masks of one text, as in SimCSE). Arguments and errors as in
    `train_structural`; ``out`` becomes a sentence-transformers model.
    """
    near = [
        dataclasses.replace(row, positive=row.positive or row.anchor)
        for row in rows
        if row.near_miss and row.negative
    ]
    work = _claimed(near, start, out, (settings, None))
    torch.manual_seed(settings.seed)
    model = _base_model(start.base.path, device)
    window, model.max_seq_length = model.max_seq_length, settings.max_tokens
    _run(model, near, MultipleNegativesRankingLoss(model), settings, work)
    model.max_seq_length = window
    with staged(out) as folder:
        model.save_pretrained(str(folder), create_model_card=False)
    shutil.rmtree(work)
    return out


class BudgetBatchSampler(DefaultBatchSampler):
    """Random batches of rows of about equal length, fewer rows to a batch where they are long."""

    def __init__(self, dataset: Any, batch_size: int, drop_last: bool, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(dataset, batch_size=batch_size, drop_last=drop_last, seed=seed, **kwargs)
        columns = [dataset[name] for name in ("anchor", "positive", "negative")]
        lengths = [max(sum(map(len, texts)), _CHARACTERS) for texts in zip(*columns, strict=True)]
        self._batches = _budgeted(lengths, batch_size, random.Random(str(seed)))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(self._batches)
        random.Random(f"{self.seed} {self.epoch}").shuffle(order)
        yield from order


def _budgeted(lengths: list[int], batch_size: int, rng: random.Random) -> list[list[int]]:
    """Batches of at most ``batch_size * _CHARACTERS`` characters, from long to short within random pools."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    pool = 50 * batch_size
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        batch: list[int] = []
        for index in sorted(order[start : start + pool], key=lengths.__getitem__):
            if batch and (len(batch) + 1) * lengths[index] > batch_size * _CHARACTERS:
                batches.append(batch)
                batch = []
            batch.append(index)
        batches.append(batch)
    return batches


def _run(
    model: SentenceTransformer,
    rows: Sequence[TrainingTriple],
    loss: torch.nn.Module,
    settings: TrainingSettings,
    work: Path,
) -> None:
    """Train in place; go on from the last whole state in ``work``."""
    texts = {name: [getattr(row, name) for row in rows] for name in ("anchor", "positive", "negative")}
    labels = {} if isinstance(loss, MultipleNegativesRankingLoss) else {"label": [r.near_miss for r in rows]}
    dataset = Dataset.from_dict(texts | labels)
    steps = len(BudgetBatchSampler(dataset, settings.batch_size, False)) * settings.epochs
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            **common_arguments(
                steps,
                epochs=settings.epochs,
                batch_size=settings.batch_size,
                learning_rate=settings.learning_rate,
                seed=settings.seed,
                work=work,
                device=model.device,
            ),
            batch_sampler=BudgetBatchSampler,
        ),
        train_dataset=dataset,
        loss=loss,
        callbacks=[StopAtNaN(work, settings.learning_rate)],
    )
    trainer.train(resume_from_checkpoint=last_state(work))


def _claimed(rows: Sequence[TrainingTriple], start: Located, out: Path, settings: tuple[Any, Any]) -> Path:
    """The run's folder for states, after a look at its arguments."""
    check_new(out)
    near = sum(bool(row.near_miss and row.negative) for row in rows)
    if len(rows) < MIN_ROWS or not near:
        raise DataError(
            f"{len(rows)} rows, {near} of them with a near-miss: give at least {MIN_ROWS}, and some with one"
        )
    work = out.with_name(out.name + ".training")
    claim(work, rows, start, settings)
    return work


def _whole(rows: Sequence[TrainingTriple], model: SentenceTransformer) -> list[TrainingTriple]:
    """The rows of which no text has to be cut: what makes a near-miss may stand at its end."""
    texts = list(dict.fromkeys(text for row in rows for text in (row.anchor, row.positive, row.negative)))
    if not texts:
        return []
    tokens = model.tokenizer(texts, truncation=False, padding=False, verbose=False)["input_ids"]
    long = {text for text, ids in zip(texts, tokens, strict=True) if len(ids) > (model.max_seq_length or 0)}
    return [row for row in rows if not {row.anchor, row.positive, row.negative} & long]


def _base_model(path: Path, device: str | None) -> SentenceTransformer:
    with quiet_loading():
        model: SentenceTransformer = SentenceTransformer(
            str(path), device=device, model_kwargs={"use_safetensors": True}
        )
    return model


def _freeze(model: SentenceTransformer) -> None:
    """Leave the base model as it is: no gradients, and no dropout in the states that the part reads."""
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def _layers(model: SentenceTransformer) -> list[int]:
    """Layers for the part to read: words nearly as they are, half understood, and as the base pools them."""
    count = int(getattr(getattr(model[0].auto_model, "config", None), "num_hidden_layers", 0))
    return sorted({min(1, count), count // 2, count})
