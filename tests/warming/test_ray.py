"""Warming on a real Ray cluster of two nodes, one of which is killed. Slow: make ray"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import CompositionalReranker, FileStore
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.cli import main
from compositional_rerank.errors import EncodingError
from compositional_rerank.store.index import RECORD
from compositional_rerank.warming import chunks, warm

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'compositional-rerank[ray]'")
pytestmark = pytest.mark.slow

TEXTS = [f"Passage {number} says that {number} is more than {number - 1}." for number in range(1500)]


def node_options() -> dict[str, Any]:
    """Of a node with one core, which need not wait until its helpers have found ports."""
    names = "metrics_agent metrics_export dashboard_agent_listen runtime_env_agent".split()
    with ExitStack() as sockets:
        bound = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in names]
        ports = {f"{name}_port": one.getsockname()[1] for name, one in zip(names, bound, strict=True)}
    return {"num_cpus": 1, "object_store_memory": 100 << 20, **ports}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes, in processes of their own, and this process connected to them."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_register_timeout_seconds", "600")  # a busy machine is no failure
    nodes = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **node_options()})
    nodes.second = nodes.add_node(**node_options())
    nodes.wait_for_nodes()
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_killed_node_costs_time_and_no_passage(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chunks, "_PASSAGES", 32)
    store = FileStore(tmp_path / "store")
    reranker = CompositionalReranker.from_pretrained(DEFAULT_BASE, device="cpu", store=store)
    killed_at: list[int] = []

    def progress(passages: int, tokens: int) -> None:
        if not killed_at and ray.available_resources().get("CPU", 0) == 0:  # both nodes are at work
            killed_at.append(len(store))
            cluster.remove_node(cluster.second, allow_graceful=False)

    done = warm(reranker, TEXTS, engine="ray", actors=2, progress=progress)
    assert killed_at
    assert 0 < killed_at[0] < len(TEXTS)
    assert (done.new, done.known, done.failed) == (len(TEXTS), 0, {})
    assert len(store) == len(TEXTS)
    assert (store.path / "index-1.bin").stat().st_size == len(TEXTS) * RECORD.itemsize  # each once
    assert len([node for node in ray.nodes() if node["Alive"]]) == 1

    # what the cluster encoded is what this process would have
    here = CompositionalReranker.from_pretrained(DEFAULT_BASE, device="cpu", store=FileStore(tmp_path / "b"))
    found = reranker.rerank("Which is more than 7?", TEXTS[:64])
    expected = here.rerank("Which is more than 7?", TEXTS[:64])
    assert {one.index: one.score for one in found} == pytest.approx(
        {one.index: one.score for one in expected}, abs=1e-3
    )

    # the command, on what is left of the cluster, knows them again
    file = tmp_path / "texts.txt"
    file.write_text("\n".join([*TEXTS, "One more passage."]))
    options = ["--model", DEFAULT_BASE, "--device", "cpu", "--engine", "ray", "--actors", "1"]
    assert main(["warm", "--store", str(store.path), *options, str(file)]) == 0
    assert f"1 new passages, {len(TEXTS):,} known" in capsys.readouterr().out  # beside what Ray says

    # and an actor whose model is another one is refused, with the reason
    monkeypatch.setattr(reranker.encoder, "fingerprint", "another")
    with pytest.raises(EncodingError, match="has another encoder"):
        warm(reranker, TEXTS[:40], engine="ray", actors=1)
    assert len(store) == len(TEXTS) + 1
