"""Checks of what callers pass in, done before any work starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from importlib.util import find_spec
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from compositional_rerank.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    import torch

BACKENDS = ("torch", "openvino")
ENGINES = ("local", "ray")
DENIALS = ("auto", "keep", "penalise")
ORDERS = ("auto", "retriever", "mix", "relevance")
NEAR_MISSES = ("penalise", "demote", "drop", "mark")
SHIPPED: Literal["shipped"] = "shipped"  # the threshold that a checkpoint was fitted with

_Value = TypeVar("_Value")


def check_text(value: object, what: str) -> str:
    """Return ``value`` if it is a string, else say what it is instead."""
    if not isinstance(value, str):
        raise InputError(f"{what} must be a str, got {type(value).__name__}: {value!r:.80}")
    return str(value)  # numpy's strings as Python's


def check_query(value: object) -> str:
    """Return a query that has something to look for in it."""
    query = check_text(value, "query")
    if not query.strip():
        raise InputError(f"query is blank ({query!r:.40}): pass the question or statement to rank by")
    return query


def check_answer(value: object) -> str:
    """Return an answer that has something to check in it."""
    answer = check_text(value, "answer")
    if not answer.strip():
        raise InputError(f"answer is blank ({answer!r:.40}): pass the text whose sentences are to be checked")
    return answer


def check_texts(values: object, what: str) -> list[str]:
    """Return the strings of any iterable of them: a list, an array, a column of a table, a generator.

    Blank strings are allowed; a lone string is not, nor a mapping or a set, which have no order to rank in.
    """
    if isinstance(values, (str, bytes, Mapping, Set)) or not isinstance(values, Iterable):
        fix = "wrap a single text in a list" if isinstance(values, (str, bytes)) else "pass them in order"
        raise InputError(f"{what} must be a list of str, got {type(values).__name__}: {fix}")
    return [check_text(value, f"{what}[{index}]") for index, value in enumerate(values)]


def check_aligned(
    first: object, second: object, names: tuple[str, str], check: Callable[[object], str] = str
) -> tuple[list[str], list[str]]:
    """Return two lists of as many strings, those of the first checked once more."""
    texts1 = [check(text) for text in check_texts(first, names[0])]
    texts2 = check_texts(second, names[1])
    if len(texts1) != len(texts2):
        counts = f"{names[0]} has {len(texts1)} texts and {names[1]} has {len(texts2)}"
        raise InputError(f"{counts}: pass aligned lists")
    return texts1, texts2


def check_count(value: object, what: str, least: int = 1) -> int | None:
    """Return a limit that is None or an integer of at least ``least``, one of numpy's included."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{what} must be an int or None, got {type(value).__name__}: {value!r:.40}")
    if value < least:
        raise InputError(f"{what} must be at least {least}, got {value}; pass None for the default")
    return int(value)


def check_bound(value: object, what: str, low: float, high: float) -> float | None:
    """Return a threshold that is None (no threshold) or a number in ``[low, high]``."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise InputError(f"{what} must be a number or None, got {type(value).__name__}: {value!r:.40}")
    if not low <= value <= high:  # false for NaN, too
        raise InputError(f"{what} must be in [{low:g}, {high:g}], got {value}; pass None for no threshold")
    return float(value)


def required(value: _Value | None, what: str) -> _Value:
    """Return a limit or threshold that has to be there."""
    if value is None:
        raise InputError(f"{what} is None: pass a number, or leave it out for the default")
    return value


def check_choice(value: object, what: str, choices: Collection[str]) -> None:
    """Raise `InputError` unless the value is one of a few words."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{what} {value!r:.40} is unknown; choose one of: {', '.join(choices)}")


