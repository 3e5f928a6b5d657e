"""What the speed benchmarks share: texts, interleaved timing, facts about the machine, JSON out."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from compositional_rerank.audit.answers import NATURAL_SUITE
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE, resolve
from compositional_rerank.encoding.sentences import sentence_spans

RESULTS = Path(__file__).parent / "results"
MEDIAN_OF = 9
WARM = 4
SHORT_MEDIAN_OF = 3


def arguments(name: str, description: str | None, *, model: bool = False) -> argparse.Namespace:
    """The options of every speed benchmark, and with ``model`` a checkpoint; sets the number of threads."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="few repetitions, and no file unless --out")
    if model:
        parser.add_argument("--model", help="checkpoint to measure (the shipped one)")
    parser.add_argument("--threads", type=int, default=1, help="threads of every library (1)")
    parser.add_argument("--out", type=Path, help=f"JSON file to write (benchmarks/results/{name}.json)")
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if args.threads == 1 else "true"
    torch.set_num_threads(args.threads)
    args.rounds = SHORT_MEDIAN_OF if args.short else MEDIAN_OF
    if args.out is None and not args.short:
        args.out = RESULTS / f"{name}.json"
    return args


def timed(
    work: Mapping[str, Callable[[], object]], rounds: int, *, warm: bool = False
) -> dict[str, dict[str, float]]:
    """Run everything once to warm up, then all in turn: neighbours on the machine slow all of it alike.

    Args:
        work: what to run, by name.
        rounds: how often.
        warm: whether each is timed right after `WARM` runs of itself, so that its data lie in the cache and
            its memory is allocated, as for one call among many.

    Returns:
        For each name the milliseconds of the wall clock, median (p50) and p95, and of the processor (cpu, its
        median), which a busy machine does not change.
    """
    wall: dict[str, list[float]] = {name: [] for name in work}
    cpu: dict[str, list[float]] = {name: [] for name in work}
    for round_number in range(rounds + 1):
        for name, run in work.items():
            for _ in range(WARM if warm else 0):
                run()
            start, used = time.perf_counter(), time.process_time()
            run()
            if round_number:
                wall[name].append(1000 * (time.perf_counter() - start))
                cpu[name].append(1000 * (time.process_time() - used))
    return {name: summary(wall[name], cpu[name]) for name in work}


def summary(wall: list[float], cpu: list[float]) -> dict[str, float]:
    """Median and p95 of milliseconds."""
    high = sorted(wall)[min(len(wall) - 1, round(0.95 * (len(wall) - 1)))]
    return {
        "p50": round(statistics.median(wall), 3),
        "p95": round(high, 3),
        "cpu": round(statistics.median(cpu), 3),
    }


def command() -> str:
    """The command that runs, with the names of files and folders for where they lie on this machine."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    return shlex.join(["python", *words])


def report(name: str, args: argparse.Namespace, results: Mapping[str, Any]) -> None:
    """Print the results with the facts that they depend on, and write them where `arguments` says."""
    packages = ("torch", "sentence-transformers", "transformers", "openvino", "nncf")
    content = {
        "benchmark": name,
        "unit": "ms",
        "median_of": args.rounds,
        "threads": args.threads,
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load_at_the_end": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            "python": platform.python_version(),
            **{package: _version(package) for package in packages},
        },
        **results,
    }
    text = json.dumps(content, indent=2) + "\n"
    print(text)
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding="utf-8")


class Texts:
    """Queries with their near-misses, and passages, made of the package's suite of natural texts."""

    def __init__(self, seed: int = 0) -> None:
        rows = [json.loads(line) for line in NATURAL_SUITE.read_text("utf-8").splitlines()]
        self._asked = [row for row in rows if row["form"] in ("question", "yes_no", "statement")]
        silent = [text["text"] for row in rows for text in row["silent"]]
        self._others = [text[start:stop] for text in silent for start, stop in sentence_spans(text)]
        self._pools: dict[int, list[str]] = {}
        self._tokenizer = Tokenizer.from_file(str(resolve(DEFAULT_BASE).path / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._random = random.Random(seed)

    def passage(self, tokens: int, *holding: str) -> str:
        """Sentences on one thing and another, until there are as many tokens, then cut to a word."""
        sentences = list(holding)
        while self._count(" ".join(sentences)) < tokens:
            sentences.append(self._random.choice(self._others))
        words = " ".join(sentences).split()
        while self._count(" ".join(words)) > tokens:
            words.pop()
        return " ".join(words)

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def candidates(self, number: int, count: int, tokens: int) -> tuple[str, list[str]]:
        """A query and its candidates: one agrees, two are near-misses, the rest are about other things."""
        row = self._asked[number * 7919 % len(self._asked)]
        pool = self._pools.setdefault(tokens, [])
        while len(pool) < count:
            pool.append(self.passage(tokens))
        near = row["near_misses"][0]["text"]
        held = [row["answers"][0]["text"], near, near]
        passages = [self.passage(tokens, text) for text in held] + self._random.sample(
            pool, count - len(held)
        )
        self._random.shuffle(passages)
        return row["query"], passages


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
