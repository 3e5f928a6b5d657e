"""A checkpoint whose verifier is the mean of several checkpoints' weights ("model soup", arXiv 2203.05482).

    python benchmarks/mean_checkpoint.py --checkpoint A --checkpoint B --out C

The checkpoints must share their base model. Thresholds, calibration and other parts are the first one's: fit
them again with `fit_gate.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from compositional_rerank.checkpoints.config import VERIFIER_FILE
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.checkpoints.weight_delta import apply_delta
from compositional_rerank.training.export import export
from compositional_rerank.training.network import build
from compositional_rerank.verification.cross_encoder import HEAD


def main() -> None:
    """Read, average, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, action="append", required=True, help="two or more")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder to write")
    args = parser.parse_args()
    found = [locate(str(folder)) for folder in args.checkpoint]
    if len({each.base.sha256 for each in found}) != 1 or any(each.config is None for each in found):
        raise SystemExit("the checkpoints must have verifiers on the same base model")
    means: dict[str, torch.Tensor] = {}
    for each in found:
        network = build(each.base.path, 128, "cpu")
        tensors = load_file(each.folder / VERIFIER_FILE)
        apply_delta(network[0].auto_model, {k: v for k, v in tensors.items() if not k.startswith(HEAD)})
        network[2].linear.load_state_dict({k: tensors[HEAD + k].float() for k in ("weight", "bias")})
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                means[name] = means.get(name, torch.zeros_like(tensor)) + tensor / len(found)
    network.load_state_dict(means, strict=False)
    first = found[0].config
    export(
        network,
        found[0].base,
        args.out,
        fusion=first.fusion,
        verifier=first.verifier,
        pooled_weight=first.pooled_weight,
        start=found[0],
    )


if __name__ == "__main__":
    main()
