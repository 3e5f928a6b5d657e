"""Readers of the token-token similarity map that `architectures.py` compares.

Each takes the token vectors of both texts, ``[B, layers, Tq, 384]`` and ``[B, layers, Td, 384]``, with their
masks, and returns the logit of a mismatch, ``[B]``. The first layer is the encoder's last.
F1 to F4 follow arXiv 2604.16351.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

SIDE = 128


def similarity(
    first: torch.Tensor, mask1: torch.Tensor, second: torch.Tensor, mask2: torch.Tensor
) -> torch.Tensor:
    """Cosines of the last layer, ``[B, Tq, Td]``, 0 outside of the texts."""
    return (first[:, 0] @ second[:, 0].transpose(1, 2)) * mask1[:, :, None] * mask2[:, None]


def channels(cosines: torch.Tensor) -> torch.Tensor:
    """The map, its row maxima and its column maxima, padded to ``[B, 3, 128, 128]``."""
    rows = cosines.amax(2, keepdim=True).expand_as(cosines)
    columns = cosines.amax(1, keepdim=True).expand_as(cosines)
    stacked = torch.stack([cosines, rows, columns], dim=1)[:, :, :SIDE, :SIDE]
    return F.pad(stacked, (0, SIDE - stacked.shape[3], 0, SIDE - stacked.shape[2]))


class MaxSim(nn.Module):
    """F1: MaxSim alone, with a trained scale and offset."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([-5.0, 4.0]))

    def forward(self, first, mask1, second, mask2):  # type: ignore[no-untyped-def]
        best = similarity(first, mask1, second, mask2).amax(2)
        return (best * mask1).sum(1) / mask1.sum(1) * self.scale[0] + self.scale[1]


class SoftAlignment(nn.Module):
    """F2: every query token is aligned softly, and pays for the distance of positions."""

    def __init__(self) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(10.0))
        self.distance = nn.Parameter(torch.tensor(1.0))
        self.scale = nn.Parameter(torch.tensor([-5.0, 4.0]))

    def forward(self, first, mask1, second, mask2):  # type: ignore[no-untyped-def]
        cosines = similarity(first, mask1, second, mask2)
        place1 = torch.arange(cosines.shape[1]) / mask1.sum(1, keepdim=True)
        place2 = torch.arange(cosines.shape[2]) / mask2.sum(1, keepdim=True)
        apart = (place1[:, :, None] - place2[:, None]).abs()
        weights = (
            (self.sharpness * (cosines - self.distance * apart)).masked_fill(~mask2[:, None], -1e4).softmax(2)
        )
        aligned = (weights * (cosines - self.distance * apart)).sum(2)
        return (aligned * mask1).sum(1) / mask1.sum(1) * self.scale[0] + self.scale[1]


class Convolutions(nn.Module):
    """F3: three strided convolutions over the padded map."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for wide, wider in ((3, 32), (32, 64), (64, 96)):
            layers += [nn.Conv2d(wide, wider, 3, stride=2, padding=1), nn.GroupNorm(8, wider), nn.GELU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(96, 1)

    def forward(self, first, mask1, second, mask2):  # type: ignore[no-untyped-def]
        return self.head(self.layers(channels(similarity(first, mask1, second, mask2))).mean((2, 3)))[:, 0]


class Patches(nn.Module):
    """F4: 8 x 8 patches of the padded map as tokens of a Transformer, d=256, two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 256, 8, stride=8)
        self.place = nn.Parameter(torch.randn(1, (SIDE // 8) ** 2 + 1, 256) * 0.02)
        self.first = nn.Parameter(torch.zeros(1, 1, 256))
        layer = nn.TransformerEncoderLayer(256, 4, 1024, 0.1, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(256, 1)

    def forward(self, first, mask1, second, mask2):  # type: ignore[no-untyped-def]
        patches = self.embed(channels(similarity(first, mask1, second, mask2))).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.first.expand(len(patches), -1, -1), patches], dim=1) + self.place
        with torch.autocast("cpu", torch.bfloat16):  # twice as fast; the map itself stays float32
            read = self.layers(tokens)[:, 0]
        return self.head(read.float())[:, 0]


class Rows(nn.Module):
    """Ours over the map: one token for each query token, which holds its row around its best matches.

    A row is the three best cosines in maps of three layers, the distance of their places from the query
    token's, whether the token is the best match of its best match, the step from the best match of the token
    before, and how often its best match is taken.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(3 * 3 + 3 + 4, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 256, 0.0, "gelu", batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(64, 1)

    def forward(self, first, mask1, second, mask2):  # type: ignore[no-untyped-def]
        maps = (first @ second.transpose(2, 3)).masked_fill(~mask2[:, None, None], -1.0)
        maps = F.pad(maps, (0, max(0, 3 - maps.shape[3])), value=-1.0)
        best, where = maps.topk(3, dim=3)
        place = torch.arange(maps.shape[2])[None, :, None]
        nearest = where[:, 0]
        apart = (nearest - place).float() / 10
        back = maps[:, 0].argmax(1)
        mutual = (back.gather(1, nearest[:, :, 0]) == place[:, :, 0]).float()
        step = F.pad(nearest[:, 1:, 0] - nearest[:, :-1, 0], (1, 0)).float().clamp(-8, 8) / 4
        taken = (nearest[:, :, 0][:, :, None] == nearest[:, :, 0][:, None]).float().sum(2) / 4
        features = [
            best.transpose(1, 2).flatten(2),
            apart,
            mutual[..., None],
            step[..., None],
            taken[..., None],
        ]
        features.append((place / 20).float().expand(len(maps), -1, -1))
        tokens = self.layers(self.embed(torch.cat(features, dim=2)), src_key_padding_mask=~mask1)
        return self.head((tokens * mask1[..., None]).sum(1) / mask1.sum(1, keepdim=True))[:, 0]


READERS: dict[str, type[nn.Module]] = {
    "F1 MaxSim": MaxSim,
    "F2 soft alignment": SoftAlignment,
    "F3 CNN": Convolutions,
    "F4 patch Transformer": Patches,
    "rows of the map": Rows,
}
