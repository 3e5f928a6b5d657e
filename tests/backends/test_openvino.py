"""The OpenVINO backend on the real models: the same vectors, answers and errors as torch gives."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from compositional_rerank import CompositionalReranker, MemoryStore, TokenEncoder
from compositional_rerank.backends.openvino import Graph
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.errors import CheckpointError, InputError, MissingDependencyError

pytest.importorskip("openvino", reason="the extra compositional-rerank[openvino] is not installed")

TEXTS = [
    "Rome is closer than Paris",
    "Who wrote Faust?",
    "The drug is safe for children, said the ministry of health in a statement on Monday. " * 4,
    "Die Steuer steigt um drei Prozent, und zwar schon ab dem nächsten Jahr.",
    "a red cup on a blue plate " * 80,  # longer than the window
    "",
    "x",
]
PAIRS = [
    ("Rome is closer than Paris", "Paris is closer than Rome."),
    ("the dog bit the man", "the man was bitten by the dog"),
    ("The drug is safe for children", "The drug is not safe for children, said the ministry on Monday."),
]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all tests of this file, away from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSITIONAL_RERANK_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def fast(cache: Path, checkpoint_folder: Path) -> CompositionalReranker:
    exact = MemoryStore(dtype="float32")
    return CompositionalReranker.from_pretrained(checkpoint_folder, backend="openvino", store=exact)


class _Sum(torch.nn.Module):
    """The smallest module with a transformer's inputs."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return (input_ids * attention_mask).float().cumsum(dim=1)


class _Shuffled(_Sum):
    """Traced as if every text were as long as the first one."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        turned = input_ids if input_ids.shape[1] > 7 else -input_ids
        return super().forward(turned, attention_mask)


def test_token_vectors_are_those_of_torch(fast: CompositionalReranker, encoder: TokenEncoder) -> None:
    found, expected = (one.encode(TEXTS, task="document") for one in (fast.encoder, encoder))
    for left, right in zip(found, expected, strict=True):
        assert left.vectors.shape == right.vectors.shape
        cosines = torch.nn.functional.cosine_similarity(left.vectors, right.vectors)
        assert not len(cosines) or float(cosines.mean()) >= 0.9999
        assert torch.equal(left.segments, right.segments)
        torch.testing.assert_close(left.pooled, right.pooled, atol=2e-3, rtol=0)


def test_the_verifier_answers_as_with_torch(
    fast: CompositionalReranker, verifying: CompositionalReranker
) -> None:
    assert fast.verifier is not None
    assert verifying.verifier is not None
    found, expected = (
        one.verifier.probabilities(PAIRS, ["statement"] * len(PAIRS))  # type: ignore[union-attr]
        for one in (fast, verifying)
    )
    torch.testing.assert_close(found, expected, atol=0.04, rtol=0)


def test_a_ranking_is_that_of_torch(fast: CompositionalReranker, verifying: CompositionalReranker) -> None:
    rankings = [one.rerank("Rome is closer than Paris", TEXTS) for one in (fast, verifying)]
    for found, expected in zip(*rankings, strict=True):
        assert found.index == expected.index
        assert found.relevance == pytest.approx(expected.relevance, abs=2e-3)
        assert (found.mismatch is None) == (expected.mismatch is None)


def test_vectors_of_one_backend_are_not_read_by_another(
    fast: CompositionalReranker, encoder: TokenEncoder
) -> None:
    assert fast.encoder.fingerprint != encoder.fingerprint


def test_eight_threads_get_what_one_gets(fast: CompositionalReranker) -> None:
    alone = fast.encoder.encode(TEXTS, task="query")
    with ThreadPoolExecutor(8) as pool:
        for encoded in pool.map(lambda _: fast.encoder.encode(TEXTS, task="query"), range(16)):
            for found, expected in zip(encoded, alone, strict=True):
                assert torch.equal(found.vectors, expected.vectors)


def test_the_second_load_reads_the_first_ones_graph(
    fast: CompositionalReranker, caplog: pytest.LogCaptureFixture
) -> None:
    again = TokenEncoder(resolve(DEFAULT_BASE), backend="openvino")
    assert not caplog.records
    assert again.fingerprint == fast.encoder.fingerprint
    left, right = (one.encode(TEXTS[:1], task="query")[0].vectors for one in (again, fast.encoder))
    assert torch.equal(left, right)


NAMES = ["input_ids", "attention_mask"]
IDS = torch.tensor([[3, 4, 5]])


@pytest.mark.parametrize("damaged", ["graph.bin", "graph.xml", "sha256"])
def test_a_damaged_graph_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, damaged: str
) -> None:
    monkeypatch.setenv("COMPOSITIONAL_RERANK_CACHE", str(tmp_path))
    for _ in range(3):
        graph = Graph("sum", NAMES, _Sum)
        assert graph.run(IDS, torch.ones_like(IDS)).tolist() == [[3, 7, 12]]
        caplog.clear()
    Graph("sum", NAMES, _Sum)
    assert not caplog.records
    (file,) = tmp_path.rglob(damaged)
    file.write_bytes(b"not what was written")
    with caplog.at_level(logging.WARNING):
        graph = Graph("sum", NAMES, _Sum)
    assert "exporting" in caplog.text
    assert graph.run(IDS, torch.ones_like(IDS)).tolist() == [[3, 7, 12]]
    assert not list(tmp_path.rglob(".*"))


def test_without_a_place_for_the_cache_it_still_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COMPOSITIONAL_RERANK_CACHE", str(tmp_path / "file"))
    assert Graph("sum", NAMES, _Sum).run(IDS, torch.ones_like(IDS)).tolist() == [[3, 7, 12]]
    assert "could not be kept" in caplog.text


def test_a_graph_that_answers_otherwise_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPOSITIONAL_RERANK_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="use backend='torch'"):
        Graph("shuffled", NAMES, _Shuffled)
    assert not list(tmp_path.rglob("graph.*"))


_INTERRUPTED = """
import gc, signal, torch
from compositional_rerank import CompositionalReranker
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
for _ in range(2):
    reranker = CompositionalReranker.from_pretrained({model!r}, backend="openvino")
    reranker.rerank("Who wrote Faust?", ["Goethe wrote Faust."])
    del reranker
    gc.collect()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_after_graphs_came_and_went(fast: CompositionalReranker, checkpoint_folder: Path) -> None:
    code = _INTERRUPTED.format(model=str(checkpoint_folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_backends_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="'onnx' is unknown; the backends are: torch, openvino"):
        CompositionalReranker.from_pretrained(backend="onnx")
    with pytest.raises(InputError, match="runs on the CPU, not on cuda"):
        CompositionalReranker.from_pretrained(backend="openvino", device="cuda")
    monkeypatch.setitem(sys.modules, "openvino", None)  # what Python does where it is not installed
    with pytest.raises(MissingDependencyError, match=r"pip install 'compositional-rerank\[openvino\]'"):
        CompositionalReranker.from_pretrained(backend="openvino")
