"""Write docs/results, and the tables of other pages, from the JSON files that benchmarks and audits left.

    python benchmarks/result_pages.py            # write
    python benchmarks/result_pages.py --check    # exit code 1 where a page is not what would be written

A table stands between ``<!-- table NAME -->`` and ``<!-- /table -->``. Those of benchmarks/pages are filled
in and written to docs/results, which holds nothing else; those of the decisions and of research/README.md
where they stand. Only the standard library is needed.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cost_tables
import fault_tables
import policy_tables
import result_tables as tables
import service_tables

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results"
HEAD = "<!-- Written by benchmarks/result_pages.py from benchmarks/pages: do not edit. -->\n\n"
MARK = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- /table -->)", re.DOTALL)
OPTIONS = {  # of the audit, with their defaults
    **dict.fromkeys(("model", "against", "cross_encoder", "sensitivity", "beir", "pairs", "triples")),
    **dict.fromkeys(("contrast", "answers", "nli", "suite")),
    **dict.fromkeys(("limit_queries", "max_recall_drop", "min_rejection")),
    "backend": "torch",
    "depth": 100,
    "order": "auto",
    "near_misses": "demote",
}


def main() -> int:
    """Write every page, or compare; the exit code."""
    check, stale = "--check" in sys.argv[1:], False
    results = ROOT / "docs" / "results"
    pages = {results / page.name: HEAD + _read(page) for page in (ROOT / "benchmarks" / "pages").glob("*.md")}
    runs = {"as the service": "soak", "--as-it-is": "soak_as_it_is"}
    soaks = {name: json.loads(_read(ROOT / RESULTS / f"{file}.json")) for name, file in runs.items()}
    pages[results / "soak.svg"] = fault_tables.memory_plot(soaks)
    others = [*(ROOT / "docs").rglob("*.md"), ROOT / "research" / "README.md"]
    pages |= {page: _read(page) for page in others if page not in pages}
    for page, text in pages.items():
        filled = MARK.sub(lambda found: f"{found[1]}{_table(found[2])}\n{found[3]}", text)
        if page.is_file() and _read(page) == filled:
            continue
        stale = True
        print("not up to date:" if check else "wrote", page.relative_to(ROOT))
        if not check:
            page.parent.mkdir(exist_ok=True)
            page.write_text(filled, encoding="utf-8")
    return int(check and stale)


def _read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _table(name: str) -> str:
    """A table by name, and where it comes from."""
    file, rows, source = TABLES[name]
    content = json.loads(_read(ROOT / file))
    origin = textwrap.wrap(f"From `{file}`. {source(content)}", 116, break_on_hyphens=False)
    return "\n".join([*rows(content), "", *origin])


def _audited(report: dict[str, Any]) -> str:
    settings, model = report["settings"], report["model"]
    words = ["compositional-rerank audit"]
    for option, usual in OPTIONS.items():
        value = settings.get(option, usual)
        for one in value if isinstance(value, list) else [value]:
            if one != usual:
                words.append(f"--{option.replace('_', '-')} {one}")
    return (
        f"Written by `{' '.join(words)}`; seed {settings['seed']}; model {model['name']}, fingerprint "
        f"`{model['fingerprint'][:12]}`; {settings['machine']}, threads: {settings['threads']}, torch "
        f"{settings['torch']}."
    )


def _benched(content: dict[str, Any]) -> str:
    machine = content["machine"]
    count = content.get("rounds", content.get("queries", content["median_of"]))
    collections = content.get("collections", content["rows"][0]["ndcg@10"] if "rows" in content else ())
    words = [f"python benchmarks/{content['benchmark']}.py", *(f"--beir {name}" for name in collections)]
    command = content.get("command", " ".join(words))
    facts = [f"medians of {count}" if count > 1 else "one run"]
    facts += [f"{name} {content[name]}" for name in ("split", "backend", "passages") if name in content]
    if "model" in content:
        facts.append(f"model fingerprint `{content['model'][:12]}`")
    facts += [f"threads: {content['threads']}", f"{machine['cores']} cores"]
    facts += [
        str(value) if name == "processor" else f"{name} {value}"
        for name, value in machine.items()
        if name not in ("cores", "load_at_the_end") and value
    ]
    return f"Written by `{command}`; {', '.join(facts)}."


def _compared(content: dict[str, Any]) -> str:
    return f"Written by `make clients`; {content['passages']} passages a list."


def _ordered(content: dict[str, Any]) -> str:
    model, seed = content["model"][:12], content["seed"]
    return f"Written by `{content['command']}`; model fingerprint `{model}`, seed {seed}."


def _hurt(content: dict[str, Any]) -> str:
    return f"Written by `python benchmarks/crash.py`; seed {content['seed']}."


def _fuzzed(content: dict[str, Any]) -> str:
    return f"Written by `python benchmarks/fuzz.py`; seed {content['seed']}."


def _loaded(content: dict[str, Any]) -> str:
    machine = content["machine"]
    command = content.get("command", f"python benchmarks/{content['benchmark']}.py")
    return (
        f"Written by `{command}`; one run, threads: {content['threads']}, {machine['cores']} cores, "
        f"{machine['processor']}, whose load at the end was {machine['load_at_the_end']}."
    )


def _looked(content: dict[str, Any]) -> str:
    return (
        f"Written by `python benchmarks/failures.py --out {RESULTS}/failures.json`; cosine and MaxSim of the "
        "plain all-MiniLM-L6-v2, mismatch and score of the shipped checkpoint, fingerprint "
        f"`{content['model'][:12]}`."
    )


def _asked(content: dict[str, Any]) -> str:
    return (
        f"Written by `python examples/semantic_cache.py --out {RESULTS}/semantic_cache.json`; "
        f"{content['requests']:,} requests, model fingerprint `{content['model'][:12]}`."
    )


def _fine_tuned(content: dict[str, Any]) -> str:
    sets = ", ".join(f"{count:,} of {name}" for name, count in content["triples"].items())
    return (
        f"Triples: {sets}. Written by a script that became `compositional-rerank train embedder --method "
        f"naive --recipe benchmarks/naive.toml`; {content['seconds']:.0f} s."
    )


def _researched(content: dict[str, Any]) -> str:
    hardware = content["hardware"]
    return (
        f"Written by `python research/architectures.py`; {content['steps']} steps of {content['batch_size']} "
        f"pairs, seed {content['seed']}; {hardware['machine']}, threads: {hardware['threads']}, torch "
        f"{hardware['torch']}."
    )


Render = Callable[[dict[str, Any]], Iterable[str]]
TABLES: dict[str, tuple[str, Render, Callable[[dict[str, Any]], str]]] = {
    "architectures": ("research/results/architectures.json", tables.architectures, _researched),
    "bits": (f"{RESULTS}/crash.json", fault_tables.bits, _hurt),
    "bytes": (f"{RESULTS}/store.json", tables.bytes_, _benched),
    "clients": (f"{RESULTS}/clients.json", service_tables.clients, _compared),
    "cost_of_disk": (f"{RESULTS}/store.json", cost_tables.disk, _benched),
    "cost_of_memory": (f"{RESULTS}/memory.json", cost_tables.memory, _benched),
    "cost_of_passage": (f"{RESULTS}/encode.json", cost_tables.passage, _benched),
    "cost_of_query": (f"{RESULTS}/rerank.json", cost_tables.query, _benched),
    "edit_types": (f"{RESULTS}/audit_near_misses.json", tables.edit_types, _audited),
    "encode": (f"{RESULTS}/encode.json", tables.encode, _benched),
    "failures": (f"{RESULTS}/failures.json", tables.failures, _looked),
    "forms": (f"{RESULTS}/audit_natural.json", tables.forms, _audited),
    "fuzzed": (f"{RESULTS}/fuzz.json", fault_tables.fuzzed, _fuzzed),
    "inferences": (f"{RESULTS}/audit_near_misses.json", tables.inferences, _audited),
    "kernel": (f"{RESULTS}/kernel.json", tables.kernel, _benched),
    "kills": (f"{RESULTS}/crash.json", fault_tables.kills, _hurt),
    "naive": (f"{RESULTS}/audit_naive.json", tables.naive, _audited),
    "naive_settings": (f"{RESULTS}/naive_finetune.json", tables.naive_settings, _fine_tuned),
    "near_misses": (f"{RESULTS}/audit_near_misses.json", tables.near_misses, _audited),
    "order": (f"{RESULTS}/order.json", policy_tables.order, _ordered),
    "order_rules": (f"{RESULTS}/order.json", policy_tables.order_rules, _ordered),
    "peers": (f"{RESULTS}/peers.json", tables.peers, _benched),
    "policy": (f"{RESULTS}/policy.json", policy_tables.policy, _ordered),
    "quality": (f"{RESULTS}/quality.json", tables.quality, _benched),
    "ratios": (f"{RESULTS}/rerank.json", tables.ratios, _benched),
    "rerank": (f"{RESULTS}/rerank.json", tables.times, _benched),
    "retrieval": (f"{RESULTS}/audit_retrieval.json", tables.retrieval, _audited),
    "same_question": (f"{RESULTS}/same_question.json", tables.same_question, _benched),
    "scaling": (f"{RESULTS}/scaling.json", tables.times, _benched),
    "semantic_cache": (f"{RESULTS}/semantic_cache.json", tables.semantic_cache, _asked),
    "soak": (f"{RESULTS}/soak.json", fault_tables.soak, _loaded),
    "soaked": (f"{RESULTS}/soak.json", fault_tables.soaked, _loaded),
    "soaked_as_it_is": (f"{RESULTS}/soak_as_it_is.json", fault_tables.soaked, _loaded),
    "starts": (f"{RESULTS}/rerank.json", tables.starts, _benched),
    "store": (f"{RESULTS}/store.json", tables.store, _benched),
    "threshold": (f"{RESULTS}/audit_near_misses.json", tables.threshold, _audited),
    "warming": (f"{RESULTS}/warming.json", fault_tables.warming, _loaded),
}

if __name__ == "__main__":
    raise SystemExit(main())
