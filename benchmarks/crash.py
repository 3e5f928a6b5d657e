"""A writer killed at random moments, and bits turned over in a store: what is lost, what is found out.

    python benchmarks/crash.py                   # 100 kills while warming, 200 while only writing, 1,000 bits
    python benchmarks/crash.py --short           # 5, 20 and 200, and no file unless --out
    python benchmarks/crash.py --store folder    # not Redis, whose figures in the file stay

Each kill is SIGKILL at a random moment of a random one of the writer's first calls. The writer says what is
acknowledged: the passages of each call that has returned. Then the store is opened anew, and every
acknowledged passage must be there and be the one that was written. While warming: `reranker.warm` with the
real model, in calls of a few passages. While only writing: entries that are made beforehand, so that nearly
every kill meets a write or, now and then, a compaction.

A turned-over bit, of any file or of any passage in Redis, is found out if its passage is missing afterwards
or the store refuses to open; it is harmless if everything comes out as it was. What must not be is an entry
that comes out changed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from crash_stores import Folder, Place, Server

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.errors import StoreError
from compositional_rerank.store import quantise, token_key

RESULTS = Path(__file__).parent / "results"
SIZES = {"full": (100, 200, 1000), "short": (5, 20, 200)}
STORES = ("folder", "redis")
MOST_CALLS = 6  # that a writer gets to finish
PASSAGES = 400  # that a writer goes through, before it begins again in an empty store


def main() -> int:
    """Kill, turn over, print and write JSON; the exit code is 1 if anything was lost or went unnoticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="few of each, and no file unless --out")
    parser.add_argument("--store", choices=STORES, help="what is written to (both, one after the other)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the bits (0)")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/crash.json)")
    args = parser.parse_args()
    names = (args.store,) if args.store else STORES
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if "redis" in names and program is None:
        parser.error(
            "redis-server is not installed (Debian: apt-get install redis-server), or: --store folder"
        )
    torch.set_num_threads(1)
    chance = random.Random(args.seed)
    texts = [f"Passage {number} says that {number} is more than {number - 1}." for number in range(PASSAGES)]
    reranker = CompositionalReranker.from_pretrained(DEFAULT_BASE, verifier="none", device="cpu")
    entries = dict(zip(texts, reranker.encoder.encode(texts, task="document"), strict=True))
    report: dict[str, Any] = {"benchmark": "crash", "seed": args.seed, "passages": PASSAGES, "stores": {}}
    for name in names:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            place: Place = Folder(folder) if name == "folder" else Server(program or "", folder)
            if isinstance(place, Server):
                stack.callback(place.stop)
            run = Run(place, reranker, entries, chance)
            report["stores"][name] = hurt(name, run, *SIZES["short" if args.short else "full"])
    out = args.out or (None if args.short else RESULTS / "crash.json")
    if args.store and out is not None and out.is_file():  # the other store's figures stay
        report["stores"] = json.loads(out.read_text("utf-8"))["stores"] | report["stores"]
    parts = [part for store in report["stores"].values() for part in store.values()]
    report["fine"] = not any(part["wrong"] for part in parts)
    text = json.dumps(report, indent=2) + "\n"
    print(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    return int(not report["fine"])


def hurt(name: str, run: Run, warm_kills: int, put_kills: int, bits: int) -> dict[str, Any]:
    """Everything that is done to one store, and what came of it."""
    found = {}
    for part, work in (
        ("killed_while_warming", lambda: run.kills(run.warm, warm_kills, exact=False)),
        ("killed_while_writing", lambda: run.kills(run.put, put_kills, exact=True)),
        ("bits", lambda: run.bits(bits)),
    ):
        start = time.monotonic()
        found[part] = work() | {"seconds": round(time.monotonic() - start, 1)}
        print(name, part, found[part], file=sys.stderr)
    return found


class Run:
    """A store, what must come out of it, and the ways to hurt it."""

    def __init__(
        self,
        place: Place,
        reranker: CompositionalReranker,
        entries: dict[str, EncodedText],
        chance: random.Random,
    ) -> None:
        self._place, self._reranker, self._chance = place, reranker, chance
        self._texts = list(entries)
        self._call = 0.05  # seconds of a call
        self._expected = {text: quantise(entry, "int8") for text, entry in entries.items()}

    def warm(self, store: Any, texts: list[str]) -> None:
        """Write as a user does."""
        self._reranker.with_store(store).warm(texts)

    def put(self, store: Any, texts: list[str]) -> None:
        """Write what is made already, and tidy up in one of ten steps."""
        store.put({self._key(text): self._expected[text] for text in texts})
        if self._chance.random() < 0.1:
            self._place.tidy(store)

    def kills(self, write: Callable[[Any, list[str]], None], count: int, *, exact: bool) -> dict[str, Any]:
        """Kill a writer so often; what it had acknowledged and what was there afterwards."""
        seen: Counter[str] = Counter(kills=count)
        acknowledged: list[str] = []
        self._place.empty()
        for _ in range(count):
            left = self._texts[len(acknowledged) :]
            if not left:
                self._place.empty()
                acknowledged, left = [], self._texts
                seen["stores_filled"] += 1
            fresh = self._killed(write, left)
            acknowledged += fresh
            seen["acknowledged"] += len(fresh)
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a damage that is found out is one all the same
                found = self._place.open().get([self._key(text) for text in self._texts])
            for text, entry in zip(self._texts, found, strict=True):
                if entry is None:
                    seen["lost"] += text in acknowledged
                else:
                    seen["kept_though_not_acknowledged"] += text not in acknowledged
                    seen["changed"] += not self._same(entry, text, exact=exact)
        write(self._place.open(), self._texts)  # and the store goes on
        seen["not_resumed"] = self._place.open().get([self._key(t) for t in self._texts]).count(None)
        return {**seen, "wrong": seen["lost"] + seen["changed"] + seen["not_resumed"]}

    def bits(self, count: int) -> dict[str, Any]:
        """Turn over so many bits, one at a time; what came of each."""
        self._place.empty()
        with self._place.open() as store:
            store.put({self._key(text): entry for text, entry in self._expected.items()})
        seen: Counter[str] = Counter(bits=count)
        for number in range(count):
            with self._place.turned(number, self._chance):
                seen[self._outcome()] += 1
                seen["not_resumed"] += number % 50 == 0 and not self._resumes()
        return {**seen, "wrong": seen["unnoticed"] + seen["not_resumed"]}

    def _outcome(self) -> str:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = self._place.open().get([self._key(text) for text in self._texts])
            except StoreError:
                return "refused"
        pairs = [(text, entry) for text, entry in zip(self._texts, found, strict=True) if entry is not None]
        if not all(self._same(entry, text, exact=True) for text, entry in pairs):
            return "unnoticed"
        if len(pairs) == len(self._texts):
            return "harmless"
        return "missing_with_a_warning" if told else "missing"

    def _resumes(self) -> bool:
        """Whether warming again mends a copy of the store, or says what to do."""
        with self._place.copied() as copy, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                store = copy.open()
                self.put(store, self._texts)
            except StoreError as error:
                return "delete the folder" in str(error) or "another folder" in str(error)
            return None not in store.get([self._key(text) for text in self._texts])

    def _killed(self, write: Callable[[Any, list[str]], None], texts: list[str]) -> list[str]:
        """What a writer of these texts acknowledged before it was killed."""
        reader, writer = os.pipe()
        self._chance.random()  # so that no child draws what another one drew
        child = os.fork()
        if child == 0:
            try:
                store = self._place.open()
                for some in _slices(texts, self._chance):
                    write(store, some)
                    os.write(writer, len(some).to_bytes(1, "little"))
                os.close(writer)
                time.sleep(600)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            acknowledged, moments = 0, [time.monotonic()]
            for _ in range(self._chance.randint(0, MOST_CALLS)):
                acknowledged += int.from_bytes(pipe.read(1), "little")
                moments.append(time.monotonic())
            if len(moments) > 1:  # how long a call takes now, on this machine
                self._call = moments[-1] - moments[-2]
            time.sleep(self._chance.uniform(0, self._call))
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if not os.WIFSIGNALED(status):
                raise SystemExit("the writer ended by itself: see above")
            return texts[: acknowledged + sum(pipe.read())]

    def _key(self, text: str) -> bytes:
        return token_key(self._reranker.encoder.fingerprint, text, "int8")

    def _same(self, entry: EncodedText, text: str, *, exact: bool) -> bool:
        expected = self._expected[text]
        if exact:
            names = ("vectors", "scales", "offsets", "pooled", "segments")
            return all(torch.equal(getattr(entry, name), getattr(expected, name)) for name in names)
        # the same passage in another batch may differ by the last bit, and so by one step of int8
        if entry.vectors.shape != expected.vectors.shape or not torch.equal(entry.offsets, expected.offsets):
            return False
        steps = (entry.vectors.int() - expected.vectors.int()).abs().amax()
        return bool(steps <= 1 and (entry.pooled - expected.pooled).abs().amax() < 0.005)


def _slices(texts: list[str], chance: random.Random) -> list[list[str]]:
    """The texts in order, a few at a time."""
    found, at = [], 0
    while at < len(texts):
        size = chance.randint(1, 8)
        found.append(texts[at : at + size])
        at += size
    return found


if __name__ == "__main__":
    raise SystemExit(main())
