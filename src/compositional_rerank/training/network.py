"""The verifier while it is trained: a sentence-transformers CrossEncoder made of explicit modules."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.modules import Pooling

from compositional_rerank.checkpoints.quiet import quiet_loading


def build(base: Path, max_tokens: int, device: str | None = None) -> CrossEncoder:
    """The base model reading two texts together, all of its layers trainable, its word embeddings frozen.

    The logit comes from the mean of all token vectors, which is what the base was trained to pool: from its
    first token the set-up tried did not leave chance level (docs/experiments.md).

    Args:
        base: folder of a sentence-transformers model.
        max_tokens: longest pair; a longer one is cut while training.
        device: torch device name; None picks an accelerator where there is one.
    """
    with quiet_loading():
        transformer = Transformer.load(str(base))
    transformer.max_seq_length = max_tokens
    transformer.auto_model.get_input_embeddings().requires_grad_(False)
    transformer.auto_model.config.num_labels = 1
    dimension = transformer.get_embedding_dimension()
    head = Dense(
        dimension,
        1,
        activation_function=torch.nn.Identity(),
        module_input_name="sentence_embedding",
        module_output_name="scores",
    )
    modules = [transformer, Pooling(dimension, pooling_mode="mean"), head]
    network: CrossEncoder = CrossEncoder(modules=modules, device=device)
    return network


class LengthBatchSampler(DefaultBatchSampler):
    """Random batches of texts of about equal length: padding would be a third of the work."""

    def __init__(self, dataset: Any, batch_size: int, drop_last: bool, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(dataset, batch_size=batch_size, drop_last=drop_last, seed=seed, **kwargs)
        self._lengths = [
            len(query) + len(passage)
            for query, passage in zip(dataset["query"], dataset["passage"], strict=True)
        ]

    def __len__(self) -> int:
        return math.ceil(len(self._lengths) / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        rng = random.Random(f"{self.seed} {self.epoch}")
        order = list(range(len(self._lengths)))
        rng.shuffle(order)
        pool = 50 * self.batch_size
        batches = []
        for start in range(0, len(order), pool):
            chunk = sorted(order[start : start + pool], key=self._lengths.__getitem__)
            batches += [chunk[at : at + self.batch_size] for at in range(0, len(chunk), self.batch_size)]
        rng.shuffle(batches)
        yield from batches
