"""A service under load: 16 clients, each request a query and 100 stored passages of 128 tokens.

    python benchmarks/serve.py            # a minute; writes benchmarks/results/serve.json
    python benchmarks/serve.py --short

First the requests that a loop in this process answers on one core, then a service with a worker for each of
two cores and one store, on this machine's loopback: requests a second, and milliseconds of an answer. Then
what happens at its limits: 300 requests at once, clients that hang up, and SIGTERM under load. The clients
and the service share the cores.
"""

from __future__ import annotations

import http.client
import json
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from common import Texts, arguments, report
from service import running

from compositional_rerank import CompositionalReranker

CLIENTS, WORKERS, CANDIDATES, TOKENS = 16, 2, 100, 128
AT_ONCE = 300
INSIDE = "compositional_rerank_requests_inside"


@dataclass
class Seen:
    """What one client saw."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0


def main() -> None:
    """Start a service, load it, print and write JSON."""
    args = arguments("serve", __doc__)
    seconds = 5 if args.short else 60
    texts = Texts()
    lists = [texts.candidates(number, CANDIDATES, TOKENS) for number in range(2 if args.short else CLIENTS)]
    bodies = [json.dumps({"query": query, "documents": passages}).encode() for query, passages in lists]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        reranker = CompositionalReranker.from_pretrained(device="cpu", store=store)
        reranker.warm([passage for _, passages in lists for passage in passages])
        alone = _alone(reranker, lists, seconds)
        options = ("--store", str(store), "--log-level", "info")
        with running(Path(folder), *options, workers=WORKERS) as (url, process):
            address = urlsplit(url).netloc
            _together(address, bodies, 1.0)  # warms up
            loaded = _together(address, bodies, seconds)
            results = {
                "requests_per_second": {
                    "in process, one core": round(alone, 1),
                    f"service, {WORKERS} workers, {CLIENTS} clients": round(
                        loaded.statuses[200] / seconds, 1
                    ),
                    "ratio": round(loaded.statuses[200] / seconds / alone, 2),
                },
                "answer": _percentiles(loaded.milliseconds),
                "requests_of_a_batch": _batches(address),
                "at_once": _at_once(address, bodies[0]),
                "hung_up": _hung_up(address, bodies),
                "stopped": _stopped(address, bodies, process),
            }
    report("serve", args, results)


def _alone(reranker: CompositionalReranker, lists: list[tuple[str, list[str]]], seconds: float) -> float:
    """Requests a second of a loop."""
    count, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < seconds:
        query, passages = lists[count % len(lists)]
        reranker.rerank(query, passages)
        count += 1
    return count / taken


def _together(address: str, bodies: list[bytes], seconds: float) -> Seen:
    """All clients, each asking again as soon as it is answered."""
    end = time.perf_counter() + seconds
    with ThreadPoolExecutor(CLIENTS) as pool:
        seen = list(pool.map(lambda place: _client(address, bodies, place, end), range(CLIENTS)))
    return Seen(
        [one for client in seen for one in client.milliseconds],
        sum((client.statuses for client in seen), Counter()),
        sum(client.lost for client in seen),
    )


def _client(address: str, bodies: list[bytes], place: int, end: float) -> Seen:
    """Ask until the end, or until no connection is taken any more."""
    seen = Seen()
    with closing(http.client.HTTPConnection(address, timeout=120)) as connection:
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:
                break
            try:
                seen.statuses[_post(connection, bodies[place % len(bodies)])] += 1
            except (http.client.HTTPException, OSError):
                seen.lost += 1
                connection.close()
                continue
            seen.milliseconds.append(1000 * (time.perf_counter() - start))
            place += 1
    return seen


def _post(connection: http.client.HTTPConnection, body: bytes) -> int:
    connection.request("POST", "/v2/rerank", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    return response.status


def _at_once(address: str, body: bytes) -> dict[str, object]:
    """Many requests in one moment: how they are answered, and whether the next one is served."""
    ready = threading.Barrier(AT_ONCE)

    def ask(_: int) -> tuple[int, str | None]:
        with closing(http.client.HTTPConnection(address, timeout=300)) as connection:
            ready.wait()
            connection.request("POST", "/v2/rerank", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            return response.status, response.getheader("retry-after")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(ask, range(AT_ONCE)))
    with closing(http.client.HTTPConnection(address, timeout=300)) as connection:
        after = _post(connection, body)
    return {
        "requests": AT_ONCE,
        "statuses": {str(status): count for status, count in Counter(one for one, _ in answers).items()},
        "refused_without_retry_after": sum(status == 429 and not later for status, later in answers),
        "the_next_one": after,
    }


def _hung_up(address: str, bodies: list[bytes]) -> dict[str, object]:
    """Clients that send a request and close: how many of them are still worked on a moment later."""
    for place in range(CLIENTS):
        connection = http.client.HTTPConnection(address, timeout=120)
        connection.request("POST", "/v2/rerank", bodies[place % len(bodies)])
        connection.close()
    start = time.perf_counter()
    while _metric(address, INSIDE) > 0 and time.perf_counter() - start < 60:
        time.sleep(0.01)
    return {"requests": CLIENTS, "ms_until_none_is_worked_on": round(1000 * (time.perf_counter() - start))}


def _stopped(address: str, bodies: list[bytes], process: subprocess.Popen[bytes]) -> dict[str, object]:
    """SIGTERM while all clients ask: every request that was sent has to be answered."""
    timer = threading.Timer(1.0, process.send_signal, [signal.SIGTERM])
    timer.start()
    seen = _together(address, bodies, 60.0)
    return {"answered": seen.statuses[200], "lost": seen.lost, "exit_code": process.wait(120)}


def _batches(address: str) -> dict[str, float]:
    """Requests that were read in one run of a network, on average."""
    found = {}
    for network in ("encoder, query", "verifier"):
        label = f'{{network="{network}"}}'
        total, count = (
            _metric(address, f"compositional_rerank_batch_requests_{part}{label}")
            for part in ("sum", "count")
        )
        found[network] = round(total / count, 2) if count else 0.0
    return found


def _metric(address: str, name: str) -> float:
    with closing(http.client.HTTPConnection(address, timeout=120)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def _percentiles(milliseconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(milliseconds, n=100)
    return {f"p{at}": round(cuts[at - 1], 1) for at in (50, 95, 99)}


if __name__ == "__main__":
    main()
