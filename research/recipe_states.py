"""Keep what a recipe's run left in a few megabytes, and put it back: another machine goes on from there.

    python research/recipe_states.py keep OUT.work/RUN.safetensors KEPT.safetensors
    python research/recipe_states.py restore KEPT.safetensors OUT.work/RUN.safetensors

The change of the base model is kept in four bits, as a checkpoint keeps it; a checkpoint's
verifier.safetensors can be put back, too. Where the runs before it are there (a copy will do), the command
that trains the recipe into ``OUT`` finds them done. What it then makes differs a little from an unbroken run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.torch import load_file, save_file

from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.checkpoints.weight_delta import apply_delta, compress_delta
from compositional_rerank.training.network import build
from compositional_rerank.verification.cross_encoder import HEAD


def main() -> None:
    """Keep or restore."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=("keep", "restore"))
    parser.add_argument("source", type=Path, help="safetensors file to read")
    parser.add_argument("target", type=Path, help="safetensors file to write; must not exist")
    parser.add_argument("--base", default=DEFAULT_BASE, help="name or folder of the base model")
    args = parser.parse_args()
    if args.target.exists():
        parser.error(f"{args.target} exists: choose another name, or remove it first")
    network = build(resolve(args.base).path, 256, "cpu")
    backbone = network[0].auto_model
    before = {name: value.detach().clone() for name, value in backbone.named_parameters()}
    found = load_file(args.source)
    found = {
        name.replace(HEAD, "2.linear.") if name.startswith(HEAD) else name: one for name, one in found.items()
    }
    heads = {name: value for name, value in found.items() if name.startswith(("2.", "3."))}
    if args.verb == "keep":
        network.load_state_dict(found)
        tensors = compress_delta(before, dict(backbone.named_parameters()))
        tensors |= heads
    else:
        apply_delta(backbone, {name: value for name, value in found.items() if name not in heads})
        network.load_state_dict(heads, strict=False)
        tensors = {name: value.contiguous() for name, value in network.state_dict().items()}
    args.target.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, args.target)
    print(f"{args.target}: {args.target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
