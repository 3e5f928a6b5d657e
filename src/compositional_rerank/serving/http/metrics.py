"""Prometheus metrics of all workers together; no text, no key and no unknown path is among them."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "compositional_rerank"
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

REQUESTS = Counter(f"{_PREFIX}_requests", "Requests answered.", ["route", "status"])
SECONDS = Histogram(
    f"{_PREFIX}_request_seconds", "From the first byte to the answer.", ["route"], buckets=_SECONDS
)
INSIDE = Gauge(
    f"{_PREFIX}_requests_inside", "Requests being worked on or waiting.", multiprocess_mode="livesum"
)
TEXTS = Histogram(f"{_PREFIX}_texts", "Texts of a request.", buckets=_COUNTS)
BATCH = Histogram(
    f"{_PREFIX}_batch_requests",
    "Requests whose texts were read in one run.",
    ["network"],
    buckets=_COUNTS[:6],
)
TOKENS = Counter(f"{_PREFIX}_tokens", "Tokens that were encoded; stored passages cost none.")
NEAR_MISSES = Counter(f"{_PREFIX}_near_misses", "Passages ranked that were near-misses.")


def forget(process: int | None) -> None:
    """Count no request any more as being inside of a process that has ended."""
    mark_process_dead(process)  # type: ignore[no-untyped-call]


def exposition() -> bytes:
    """All metrics, in Prometheus' text format."""
    if FOLDER_VARIABLE not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
