"""What 100 random passages of a large file store cost, beside `os.pread` of the same bytes.

    python benchmarks/store.py            # 1,000,000 passages; --short: 20,000
    python benchmarks/store.py --sizes    # bytes per passage

The store is synthetic: passages of 128 tokens and 6 sentences, written without an encoder and deleted
afterwards. Each round takes fresh random passages, one hundred for each way, so that none finds them in the
processor's cache. Warm: in the page cache. Cold: the files were evicted (a virtual disk may still have them
in its host's cache). The store's index is in the process, as it is for a server.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import RESULTS, report, summary

from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.store import FileStore
from compositional_rerank.store.folder import Folder, Meta
from compositional_rerank.store.index import RECORD, Records, seal
from compositional_rerank.store.layout import Layout
from compositional_rerank.store.quantise import DTYPES

TOKENS, SENTENCES, POOLED = 128, 6, 384
TEMPLATES = 64  # passages that are made; the others repeat their bytes under keys of their own
CHUNK = 4096


def main() -> None:
    """Write the store, time every way, print and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="20,000 passages, and no file unless --out")
    parser.add_argument("--n", type=int, help="passages in the store (1000000)")
    parser.add_argument("--dtype", default="int8", help="dtype of the store (int8)")
    parser.add_argument("--dimension", type=int, help="of the token vectors (that of the shipped checkpoint)")
    parser.add_argument("--rounds", type=int, default=31, help="rounds of 100 passages, warm and cold (31)")
    parser.add_argument("--folder", type=Path, help="where to put the store for the time being (temporary)")
    parser.add_argument("--sizes", action="store_true", help="print bytes per passage and stop")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/store.json)")
    args = parser.parse_args()
    args.threads = 1
    torch.set_num_threads(args.threads)
    if args.sizes:
        print(json.dumps(sizes(), indent=2))
        return
    if args.out is None and not args.short:
        args.out = RESULTS / "store.json"
    count = args.n or (20_000 if args.short else 1_000_000)
    dimension = args.dimension
    if dimension is None:
        found = locate(None)
        dimension = TokenEncoder(found.base, "cpu", projection=found.projection).dimension
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        result = measure(folder / "store", count, Layout(args.dtype, dimension, POOLED), args.rounds)
    finally:
        shutil.rmtree(folder)
    report("store", args, {**result, "bytes_per_passage_by_dtype": sizes()})


def sizes() -> dict[str, Any]:
    """Bytes that a passage takes in the data file and the index."""
    return {
        f"d={dimension}": {
            dtype: len(Layout(dtype, dimension, POOLED).pack(passage(dimension, 0))) + RECORD.itemsize
            for dtype in DTYPES
        }
        for dimension in (384, 320, 128, 64)
    }


def passage(dimension: int, seed: int) -> EncodedText:
    """Random vectors with the spans of words of four letters."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.arange(TOKENS) * 5
    bounds = torch.linspace(0, TOKENS, SENTENCES + 1).int()
    spans = torch.stack([bounds[:-1], bounds[1:]], dim=1)
    return EncodedText(
        torch.nn.functional.normalize(torch.randn(TOKENS, dimension, generator=generator)),
        torch.stack([starts, starts + 4], dim=1).int(),
        torch.nn.functional.normalize(torch.randn(POOLED, generator=generator), dim=0),
        torch.cat([spans * 5, spans], dim=1).int(),
    )


def write(path: Path, count: int, layout: Layout) -> Records:
    """A store of ``count`` passages, by its files; its index records."""
    packed = [layout.pack(passage(layout.dimension, seed)) for seed in range(TEMPLATES)]
    size = len(packed[0])
    records = np.zeros(count, RECORD)
    records["key"] = np.random.default_rng(0).integers(0, 1 << 63, (count, 2), dtype=np.uint64)
    records["start"] = np.arange(count, dtype=np.uint64) * np.uint64(size)
    records["tokens"], records["size"] = TOKENS, size
    salts = records["key"][:, 1].tolist()
    records["checksum"] = [
        layout.checksum(salt, packed[place % TEMPLATES]) for place, salt in enumerate(salts)
    ]
    folder, meta = Folder(path), Meta(layout.dtype, layout.dimension, layout.pooled)
    folder.create(meta)
    block = b"".join(packed) * (CHUNK // TEMPLATES)
    with folder.data(meta).open("wb") as file:
        for start in range(0, count, CHUNK):
            file.write(memoryview(block)[: size * min(CHUNK, count - start)])
            file.flush()
            os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    folder.index(meta).write_bytes(seal(records).tobytes())
    return records


def measure(path: Path, count: int, layout: Layout, rounds: int) -> dict[str, Any]:
    """Time every way, warm and cold."""
    records = write(path, count, layout)
    start = time.perf_counter()
    store = FileStore(path)
    opening = time.perf_counter() - start
    data = path / "vectors-1.bin"
    descriptor = os.open(data, os.O_RDONLY)
    size = int(records["size"][0])
    with data.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    view = np.frombuffer(mapped, np.uint8)

    def keys(rows: Records) -> list[bytes]:
        return [row.tobytes() + bytes(16) for row in rows["key"]]

    def read(rows: Records) -> Callable[[], object]:
        starts = rows["start"].tolist()
        return lambda: [os.pread(descriptor, size, start) for start in starts]

    def get(rows: Records) -> Callable[[], object]:
        wanted = keys(rows)
        return lambda: store.get(wanted)

    def get_for_scoring(rows: Records) -> Callable[[], object]:
        wanted = keys(rows)
        return lambda: [
            (entry.vectors, entry.scales, entry.pooled, entry.segments)
            for entry in store.get(wanted)
            if entry is not None
        ]

    def mmap_willneed(rows: Records) -> Callable[[], object]:
        starts = rows["start"].tolist()

        def touch() -> None:
            for start in starts:
                page = start // mmap.PAGESIZE * mmap.PAGESIZE
                mapped.madvise(mmap.MADV_WILLNEED, page, start + size - page)
            for start in starts:
                view[start : start + size : mmap.PAGESIZE].sum()

        return touch

    ways = {"pread": read, "get": get, "get_for_scoring": get_for_scoring, "mmap_willneed": mmap_willneed}
    generator = np.random.default_rng(1)
    result: dict[str, Any] = {
        "passages": count,
        "dtype": layout.dtype,
        "dimension": layout.dimension,
        "bytes_per_passage": store.nbytes / count,
        "gathered": 100,
        "open_s": round(opening, 3),
    }
    for state in ("warm", "cold"):
        wall: dict[str, list[float]] = {name: [] for name in ways}
        cpu: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                rows = records.take(generator.integers(0, count, 100))
                work = way(rows)
                if state == "warm":
                    read(rows)()
                    flush_processor_cache()
                else:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                start, used = time.perf_counter(), time.process_time()
                work()
                wall[name].append(1000 * (time.perf_counter() - start))
                cpu[name].append(1000 * (time.process_time() - used))
        times = {name: summary(wall[name], cpu[name]) for name in ways}
        result[state] = {
            **times,
            "times_pread": {
                name: {kind: round(taken[kind] / times["pread"][kind], 2) for kind in ("p50", "cpu")}
                for name, taken in times.items()
            },
        }
    assert None not in store.get(keys(records[:: max(count // 1000, 1)]))
    return result


def flush_processor_cache() -> None:
    """Walk through more memory than the processor's caches hold."""
    np.ones(1 << 23).sum()


if __name__ == "__main__":
    main()
