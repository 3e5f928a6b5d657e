"""Fill the tables of docs/performance.md from benchmarks/results.

    python benchmarks/tables.py

A table stands between ``<!-- kernel -->`` and ``<!-- /kernel -->``; one whose JSON is missing stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from common import RESULTS

PAGE = RESULTS.parents[1] / "docs" / "performance.md"


def main() -> None:
    """Rewrite the page."""
    page = PAGE.read_text(encoding="utf-8")
    for name, render in TABLES.items():
        file = RESULTS / f"{name}.json"
        if file.is_file():
            content = json.loads(file.read_text(encoding="utf-8"))
            table = "\n".join([*render(content), "", _made_on(content)])
            page = re.sub(
                rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
                lambda found, table=table: f"{found[1]}{table}\n{found[2]}",
                page,
                flags=re.DOTALL,
            )
    PAGE.write_text(page, encoding="utf-8")


def _kernel(content: dict[str, Any]) -> Iterable[str]:
    sizes = [size for size in content if size.startswith("d=")]
    yield from _head("", *(f"{size}, ms" for size in sizes))
    for name in content[sizes[0]]["times"]:
        yield _row(name, *(content[size]["times"][name]["cpu"] for size in sizes))
    for name in content[sizes[0]]:
        if name != "times":
            yield _row(name.replace("_", " "), *(content[size][name] for size in sizes))


def _encode(content: dict[str, Any]) -> Iterable[str]:
    yield from _head(
        "backend", "query, ms", "passage of 128 tokens, ms", "times faster", "cosine, mean", "cosine, least"
    )
    for name, one in content.items():
        if isinstance(one, dict) and "cosine_min" in one:
            yield _row(
                name,
                one["query"]["cpu"],
                one["one_passage_cpu"],
                one["times_faster_than_torch_float32"],
                one["cosine_mean"],
                one["cosine_min"],
            )


def _rerank(content: dict[str, Any]) -> Iterable[str]:
    yield from _times(content)
    yield ""
    peers = [name for name in content["times"] if name.startswith("cross-encoder")]
    yield from _head("", "over the query alone", *(f"times faster than the {peer}" for peer in peers))
    for name, one in content["ratios"].items():
        faster = (one[f"faster_than {peer}"]["p50"] for peer in peers)
        yield _row(name, one["over_the_query_alone"]["p50"], *faster)
    yield ""
    yield from _head("start", "seconds")
    for name, value in content["seconds_of_starting"].items():
        yield _row(name, value)


def _times(content: dict[str, Any]) -> Iterable[str]:
    yield from _head("", "p50, ms", "p95, ms", "processor, ms")
    for name, one in content["times"].items():
        yield _row(name, one["p50"], one["p95"], one["cpu"])


def _store(content: dict[str, Any]) -> Iterable[str]:
    yield from _head("", "p50, ms", "processor, ms", "p50 over pread", "processor over pread")
    for state in ("warm", "cold"):
        ratios = content[state]["times_pread"]
        for name in ratios:
            one, over = content[state][name], ratios[name]
            yield _row(f"{state}: {name}", one["p50"], one["cpu"], over["p50"], over["cpu"])
    yield ""
    kinds = list(next(iter(content["bytes_per_passage_by_dtype"].values())))
    yield from _head("components", *kinds)
    for name, sizes in content["bytes_per_passage_by_dtype"].items():
        yield _row(name.removeprefix("d="), *(f"{sizes[kind]:,}" for kind in kinds))


def _quality(content: dict[str, Any]) -> Iterable[str]:
    collections = list(content["rows"][0]["ndcg@10"])
    yield from _head("components", "numbers", "bytes", *(f"{name}, nDCG@10" for name in collections))
    for one in content["rows"]:
        found = (f"{one['ndcg@10'][name]:.4f}" for name in collections)
        yield _row(one["d"], one["dtype"], f"{one['bytes_of_128_tokens']:,}", *found)


def _peers(content: dict[str, Any]) -> Iterable[str]:
    yield from _head("", "p50, ms", "times faster than the cross-encoder")
    for name, time in content["times"].items():
        yield _row(name, time, content["times_faster_than_the_cross_encoder"][name])


def _head(*cells: str) -> Iterable[str]:
    yield _row(*cells)
    yield "|" + "---|" * len(cells)


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _made_on(content: dict[str, Any]) -> str:
    machine = content["machine"]
    count = content.get("rounds", content.get("queries", content["median_of"]))
    facts = {name: value for name, value in machine.items() if name not in ("cores", "load_at_the_end")}
    versions = ", ".join(
        str(value) if name == "processor" else f"{name} {value}" for name, value in facts.items()
    )
    runs = f"Medians of {count}" if count > 1 else "One run"
    return f"{runs}, threads: {content['threads']}, {versions}."


TABLES: dict[str, Callable[[dict[str, Any]], Iterable[str]]] = {
    "kernel": _kernel,
    "encode": _encode,
    "rerank": _rerank,
    "scaling": _times,
    "store": _store,
    "quality": _quality,
    "peers": _peers,
}

if __name__ == "__main__":
    main()
