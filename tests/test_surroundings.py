"""What the program around may do: fork, change torch's defaults, ask queries of every length."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from compositional_rerank import CompositionalReranker, StructuralEmbedder

QUERY = "Rome is closer than Paris"
PASSAGES = [
    "Paris is closer than Rome.",
    "Rome is nearer than Paris. The trip is short.",
    "",
    "Goethe wrote Faust.",
]

_FORKED = """
import os, torch
torch.set_num_threads(4)
from compositional_rerank import CompositionalReranker
from compositional_rerank.errors import ForkedError

reranker = CompositionalReranker.from_pretrained(device="cpu", backend={backend!r})
passages = {passages!r}
expected = reranker.rerank({query!r}, passages)[0].score
children = []
for number in range(3):
    child = os.fork()
    if child == 0:
        try:
            found = reranker.rerank({query!r}, [*passages, f"A passage of child {{number}}."])[0].score
            os._exit(0 if abs(found - expected) < 1e-4 else 1)
        except ForkedError:
            os._exit(7)
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(2)
    children.append(child)
print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(("backend", "codes"), [("torch", "0 0 0"), ("openvino", "7 7 7")])
def test_a_fork_after_loading_answers_or_says_why(backend: str, codes: str) -> None:
    pytest.importorskip(backend, reason=f"the extra compositional-rerank[{backend}] is not installed")
    code = _FORKED.format(backend=backend, query=QUERY, passages=PASSAGES)
    free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120, env=free
    )
    assert done.stdout.strip() == codes, done.stderr


@contextmanager
def _default(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "surroundings",
    [
        lambda: _default(torch.bfloat16),
        lambda: _default(torch.float16),
        lambda: _default(torch.float64),
        lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    ],
    ids=["bfloat16", "float16", "float64", "autocast"],
)
def test_torchs_defaults_change_no_score(surroundings: object, expected: list[object]) -> None:
    with surroundings():  # type: ignore[operator]
        assert _everything() == expected


@pytest.fixture(scope="module")
def expected() -> list[object]:
    return _everything()


def _everything() -> list[object]:
    reranker = CompositionalReranker.from_pretrained(device="cpu")
    pairs = reranker.score_pairs([QUERY] * len(PASSAGES), PASSAGES)
    embedder = StructuralEmbedder.from_pretrained(device="cpu", sensitivity=0.35)
    return [
        [
            (result.index, result.score, result.verdict, result.mismatch)
            for result in reranker.rerank(QUERY, PASSAGES)
        ],
        pairs.score.tolist(),
        embedder.encode_query([QUERY]).tolist(),
        embedder.encode_document(PASSAGES).tolist(),
    ]
