"""A whole rerank of 100 stored passages of 128 tokens, beside a cross-encoder of the same backbone.

    python benchmarks/rerank.py            # writes benchmarks/results/rerank.json
    python benchmarks/rerank.py --short

The shipped checkpoint, query encoding and verifier included. Every query has its own candidates: one says the
same, two are near-misses, 97 are about other things. The cross-encoder reads the 100 pairs as the library
comes, and as an OpenVINO graph, in bfloat16 and, where nncf is installed, in int8: what the library's own
OpenVINO backend would run, which cannot be installed beside transformers 5.6 and newer.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from typing import Any

import torch
from common import Texts, arguments, report, summary
from sentence_transformers import CrossEncoder

from compositional_rerank import CompositionalReranker, MemoryStore
from compositional_rerank._validation import BACKENDS, check_backend
from compositional_rerank.backends.openvino import compile_graph, export_graph
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.errors import MissingDependencyError
from compositional_rerank.store import quantise, token_key

CANDIDATES, TOKENS = 100, 128
NAMES = ["input_ids", "attention_mask", "token_type_ids"]


class Logits(torch.nn.Module):
    """A cross-encoder's network with plain tensors in and out."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """float32 [n, 1] from int64 [n, t] each."""
        logits: torch.Tensor = self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).logits
        return logits


class GraphCrossEncoder:
    """A cross-encoder as an OpenVINO graph, which reads pairs longest first and 8 at a time."""

    def __init__(self, peer: CrossEncoder, calibration: list[tuple[str, str]] | None) -> None:
        self._tokenizer = peer.tokenizer
        graph = export_graph(Logits(peer.model), NAMES)
        if calibration is not None:
            import nncf

            samples = [
                self._inputs(calibration[start : start + 8]) for start in range(0, len(calibration), 8)
            ]
            graph = nncf.quantize(
                graph, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(samples)
            )
        self._compiled = compile_graph(graph)

    def predict(self, pairs: list[tuple[str, str]]) -> list[float]:
        """Logits of the pairs."""
        order = sorted(range(len(pairs)), key=lambda index: -len(pairs[index][1]))
        scores = [0.0] * len(pairs)
        for start in range(0, len(order), 8):
            batch = order[start : start + 8]
            logits = self._compiled(self._inputs([pairs[index] for index in batch]))[0]
            for index, logit in zip(batch, logits[:, 0].tolist(), strict=True):
                scores[index] = logit
        return scores

    def _inputs(self, pairs: list[tuple[str, str]]) -> list[Any]:
        encoded = self._tokenizer(pairs, padding=True, truncation=True, return_tensors="np")
        return [encoded[name] for name in NAMES]


