"""The verifier while it is trained: a sentence-transformers CrossEncoder made of explicit modules."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.modules import Pooling

from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.errors import InputError

VERDICTS = 4  # supports, denies, differs, silent


def build(base: Path, max_tokens: int, device: str | None = None) -> CrossEncoder:
    """The base model reading two texts together, all of its layers trainable, its word embeddings frozen.

    Besides the verdicts' ``scores`` it says of each token whether it is ``wrong``, which is only learnt from.
    The logits come from the mean of all token vectors, which is what the base was trained to pool: from its
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
    transformer.auto_model.set_attn_implementation("eager")  # on a CPU the fused one is slow at going back
    for module in transformer.auto_model.modules():  # one pass over the rows: there is nothing to overfit
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    transformer.auto_model.config.num_labels = VERDICTS
    dimension = transformer.get_embedding_dimension()
    head = Dense(
        dimension,
        VERDICTS,
        activation_function=torch.nn.Identity(),
        module_input_name="sentence_embedding",
        module_output_name="scores",
    )
    words = Dense(
        dimension,
        1,
        activation_function=torch.nn.Identity(),
        module_input_name="token_embeddings",
        module_output_name="wrong",
    )
    modules = [transformer, Pooling(dimension, pooling_mode="mean"), head, words]
    network: CrossEncoder = CrossEncoder(modules=modules, device=device)
    return network


def begin_anew(network: CrossEncoder, layers: int, seed: int) -> None:
    """Draw the head and the products of the last layers anew.

    The last layers of an embedding model have learnt to say the same of all tokens of a text, which is of no
    use to a reader of two: Zhang et al., "Revisiting Few-sample BERT Fine-tuning" (ICLR 2021).

    Args:
        network: from `build`.
        layers: how many of the last layers, at least 0.
        seed: of the draw.

    Raises:
        InputError: the model has fewer layers, or keeps them elsewhere than BERT does.
    """
    torch.manual_seed(seed)
    for head in (network[2], network[3]):
        cast(torch.nn.Linear, head.linear).reset_parameters()
    model = cast(Any, network[0]).auto_model
    stack = getattr(getattr(model, "encoder", None), "layer", [])
    if not 0 <= layers <= len(stack):
        raise InputError(
            f"fresh_layers is {layers}, and the base model has {len(stack)} layers that can begin anew"
        )
    for layer in stack[len(stack) - layers :]:
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                torch.nn.init.normal_(module.weight, std=model.config.initializer_range)
                torch.nn.init.zeros_(module.bias)


class TokenBatchSampler(DefaultBatchSampler):
    """Random batches of groups of about equal length, each of about ``batch_size`` characters in all.

    Padding would be a third of the work, and a batch of long pairs four times as long as one of short ones.

    Args:
        groups: for each row of the dataset the number of its group; the rows of one are in one batch.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        drop_last: bool,
        seed: int = 0,
        *,
        groups: Sequence[int],
        **kwargs: Any,
    ) -> None:
        super().__init__(dataset, batch_size=batch_size, drop_last=drop_last, seed=seed, **kwargs)
        members: dict[int, list[int]] = {}
        for place, group in enumerate(groups):
            members.setdefault(group, []).append(place)
        self._groups = list(members.values())
        texts = zip(dataset["query"], dataset["evidence"], strict=True)
        lengths = [len(query) + len(evidence) for query, evidence in texts]
        self._longest = [max(lengths[place] for place in group) for group in self._groups]

    def __len__(self) -> int:
        return len(self._batches())

    def __iter__(self) -> Iterator[list[int]]:
        yield from self._batches()

    def _batches(self) -> list[list[int]]:
        rng = random.Random(f"{self.seed} {self.epoch}")
        order = list(range(len(self._groups)))
        rng.shuffle(order)
        whole = sum(longest * len(group) for longest, group in zip(self._longest, self._groups, strict=True))
        pool = math.ceil(50 * self.batch_size / (whole / len(order)))
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            batch: list[int] = []
            for place in sorted(order[start : start + pool], key=self._longest.__getitem__):
                group = self._groups[place]
                if batch and self._longest[place] * (len(batch) + len(group)) > self.batch_size:
                    batches.append(batch)
                    batch = []
                batch += group
            batches.append(batch)
        rng.shuffle(batches)
        return batches
