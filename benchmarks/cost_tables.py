"""The tables of the page of costs: what a query, a passage and a suspect take, and memory and disk."""

from __future__ import annotations

from collections.abc import Iterator

from result_tables import Content, table

_COLUMNS = {"torch": "torch", "openvino": "OpenVINO"}
_SHIPPED = "d=320"  # components of the shipped checkpoint's token embeddings


def query(content: Content) -> Iterator[str]:
    """Where a query's time goes: benchmarks/rerank.py."""
    times = content["times"]
    rows: dict[str, list[str]] = {}
    for backend in _COLUMNS:
        store = f"{backend}, int8 store"
        suspects = content["ratios"][store]["suspects_verified"]["median"]
        alone, ranked, whole = (
            times[f"{store}: {what}"]["cpu"] for what in ("query alone", "without verifier", "rerank")
        )
        cross = "as the library comes" if backend == "torch" else "openvino int8"
        for what, time in {
            "the query is encoded": alone,
            "100 stored passages are fetched and scored": ranked - alone,
            "the verifier reads one suspect": (whole - ranked) / suspects,
            f"all of it, with {suspects} suspects": whole,
            "in its place: a cross-encoder (OpenVINO: in int8)": times[f"cross-encoder, {cross}"]["cpu"],
        }.items():
            rows.setdefault(what, []).append(f"{time:,.1f}")
    head = ("what", *(f"{name}, ms" for name in _COLUMNS.values()))
    return table(head, ([what, *found] for what, found in rows.items()))


def passage(content: Content) -> Iterator[str]:
    """What encoding a passage once takes: benchmarks/encode.py."""
    rows = []
    for key, heading in (("torch float32", "torch"), ("openvino bf16", "OpenVINO")):
        time = content[key]["one_passage_cpu"]
        rows.append([heading, f"{time:.1f}", f"{3_600_000 / time:,.0f}", f"{time / 3.6:.1f}"])
    return table(("backend", "a passage, ms", "passages an hour", "a million passages, hours"), rows)


def disk(content: Content) -> Iterator[str]:
    """What a store takes: benchmarks/store.py."""
    sizes = content["bytes_per_passage_by_dtype"][_SHIPPED]
    rows = [[f"`{dtype}`", f"{size:,}", f"{size / 1000:.0f}"] for dtype, size in sizes.items()]
    return table(("dtype", "a passage, bytes", "a million passages, GB"), rows)


def memory(content: Content) -> Iterator[str]:
    """What a process takes: benchmarks/memory.py."""
    counts = list(content["resident"]["torch"])
    head = ("backend", f"after {counts[0]} query, MB", f"after {counts[-1]} queries, MB")
    found = content["resident"]
    return table(
        head, ([name, found[key][counts[0]], found[key][counts[-1]]] for key, name in _COLUMNS.items())
    )
