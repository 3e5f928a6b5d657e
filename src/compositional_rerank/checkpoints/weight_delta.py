"""Small files for trained models: only what training changed, matrices in four bits.

The change that fine-tuning makes to a matrix is small and survives a coarse grid far better than the matrix
itself would (Liu et al., "BitDelta", NeurIPS 2024, keep one bit). Every row is cut into groups of
`GROUP` numbers; a group is stored as integers from -7 to 7 and one float16 step.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from compositional_rerank.errors import CheckpointError

GROUP = 32
_CODES, _STEPS = ".codes", ".steps"


def compress_delta(
    base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """What changed from ``base`` to ``tuned``, as tensors for a safetensors file.

    Args:
        base: parameters of the base model by name.
        tuned: parameters of the same names and shapes after training.

    Returns:
        For every changed matrix whose width is a multiple of ``GROUP``: ``NAME.codes`` uint8
        ``[out, in / 2]``, two codes a byte, and ``NAME.steps`` float16 ``[out, in / GROUP]``. For any other
        changed parameter ``NAME``, its change as float16. Unchanged parameters are left out.

    Raises:
        CheckpointError: a parameter is missing or has another shape, or a change is not finite in float16.

    Example:
        >>> base = {"layer.weight": torch.zeros(2, 32)}
        >>> sorted(compress_delta(base, {"layer.weight": torch.ones(2, 32)}))
        ['layer.weight.codes', 'layer.weight.steps']
        >>> compress_delta(base, base)
        {}
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, before in base.items():
        if name not in tuned or tuned[name].shape != before.shape:
            raise CheckpointError(f"{name} of shape {tuple(before.shape)} is not in the tuned model")
        change = tuned[name].detach().float().cpu() - before.detach().float().cpu()
        if not change.any():
            continue
        if not bool(torch.isfinite(change.half()).all()):
            raise CheckpointError(f"the change of {name} is not finite in float16: training diverged")
        if change.dim() == 2 and change.shape[1] % GROUP == 0:
            groups = change.reshape(len(change), -1, GROUP)
            steps = (groups.abs().amax(dim=2) / 7).half()
            # a step that float16 rounds to 0 makes all of its group 0, whatever the codes
            divisor = torch.where(steps > 0, steps.float(), 1.0).unsqueeze(2)
            codes = (groups / divisor).round().clamp(-7, 7).add(7).to(torch.uint8).reshape(len(change), -1)
            tensors[name + _CODES] = (codes[:, 0::2] << 4 | codes[:, 1::2]).contiguous()
            tensors[name + _STEPS] = steps
        else:
            tensors[name] = change.half()
    return tensors


def apply_delta(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Add changes made by `compress_delta` to a model's parameters, in place.

    Raises:
        CheckpointError: a name or shape does not fit the model.
    """
    own = dict(model.named_parameters())
    for key, tensor in tensors.items():
        if key.endswith(_STEPS):
            continue
        name = key.removesuffix(_CODES)
        if key.endswith(_CODES):
            steps = tensors.get(name + _STEPS)
            if (
                steps is None
                or tensor.dim() != 2
                or steps.shape != (len(tensor), tensor.shape[1] * 2 / GROUP)
            ):
                raise CheckpointError(f"the steps of {name} do not fit its codes: the checkpoint is damaged")
            change = _expand(tensor, steps)
        else:
            change = tensor.float()
        if name not in own or own[name].shape != change.shape:
            has = tuple(own[name].shape) if name in own else "no such parameter"
            raise CheckpointError(
                f"the checkpoint changes {name} of shape {tuple(change.shape)}, the base model has {has}: "
                "load it on the base model that its config.json names"
            )
        own[name].data.add_(change.to(own[name].device))


def _expand(codes: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    wide = torch.stack([codes >> 4, codes & 15], dim=2).reshape(len(codes), steps.shape[1], GROUP)
    return ((wide.float() - 7) * steps.float().unsqueeze(2)).reshape(len(codes), -1)
