"""A projection of token vectors to fewer dimensions that keeps MaxSim: smaller stores, faster scoring.

The projection is linear and follows the base model: nothing but texts is needed. A principal component
analysis of the token vectors is the start; then it learns to give the lists of scores that the whole vectors
give (distillation of the MaxSim of lists of near and random texts).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch.nn.functional import normalize
from tqdm.auto import tqdm

from compositional_rerank.encoder import EncodedText, TokenEncoder
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.scoring.tokens import PackedTokens
from compositional_rerank.verifier import has_fast_bfloat16

MIN_TEXTS = 200
STEPS = 3000
_NEAR, _LIST_NEAREST, _LIST_NEAR, _LIST_RANDOM, _LISTS = 40, 5, 9, 3, 6
_LONGEST = 200  # tokens of a text that are looked at
_SHORT_QUERIES = 0.15  # share of queries cut to one to three tokens, as keyword queries are
_LIST_WEIGHT, _MAP_WEIGHT, _LEVEL_WEIGHT = 20.0, 0.3, 0.1


def train_projection(
    texts: Sequence[str],
    encoder: TokenEncoder,
    *,
    dimension: int,
    steps: int,
    seed: int = 0,
    show_progress: bool = True,
) -> torch.Tensor:
    """Fit a projection of token vectors.

    Args:
        texts: passages and queries like those that will be searched, at least 200; a few thousand are enough.
        encoder: gives the whole token vectors; has no projection itself.
        dimension: of the projected vectors, from 8 to one less than the encoder's.
        steps: steps of 6 lists of 18 texts.
        seed: of the sample and the lists.
        show_progress: whether to draw progress bars on stderr.

    Returns:
        float32 ``[encoder.dimension, dimension]``; project with ``normalize(vectors @ projection)``.

    Raises:
        InputError: the dimension or the steps are out of range.
        DataError: too few texts.
    """
    if not 8 <= dimension < encoder.dimension:
        raise InputError(
            f"dimension {dimension} is out of range: the model has {encoder.dimension}, choose from 8 to "
            f"{encoder.dimension - 1}"
        )
    if steps < 1:
        raise InputError(f"steps is {steps}: at least 1 is needed")
    distinct = [text for text in dict.fromkeys(texts) if text.strip()]
    if len(distinct) < MIN_TEXTS:
        raise DataError(f"{len(distinct)} different texts are too few for a projection: give {MIN_TEXTS}")
    rng = random.Random(seed)
    torch.manual_seed(seed)
    fast = has_fast_bfloat16(encoder.device)
    with torch.autocast(encoder.device.type, torch.bfloat16, enabled=fast):  # cosine to float32: .9999
        encoded = encoder.encode(distinct, task="document", show_progress=show_progress)
    entries = [entry for entry in encoded if len(entry.vectors)]
    weight = torch.nn.Parameter(_principal_components(entries, dimension))
    optimizer = torch.optim.Adam([weight])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=max(steps, 2))
    near = _nearest(entries)
    bar = tqdm(range(steps), desc="Projection", unit="step", disable=not show_progress)
    for _ in bar:
        lists = [_draw(entries, near, rng) for _ in range(_LISTS)]
        loss = torch.stack([_loss(query, packed, weight) for query, packed in lists]).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{float(loss.detach()):.4f}", refresh=False)
    return weight.detach()


def _principal_components(entries: list[EncodedText], dimension: int) -> torch.Tensor:
    products = torch.zeros(entries[0].vectors.shape[1], entries[0].vectors.shape[1])
    for entry in entries:
        products += entry.vectors.T @ entry.vectors
    vectors: torch.Tensor = torch.linalg.eigh(products).eigenvectors
    return vectors.flip(1)[:, :dimension].contiguous()


def _nearest(entries: list[EncodedText]) -> torch.Tensor:
    """int64 ``[n, 40]``: for each text those with the closest pooled vectors, itself among them."""
    pooled = torch.stack([entry.pooled for entry in entries])
    count = min(_NEAR, len(entries))
    return torch.cat([(chunk @ pooled.T).topk(count).indices for chunk in torch.split(pooled, 1024)])


def _draw(
    entries: list[EncodedText], near: torch.Tensor, rng: random.Random
) -> tuple[torch.Tensor, PackedTokens]:
    """A segment of a text as the query, and a list of the texts nearest to it, of near and of random ones."""
    place = rng.randrange(len(entries))
    entry = entries[place]
    _, _, start, stop = rng.choice(entry.segments.tolist())
    if rng.random() < _SHORT_QUERIES:
        start = rng.randrange(start, stop)
        stop = min(stop, start + rng.randint(1, 3))
    closest = near[place].tolist()
    others = closest[:_LIST_NEAREST] + rng.sample(
        closest[_LIST_NEAREST:], min(_LIST_NEAR, len(closest) - _LIST_NEAREST)
    )
    others += rng.sample(range(len(entries)), _LIST_RANDOM)
    unique = [other for other in dict.fromkeys(others) if other != place]
    return entry.vectors[start:stop], PackedTokens.from_list([entries[i].vectors[:_LONGEST] for i in unique])


def _loss(query: torch.Tensor, texts: PackedTokens, weight: torch.Tensor) -> torch.Tensor:
    """How far the projected scores are from the whole ones; differences within the list matter most."""
    whole = texts.vectors @ query.T
    small = normalize(texts.vectors @ weight, dim=1) @ normalize(query @ weight, dim=1).T
    lengths = texts.lengths.tolist()
    best = torch.stack([part.amax(0) for part in torch.split(whole, lengths)])
    found = torch.stack([part.amax(0) for part in torch.split(small, lengths)])
    off = found.mean(1) - best.mean(1)
    level = off.mean()
    among = ((off - level) ** 2).mean() + _LEVEL_WEIGHT * level**2
    return _LIST_WEIGHT * among + ((found - best) ** 2).mean() + _MAP_WEIGHT * ((small - whole) ** 2).mean()
