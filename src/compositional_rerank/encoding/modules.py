"""What a model folder holds: its transformer, and what token vectors go through behind it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError

from compositional_rerank.backends.bert import PlainBert
from compositional_rerank.checkpoints.base_models import UNLOADABLE, ModelFiles
from compositional_rerank.checkpoints.quiet import quiet_loading
from compositional_rerank.encoding.transformer import PlainTransformer
from compositional_rerank.errors import CheckpointError

_LATE = ("MultiVectorEncoder", "ColBERT")  # sentence-transformers' name, and PyLate's before it
_MARKERS = ("query_prefix", "document_prefix")  # in PyLate's config, whatever it calls itself
_TOKENS = "token_embeddings"


@dataclass(frozen=True, eq=False)
class Modules:
    """A loaded text encoder.

    Args:
        transformer: sentence-transformers' ``Transformer``.
        dense: what its token vectors go through, in order; empty but in late-interaction models.
        prompts: what is read before a text, by task, ``"query"`` and ``"document"``; ColBERT's markers are
            prompts of one token.
        skipped: ids of tokens that are not scored, by task.
        fill: id of the token that queries are filled up with and see, and how long they become then.
        pooling: how the model makes one vector of a text, ``"mean"`` or ``"cls"``; None where it makes none,
            or in another way.
        longest: tokens that the transformer reads at a time, special tokens included.
    """

    transformer: Any
    dense: tuple[torch.nn.Module, ...]
    prompts: dict[str, str]
    skipped: dict[str, frozenset[int]]
    fill: tuple[int, int] | None
    pooling: Literal["mean", "cls"] | None
    longest: int


def load_modules(files: ModelFiles, *, plain: bool = True) -> Modules:
    """Load an embedding model or a late-interaction model: sentence-transformers', PyLate's or ColBERT's.

    Args:
        files: the model.
        plain: whether a plain BERT may be loaded without sentence-transformers, whose import takes seconds:
            the vectors are the same to the bit.

    Raises:
        CheckpointError: it is neither, cannot be loaded, or does with token vectors what is not understood.
    """
    late = is_late_interaction(files.path)
    try:
        found = _plain(files.path) if plain and not late else None
        if found is not None:
            return found
        from sentence_transformers import MultiVectorEncoder, SentenceTransformer

        with quiet_loading():
            model: Any = (MultiVectorEncoder if late else SentenceTransformer)(
                str(files.path),
                device="cpu",
                local_files_only=True,
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            )
    except (*UNLOADABLE, ImportError, SafetensorError) as error:
        raise CheckpointError(f"{files.path} cannot be loaded as a text encoder: {error}") from error
    return _read(model, files.path, late)


def is_late_interaction(folder: Path) -> bool:
    """Whether a folder holds a late-interaction model, which makes no vector of a whole text.

    Raises:
        CheckpointError: it holds a model of another kind.
    """
    config = _json(folder / "config_sentence_transformers.json")
    kind = config.get("model_type")
    architectures = [str(name) for name in _json(folder / "config.json").get("architectures") or []]
    plain = not (folder / "modules.json").is_file()
    reads_pairs = plain and any(name.endswith("ForSequenceClassification") for name in architectures)
    if kind == "CrossEncoder" or reads_pairs:
        raise CheckpointError(
            f"{folder} is a cross-encoder, which reads two texts together and has no vectors of one: one "
            "trained on inference can be the verifier (verifier=), another is no part of a reranker"
        )
    if kind in _LATE or "HF_ColBERT" in architectures or any(marker in config for marker in _MARKERS):
        return True
    if kind not in (None, "SentenceTransformer"):
        raise CheckpointError(
            f"{folder} is a {kind}; an encoder is a SentenceTransformer or a late-interaction model "
            f"({', '.join(_LATE)}, HF_ColBERT)"
        )
    return False


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain(folder: Path) -> Modules | None:
    """A plain BERT whose vectors' mean is all that it makes of them; None where it is anything else."""
    config = _json(folder / "config_sentence_transformers.json")
    behind = [str(module.get("type")).rpartition(".")[2] for module in _list(folder / "modules.json")[1:]]
    pooling = _json(folder / "1_Pooling" / "config.json")
    modes = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value]
    found = PlainBert.find(folder)
    if (
        found is None
        or any((config.get("prompts") or {}).values())
        or behind not in (["Pooling"], ["Pooling", "Normalize"])
        or modes != ["pooling_mode_mean_tokens"]
    ):
        return None
    transformer = PlainTransformer(found).eval()
    prompts = {"query": "", "document": ""}
    return Modules(transformer, (), prompts, {}, None, "mean", transformer.max_seq_length)


def _list(file: Path) -> list[Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return found if isinstance(found, list) else []


def _read(model: Any, folder: Path, late: bool) -> Modules:
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
    from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Pooling

    first, *others = list(model)
    dense: list[torch.nn.Module] = []
    skipped: dict[str, frozenset[int]] = {}
    pooled: list[str] = []
    for module in others:
        tokens = getattr(module, "module_input_name", None) == _TOKENS
        if isinstance(module, Dense) and late and tokens and module.module_output_name == _TOKENS:
            dense.append(module)
        elif isinstance(module, MultiVectorMask) and module.keep_only_token_ids is None:
            ids = first.tokenizer.convert_tokens_to_ids(module.skiplist_words)
            known = frozenset(ids) - {first.tokenizer.unk_token_id}
            skipped = dict.fromkeys(module.skiplist_tasks, known)
        elif isinstance(module, Pooling) and not late:
            modes = module.pooling_mode
            pooled = [modes] if isinstance(modes, str) else list(modes)
        elif isinstance(module, (Dense, LayerNorm)) and pooled:
            pooled.append(type(module).__name__)
        elif not isinstance(module, (Normalize, Dropout)):
            _refuse(folder, module)
    if not isinstance(first, Transformer) or first.transformer_task != "feature-extraction":
        _refuse(folder, first)
    if not late and not pooled:
        _refuse(folder, others[0] if others else first)
    longest = int(first.max_seq_length or 512)
    return Modules(
        transformer=first.eval().float(),
        dense=tuple(module.eval().float() for module in dense),
        prompts={
            "query": model.prompts.get("query") or "",
            "document": model.prompts.get("document") or model.prompts.get("passage") or "",
        },
        skipped=skipped,
        fill=_fill(first),
        pooling=next((mode for mode in ("mean", "cls") if pooled == [mode]), None),
        longest=min(longest, int(first.document_length or longest)),
    )


def _fill(transformer: Any) -> tuple[int, int] | None:
    """What queries are filled up with, where their own tokens see it.

    ColBERT also scores what it fills up with. Here nothing is scored that is no token of the text: there
    would be no words to show for it. Where the text's tokens do not see it, it is left out.
    """
    expansion = transformer.query_expansion
    if expansion is None or not expansion["attend"]:
        return None
    tokenizer = transformer.tokenizer
    named = expansion["token"]
    if named is not None:
        token = tokenizer.convert_tokens_to_ids(named)
    else:
        token = tokenizer.eos_token_id if tokenizer.mask_token_id is None else tokenizer.mask_token_id
    return None if token is None else (int(token), int(expansion["length"]))


def _refuse(folder: Path, module: Any) -> None:
    raise CheckpointError(
        f"{folder} has the module {type(module).__name__}, and what it does with token vectors is not "
        "understood: an encoder is a Transformer with Pooling behind it, or a late-interaction model of a "
        "Transformer and Dense layers"
    )
