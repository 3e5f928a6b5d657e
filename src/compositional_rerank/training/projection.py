"""A projection of token vectors to fewer dimensions that keeps MaxSim: smaller stores, faster scoring.

The projection holds the principal components of the token vectors of some texts; nothing but texts is
needed. They are turned at random among themselves: MaxSim stays what it is, and each number of a vector has
about the same spread, which is what a few bits a number hold best (random rotation: Gao & Long, "RaBitQ",
SIGMOD 2024).
Distilling the MaxSim of whole vectors into it was tried and gained nothing (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.errors import DataError, InputError

MIN_TEXTS = 200


def fit_projection(
    texts: Sequence[str], encoder: TokenEncoder, *, dimension: int, show_progress: bool = True
) -> torch.Tensor:
    """Fit a projection of token vectors.

    Args:
        texts: passages and queries like those that will be searched, at least 200 different ones; a few
            thousand are enough.
        encoder: gives the whole token vectors; has no projection itself.
        dimension: of the projected vectors, from 8 to one less than the encoder's.
        show_progress: whether to draw a progress bar on stderr.

    Returns:
        float32 ``[encoder.dimension, dimension]`` of orthonormal columns; project with
        ``normalize(vectors @ projection)``.

    Raises:
        InputError: the dimension is out of range.
        DataError: too few texts.
    """
    if not 8 <= dimension < encoder.dimension:
        raise InputError(
            f"dimension {dimension} is out of range: the model has {encoder.dimension}, choose from 8 to "
            f"{encoder.dimension - 1}"
        )
    distinct = [text for text in dict.fromkeys(texts) if text.strip()]
    if len(distinct) < MIN_TEXTS:
        raise DataError(f"{len(distinct)} different texts are too few for a projection: give {MIN_TEXTS}")
    encoded = encoder.encode(distinct, task="document", show_progress=show_progress)
    products = torch.zeros(encoder.dimension, encoder.dimension)
    for entry in encoded:
        products += entry.vectors.T @ entry.vectors
    components: torch.Tensor = torch.linalg.eigh(products).eigenvectors
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(dimension, dimension, generator=generator)).Q
    projection: torch.Tensor = components.flip(1)[:, :dimension] @ turn
    return projection.contiguous()