def check_threshold(value: object) -> None:
    """Raise `InputError` unless the value is ``"shipped"`` or a number in [0, 1]."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        fine = bool(0 <= value <= 1)  # false for NaN, too
    else:
        fine = isinstance(value, str) and value == SHIPPED
    if not fine:
        raise InputError(
            f"threshold must be in [0, 1], got {value!r:.40}; pass {SHIPPED!r} for the model's own"
        )


def check_own_text(values: object, texts: list[str]) -> list[tuple[str, tuple[int, int] | None]]:
    """Return every passage with the span of its characters that may be evidence, None for all of it."""
    if values is None:
        return [(text, None) for text in texts]
    if not isinstance(values, Collection) or isinstance(values, (str, bytes, Mapping, Set)):
        raise InputError(f"own_text must be a list of (start, stop), got {type(values).__name__}")
    if len(values) != len(texts):
        raise InputError(f"own_text has {len(values)} entries for {len(texts)} passages: pass one for each")
    return [
        (text, _span(value, len(text), index))
        for index, (value, text) in enumerate(zip(values, texts, strict=True))
    ]


def _span(value: object, length: int, index: int) -> tuple[int, int] | None:
    if value is None:
        return None
    if isinstance(value, (tuple, list)) and len(value) == 2:
        start, stop = value
        if (
            all(isinstance(one, Integral) and not isinstance(one, bool) for one in value)
            and 0 <= start <= stop <= length
        ):
            return int(start), int(stop)
    raise InputError(
        f"own_text[{index}] must be None or (start, stop) within the passage's {length} characters, "
        f"got {value!r:.40}"
    )


def check_device(value: object) -> str | None:
    """Return the name of a torch device that this machine has, or None for the best there is.

    ``"auto"`` is None, and case does not matter.
    """
    if value is None:
        return None
    name = str(value).strip().lower()  # a torch.device is fine, too
    if name == "auto":
        return None
    if name == "cpu":
        return name
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        there = ["cpu"]
        if torch.accelerator.is_available():
            kind = torch.accelerator.current_accelerator()
            there += [f"{kind}:{number}" for number in range(torch.accelerator.device_count())]
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"device {value!r:.40} cannot be used ({reason:.80}); this machine has: {', '.join(there)}; "
            "pass one of them, or None for the best"
        ) from error
    return name


def device_of(device: str | None, backend: str) -> torch.device:
    """Where a network computes: a device from `check_device`, the CPU with OpenVINO, or the best there is."""
    import torch

    from compositional_rerank.backends.device import best_device

    return torch.device(device or ("cpu" if backend == "openvino" else best_device()))


def check_parts(
    model: object, encoder: object, verifier: object, store: object
) -> tuple[str | None, str | None, str | None]:
    """Return the names of a reranker's parts as text."""
    names = []
    for what, value in (("model", model), ("encoder", encoder), ("verifier", verifier)):
        if value is not None and (not isinstance(value, (str, os.PathLike)) or not str(value).strip()):
            raise InputError(
                f"{what} is named by a str or a path, got {value!r:.40}: pass a name or a folder"
            )
        names.append(None if value is None else os.fspath(value))
    if None not in names:
        raise InputError(
            f"model {names[0]!r:.40} would be used for nothing: encoder and verifier are both named; "
            "leave one of the three out"
        )
    if names[1] == "none" and store is not None:
        raise InputError("a store keeps what an encoder makes, and encoder is 'none': leave store out")
    return names[0], names[1], names[2]


def check_vectors(query_vector: object, vectors: object, encoder: str | None) -> None:
    """Raise `InputError` unless a reranker without an encoder is given both or neither."""
    if (query_vector is None) != (vectors is None):
        missing = "query_vector" if query_vector is None else "vectors"
        raise InputError(f"{missing} is missing: query_vector and vectors go together")
    if vectors is not None and encoder != "none":
        raise InputError(
            f"vectors would be used for nothing, as the encoder {encoder or 'of the model'} makes its own: "
            "load the reranker with encoder='none', or leave them out"
        )


def check_backend(value: object, device: object) -> str:
    """Return a backend that is known, installed, and runs on the device.

    Raises:
        InputError: the backend is unknown, or is to run on a device that it cannot use.
        MissingDependencyError: OpenVINO is not installed.
    """
    if not isinstance(value, str) or value not in BACKENDS:
        raise InputError(f"backend {value!r:.40} is unknown; the backends are: {', '.join(BACKENDS)}")
    if value == "openvino":
        if device is not None and str(device).lower() not in ("cpu", "auto"):
            raise InputError(
                f"backend 'openvino' runs on the CPU, not on {device}: pass device='cpu' or None"
            )
        if find_spec("openvino") is None:
            raise MissingDependencyError(
                "backend 'openvino' needs the package openvino; fix: "
                "pip install 'compositional-rerank[openvino]'"
            )
    return value


def check_retrieval_scores(values: Any, count: int) -> list[float | None]:
    """Return one retrieval score per passage: None where there was none, NaN and infinities as they came."""
    if values is None:
        return [None] * count
    if not isinstance(values, Collection) or isinstance(values, (str, bytes, Mapping, Set)):
        raise InputError(f"retrieval_scores must be a list of numbers, got {type(values).__name__}")
    if len(values) != count:
        raise InputError(
            f"retrieval_scores has {len(values)} entries for {count} passages: pass one for each"
        )
    return [_score(value, index) for index, value in enumerate(values)]


def _score(value: Any, index: int) -> float | None:
    if value is None:
        return None
    try:
        if isinstance(value, (str, bytes, bool)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"retrieval_scores[{index}] must be a number or None, got {type(value).__name__}: {value!r:.40}"
        ) from None
