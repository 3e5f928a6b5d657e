"""The report as titled tables of formatted numbers, for a terminal, Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compositional_rerank.audit.metrics import RETRIEVAL_MEASURES

Row = tuple[str, ...]

COLUMNS = {
    "pairs": ("auc", "ap", "rejection_at_5", "rejection", "false_rejection", "ece"),
    "triples": ("accuracy", "accuracy_anchor", "rejection_at_5", "rejection", "false_rejection", "ece"),
    "answers": ("right_above", "rejection_at_5", "rejection", "false_rejection", "ece"),
    "contrast": ("paired_accuracy", "rejection_at_5", "rejection", "false_rejection", "ece"),
}
TITLES = {
    "ndcg@10": "nDCG@10",
    "mrr@10": "MRR@10",
    "recall@100": "recall@100",
    "auc": "AUC",
    "ap": "AP",
    "accuracy": "beats both",
    "accuracy_anchor": "beats near-miss",
    "paired_accuracy": "paired acc.",
    "right_above": "right above",
    "rejection_at_5": "rejected at 5%",
    "rejection": "rejected",
    "false_rejection": "wrongly rej.",
    "ece": "ECE",
}
NOTES = (
    "cosine: the base model's vectors. maxsim: MaxSim over token embeddings. relevance: what ranks before a "
    "penalty. two_stage: relevance less the penalty of a mismatch.",
    "beats both: sim(a, p) > sim(a, n) and sim(a, p) > sim(p, n). beats near-miss: sim(a, p) > sim(a, n).",
    "right above: share of (answer, near-miss) pairs of a query whose answer scores higher.",
    "rejected at 5%: near-misses below the cut that loses 5% of true paraphrases; any system can be read so.",
    "rejected, wrongly rej.: near-misses and true paraphrases whose mismatch reaches the shipped threshold.",
)


def systems_of(report: Mapping[str, Any]) -> list[str]:
    """Names of the systems in the report, in order."""
    return list(report["settings"]["systems"])


def sections(report: Mapping[str, Any]) -> list[tuple[str, Row, list[Row]]]:
    """The report as (title, header, rows) with every number formatted."""
    found: list[tuple[str, Row, list[Row]]] = []
    systems = systems_of(report)
    for name, entry in report["retrieval"].items():
        title = f"{name}: {entry['documents']} documents, {entry['queries']} queries"
        rows = []
        for system in systems:
            cells = [_with_interval(entry[system], m) for m in RETRIEVAL_MEASURES]
            p = entry[system].get("p_value", {}).get("ndcg@10")
            rows.append((system, *cells, "" if p is None else f"{p:.4f}"))
        header = ("system", *(TITLES[m] for m in RETRIEVAL_MEASURES), "p (nDCG)")
        found.append((title, header, rows))
    for name, entry in report["near_misses"].items():
        measures = _present(entry, COLUMNS[entry["kind"]], systems)
        header = ("system", *(TITLES[m] for m in measures))
        rows = [(s, *(_with_interval(entry[s], m) for m in measures)) for s in systems]
        found.append((f"{name}: {entry['n']} {_unit(entry['kind'])}", header, rows))
        if len(entry["by_edit_type"]) > 1:
            found.append(_parts(name, "edit type", entry, "by_edit_type", systems))
        if len(entry.get("by_form", {})) > 1:
            found.append(_parts(name, "form", entry, "by_form", systems))
    if report["latency_ms"]:
        rows = [(s, f"{v['p50']:.1f}", f"{v['p95']:.1f}") for s, v in report["latency_ms"].items()]
        found.append(("latency of a query, ms", ("system", "p50", "p95"), rows))
    return found


def _parts(
    name: str, what: str, entry: Mapping[str, Any], key: str, systems: Sequence[str]
) -> tuple[str, Row, list[Row]]:
    measure = COLUMNS[entry["kind"]][0]
    header = [what, "n", *(f"{s} {TITLES[measure]}" for s in systems)]
    last = _present(entry, ("rejection", "false_rejection"), systems)
    header += [TITLES[m] for m in last]
    rows = []
    for kind, part in entry[key].items():
        cells = [_number(part[s].get(measure)) for s in systems]
        cells += [_number(part["two_stage"].get(m)) for m in last]
        rows.append((kind, str(part["n"]), *cells))
    return f"{name} by {what}", tuple(header), rows


def _present(entry: Mapping[str, Any], measures: Sequence[str], systems: Sequence[str]) -> list[str]:
    return [m for m in measures if any(entry[s].get(m) is not None for s in systems)]


def _unit(kind: str) -> str:
    return {"contrast": "contrasts", "answers": "passages"}.get(kind, kind)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _with_interval(measures: Mapping[str, Any], name: str) -> str:
    interval = measures.get("ci", {}).get(name)
    if interval is None or measures.get(name) is None:
        return _number(measures.get(name))
    return f"{measures[name]:.4f} [{interval[0]:.3f}, {interval[1]:.3f}]"