def main() -> None:
    """Time whole reranks, their parts and the peers."""
    args = arguments("rerank", __doc__)
    rounds = 3 if args.short else 21
    texts = Texts()
    lists = [texts.candidates(number, CANDIDATES, TOKENS) for number in range(rounds)]
    peers = _peers(lists[0])
    rerankers = _rerankers()
    stored = list(dict.fromkeys(text for _, passages in lists for text in passages))
    for backend in {name.partition(",")[0] for name in rerankers}:
        exact, small = (rerankers[f"{backend}, {dtype} store"] for dtype in ("float32", "int8"))
        entries = zip(stored, exact.encode_passages(stored), strict=True)
        key = partial(token_key, exact.encoder.fingerprint, dtype="int8")
        small.store.put({key(text): quantise(entry, "int8") for text, entry in entries})
    wall: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    verified: dict[str, list[int]] = {name: [] for name in rerankers}
    every = max(1, rounds // args.rounds)
    ways = [_ours(rerankers, query, passages) for query, passages in lists]
    theirs = [_theirs(peers, [(query, passage) for passage in passages]) for query, passages in lists]
    # The first pass warms up. Every call has another query than the one before, as in a service: a query
    # that was just read would find its shape prepared.
    for number in range(-rounds, rounds):
        slow = number == -1 or (number >= 0 and number % every == 0)
        names = [*ways[0], *(peers if slow else [])]
        for shift, name in enumerate(names):
            place = (number + shift) % rounds
            run = (ways[place] | theirs[place])[name]
            start, used = time.perf_counter(), time.process_time()
            result: Any = run()
            if number >= 0:
                wall.setdefault(name, []).append(1000 * (time.perf_counter() - start))
                cpu.setdefault(name, []).append(1000 * (time.process_time() - used))
                if name.endswith(": rerank"):
                    suspects = sum(one.mismatch is not None for one in result)
                    verified[name.removesuffix(": rerank")].append(suspects)
    times = {name: summary(wall[name], cpu[name]) for name in wall}
    ratios = {
        name: {
            "suspects_verified": {"median": statistics.median(found), "most": max(found)},
            "over_the_query_alone": _ratio(times, f"{name}: rerank", f"{name}: query alone"),
            **{f"faster_than {peer}": _ratio(times, peer, f"{name}: rerank") for peer in peers},
        }
        for name, found in verified.items()
    }
    report(
        "rerank",
        args,
        {"queries": rounds, "times": times, "ratios": ratios, "seconds_of_starting": _starting(args.rounds)},
    )


def _ours(
    rerankers: dict[str, CompositionalReranker], query: str, passages: list[str]
) -> dict[str, Callable[[], object]]:
    work: dict[str, Callable[[], object]] = {}
    for name, one in rerankers.items():
        plain = CompositionalReranker.from_parts(one.encoder, name=name, store=one.store)
        work[f"{name}: query alone"] = partial(one.encoder.encode, [query], task="query")
        work[f"{name}: without verifier"] = partial(plain.rerank, query, passages)
        work[f"{name}: rerank"] = partial(one.rerank, query, passages)
    return work


def _theirs(peers: dict[str, Any], pairs: list[tuple[str, str]]) -> dict[str, Callable[[], object]]:
    return {name: partial(peer.predict, pairs) for name, peer in peers.items()}


def _rerankers() -> dict[str, CompositionalReranker]:
    found = {}
    for backend in BACKENDS:
        try:
            check_backend(backend, "cpu")
        except MissingDependencyError as error:
            print(error, file=sys.stderr)
            continue
        one = CompositionalReranker.from_pretrained(
            device="cpu", backend=backend, store=MemoryStore(dtype="float32")
        )
        found[f"{backend}, float32 store"] = one
        found[f"{backend}, int8 store"] = CompositionalReranker.from_parts(
            one.encoder,
            name=one.name,
            store=MemoryStore(dtype="int8"),
            config=one.config,
            verifier=one.verifier,
        )
    return found


def _peers(sample: tuple[str, list[str]]) -> dict[str, Any]:
    library = CrossEncoder(str(resolve(DEFAULT_BASE).path), num_labels=1, device="cpu")
    peers: dict[str, Any] = {"cross-encoder, as the library comes": library}
    try:
        with redirect_stdout(sys.stderr):  # nncf draws bars
            peers["cross-encoder, openvino"] = GraphCrossEncoder(library, None)
            pairs = [(sample[0], passage) for passage in sample[1]]
            peers["cross-encoder, openvino int8"] = GraphCrossEncoder(library, pairs)
    except ImportError as error:
        print(f"left out: {error}", file=sys.stderr)
    return peers


def _ratio(times: dict[str, dict[str, float]], above: str, below: str) -> dict[str, float]:
    return {clock: round(times[above][clock] / times[below][clock], 2) for clock in ("p50", "cpu")}


def _starting(rounds: int) -> dict[str, float]:
    """Seconds of importing, and of the first rerank, each in a process of its own."""
    whole = (
        "from compositional_rerank import CompositionalReranker as C;"
        "r = C.from_pretrained(device='cpu'{});{}r.rerank('Who wrote Faust?', ['Goethe wrote Faust.'])"
    )
    openvino = whole.format(", backend='openvino'", "{}")
    work = {
        "import torch": "{}import torch",
        "import compositional_rerank": "{}import compositional_rerank",
        "import torch, then compositional_rerank": "import torch;{}import compositional_rerank",
        "import sentence_transformers": "{}import sentence_transformers",
        "from nothing to the first ranking": "{}" + whole.format("", ""),
        "first rerank after load": whole.format("", "{}"),
        "first rerank after load, openvino": openvino,
    }
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(min(rounds, 3)):
        for name, code in work.items():
            timed = f"import time;{code};print(time.perf_counter() - start)".replace(
                "{}", "start = time.perf_counter();"
            )
            done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                seconds[name].append(float(done.stdout))
    return {name: round(statistics.median(values), 3) for name, values in seconds.items() if values}


if __name__ == "__main__":
    main()
