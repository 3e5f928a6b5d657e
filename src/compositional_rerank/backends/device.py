"""Which device runs the networks where nobody named one."""

from __future__ import annotations

from importlib.util import find_spec

import torch


def best_device() -> str:
    """What sentence-transformers would choose, which is only asked where there is a choice."""
    if not torch.accelerator.is_available() and find_spec("habana_frameworks") is None:
        return "cpu"
    from sentence_transformers.util import get_device_name

    return str(get_device_name())
