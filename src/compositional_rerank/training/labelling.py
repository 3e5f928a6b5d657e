"""What a trained network says of rows: a teacher's labels, and logits to calibrate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder

from compositional_rerank.backends.cpu import has_fast_bfloat16
from compositional_rerank.training.network import VERDICTS
from compositional_rerank.training.rows import Row

_CHUNK = 2048  # rows between two saved states


def logits_of(network: CrossEncoder, rows: Sequence[Row]) -> torch.Tensor:
    """float32 ``[n, 4]`` on the CPU: the logits of every row."""
    if not rows:
        return torch.zeros(0, VERDICTS)
    fast = has_fast_bfloat16(network.device)
    context = torch.autocast(network.device.type, torch.bfloat16) if fast else nullcontext()
    with context, torch.inference_mode():
        found = network.predict(
            [(row.query, row.evidence) for row in rows],
            activation_fn=torch.nn.Identity(),
            batch_size=32,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
    return found.float().cpu()


def label(
    network: CrossEncoder, rows: Sequence[Row], file: Path, tell: Callable[[str], None]
) -> torch.Tensor:
    """A teacher's probabilities of all rows, saved as it goes; a file that is there is gone on with.

    Args:
        network: the teacher.
        rows: ``n`` rows.
        file: safetensors file to keep them in.
        tell: called with a line on the progress.

    Returns:
        float32 ``[n, 4]``, rows adding up to 1.
    """
    done = load_file(file)["probabilities"] if file.is_file() else torch.zeros(0, VERDICTS)
    for start in range(len(done), len(rows), _CHUNK):
        part = logits_of(network, rows[start : start + _CHUNK]).softmax(dim=1)
        done = torch.cat([done, part])
        fresh = file.with_suffix(".part")
        save_file({"probabilities": done}, fresh)
        fresh.replace(file)
        tell(f"  teacher: {len(done):,} of {len(rows):,} rows read")
    return done
