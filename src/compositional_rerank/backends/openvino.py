"""A network as an OpenVINO graph: made from the torch module at first use, and kept on disk.

OpenVINO's own front end makes the graph, not optimum-intel (it wants transformers below 5.6) and not
``openvino.convert_model`` (it reports its use over the network unless the user has opted out).
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

import torch

from compositional_rerank._files import cache_folder
from compositional_rerank.checkpoints.base_models import sha256_of
from compositional_rerank.errors import CheckpointError, ForkedError

_FORMAT = 1  # of the files on disk
_FILES = ("graph.xml", "graph.bin")
_LEAST_COSINE = 0.999  # of a graph's answers with the module's; both read the same random tokens
_CACHED_SHAPES = 32  # kernels kept for shapes of inputs; OpenVINO's own 5,000 take a gigabyte
_log = logging.getLogger(__name__)


def precision() -> str:
    """What OpenVINO computes in on this processor: ``"bf16"`` where it is native, else ``"f32"``."""
    capabilities = _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "bf16" if "BF16" in capabilities else "f32"


class Graph:
    """A compiled graph. Safe to share between threads.

    The graph is read from `cache_folder("openvino")`; where it is missing or damaged it is made anew and
    written there, whole or not at all. It runs on as many threads as torch does at the time of loading.

    Args:
        key: what the module's weights and shape depend on.
        names: the module's inputs, int64 ``[n, t]`` each, in the order of `run`.
        build: makes the torch module, in float32; it is only called where the cache has no graph.

    Raises:
        CheckpointError: OpenVINO cannot run the module, or its answers are not the module's.
    """

    def __init__(self, key: str, names: Sequence[str], build: Callable[[], torch.nn.Module]) -> None:
        openvino = _openvino()
        settings = f"{_FORMAT} {openvino.get_version()} {' '.join(names)} {key}"
        folder = cache_folder("openvino") / hashlib.sha256(settings.encode()).hexdigest()[:32]
        model = None
        if not _is_whole(folder):
            _log.warning("exporting a model to OpenVINO; it will be kept in %s", folder)
            model = export_graph(build().eval(), names)
            _write(model, folder)
        if _is_whole(folder):  # also a new one: its weights are rounded to float16 on disk
            try:
                model = _core().read_model(folder / _FILES[0])
            except RuntimeError:  # another process has removed it meanwhile
                if model is None:
                    raise
        self._compiled = compile_graph(model)
        self._process = os.getpid()
        self._idle: LifoQueue[Any] = LifoQueue()

    def run(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The module's output, float32, for inputs of one shape.

        Raises:
            ForkedError: this process was forked from the one that loaded the graph.
        """
        if os.getpid() != self._process:
            raise ForkedError(
                f"the model was loaded with OpenVINO in process {self._process}, from which this one "
                f"({os.getpid()}) was forked without its threads: load it after the fork (gunicorn without "
                "--preload, Celery's worker_process_init), or use backend='torch'"
            )
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._compiled.create_infer_request()
        try:
            outputs = request.infer([tensor.numpy() for tensor in inputs], share_inputs=True)
            return torch.from_numpy(outputs[0])
        finally:
            self._idle.put(request)


def _openvino() -> Any:
    import openvino  # an extra; `check_backend` says so where it is missing

    return openvino


@lru_cache(maxsize=1)
def _core() -> Any:
    """The one OpenVINO core of this process, which is never freed.

    Its CPU plugin gives the thread an alternative stack for signals, and the end of a second plugin would
    leave the thread with a stack that is no longer there: Ctrl-C would then be a segmentation fault.
    """
    return _openvino().Core()


def compile_graph(model: Any, numbers: str | None = None) -> Any:
    """Compile an OpenVINO model for this processor, as `Graph` does; ``numbers`` None is `precision`."""
    return _core().compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": numbers or precision(),
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "CPU_RUNTIME_CACHE_CAPACITY": _CACHED_SHAPES,
            "ENABLE_CPU_PINNING": False,  # several workers would all be pinned to the first cores
        },
    )


def export_graph(module: torch.nn.Module, names: Sequence[str]) -> Any:
    """Trace the module, and compare the graph with it on a shape that was not traced."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about branches that batches of texts do not take
            decoder = TorchScriptPythonDecoder(module, example_input=_example(names, 2, 7))
            front_end = FrontEndManager().load_by_framework("pytorch")
            model = front_end.convert(front_end.load(decoder))
            inputs = _example(names, 3, 19)
            expected = module(**inputs)
        exact = compile_graph(model, "f32")  # in bfloat16, answers near zero may well differ
        found = torch.from_numpy(exact([tensor.numpy() for tensor in inputs.values()])[0])
    except RuntimeError as error:
        raise CheckpointError(f"OpenVINO cannot run this model: {error}; fix: use backend='torch'") from error
    cosine = float(torch.nn.functional.cosine_similarity(found.flatten(), expected.flatten(), dim=0))
    if not cosine >= _LEAST_COSINE:
        raise CheckpointError(
            f"this model's OpenVINO graph answers otherwise than the model (cosine {cosine:.4f}, wanted are "
            f"{_LEAST_COSINE}): use backend='torch'"
        )
    return model


def _example(names: Sequence[str], texts: int, tokens: int) -> dict[str, torch.Tensor]:
    ids = torch.randint(1, 100, (texts, tokens), generator=torch.Generator().manual_seed(0))
    inputs = {name: ids if name == "input_ids" else torch.zeros_like(ids) for name in names}
    inputs["attention_mask"] = torch.ones_like(ids)
    inputs["attention_mask"][-1, tokens // 2 :] = 0
    return inputs


def _write(model: Any, folder: Path) -> None:
    """Keep the graph on disk; without room or permission it is made again at the next start."""
    staged = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
        _openvino().save_model(model, staged / _FILES[0], compress_to_fp16=True)
        (staged / "sha256").write_text("\n".join(sha256_of(staged / name) for name in _FILES))
        if _is_whole(folder):  # another process was faster
            shutil.rmtree(staged)
            return
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        os.rename(staged, folder)
    except (OSError, RuntimeError) as error:  # OpenVINO's for a full disk
        _log.warning("the OpenVINO graph could not be kept in %s: %s", folder, error)
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    try:
        found = [sha256_of(folder / name) for name in _FILES]
        return (folder / "sha256").read_text().split("\n") == found
    except OSError:
        return False
