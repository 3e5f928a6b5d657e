"""The report as a terminal table, Markdown, JSON and files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compositional_rerank.audit.metrics import RETRIEVAL_MEASURES

if TYPE_CHECKING:
    from compositional_rerank.audit.run import AuditResult

Row = tuple[str, ...]

COLUMNS = {
    "pairs": ("auc", "ap", "rejection_at_5", "rejection", "false_rejection", "ece"),
    "triples": ("accuracy", "accuracy_anchor", "rejection_at_5", "rejection", "false_rejection", "ece"),
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
    "rejection_at_5": "rejected at 5%",
    "rejection": "rejected",
    "false_rejection": "wrongly rej.",
    "ece": "ECE",
}
NOTES = (
    "beats both: sim(a, p) > sim(a, n) and sim(a, p) > sim(p, n). beats near-miss: sim(a, p) > sim(a, n).",
    "rejected at 5%: near-misses below the cut that loses 5% of true paraphrases; any system can be read so.",
    "rejected, wrongly rej.: near-misses and true paraphrases whose mismatch reaches the shipped threshold.",
)


def to_json(report: Mapping[str, Any]) -> str:
    """The report as JSON text; no NaN, no infinity."""
    return json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False)


def write(result: AuditResult, folder: Path) -> None:
    """Write `audit.json`, `audit.md` and `audit.html` into a folder, which is created where it is missing."""
    from compositional_rerank.audit.html import page

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.json").write_text(to_json(result.report) + "\n", encoding="utf-8")
    (folder / "audit.md").write_text(markdown(result.report), encoding="utf-8")
    (folder / "audit.html").write_text(page(result), encoding="utf-8")


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
            found.append(_edit_types(name, entry, systems))
    if report["latency_ms"]:
        rows = [(s, f"{v['p50']:.1f}", f"{v['p95']:.1f}") for s, v in report["latency_ms"].items()]
        found.append(("latency of a query, ms", ("system", "p50", "p95"), rows))
    return found


def table(report: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    parts = [f"model: {report['model']['name']}"]
    if "against" in report:
        parts.append(f"against: {report['against']['name']}")
    for title, header, rows in sections(report):
        parts += ["", title, *_aligned([header, *rows])]
    if report["near_misses"]:
        parts += ["", *NOTES]
    return "\n".join(parts)


def markdown(report: Mapping[str, Any]) -> str:
    """The report as Markdown."""
    parts = [
        "# Audit",
        "",
        f"Model: `{report['model']['name']}` (fingerprint `{report['model']['fingerprint'][:12]}`)",
    ]
    if "against" in report:
        parts.append(f"Against: `{report['against']['name']}`")
    gate = report.get("gate")
    if gate is not None:
        parts += ["", f"## Gate: {'passed' if gate['passed'] else 'failed'}", ""]
        parts += [f"- {'PASS' if line['passed'] else '**FAIL**'} {line['text']}" for line in gate["lines"]]
    for title, header, rows in sections(report):
        parts += ["", f"## {title}", "", _pipes(header), _pipes(["---"] + ["---:"] * (len(header) - 1))]
        parts += [_pipes(row) for row in rows]
    parts += [
        "",
        "Brackets hold 95 % bootstrap intervals; p compares with `cosine` (paired randomisation test).",
    ]
    parts += NOTES if report["near_misses"] else []
    return "\n".join(parts) + "\n"


def _edit_types(name: str, entry: Mapping[str, Any], systems: Sequence[str]) -> tuple[str, Row, list[Row]]:
    measure = COLUMNS[entry["kind"]][0]
    header = ["edit type", "n", *(f"{s} {TITLES[measure]}" for s in systems)]
    last = _present(entry, ("rejection", "false_rejection"), systems)
    header += [TITLES[m] for m in last]
    rows = []
    for edit_type, part in entry["by_edit_type"].items():
        cells = [_number(part[s].get(measure)) for s in systems]
        cells += [_number(part["two_stage"].get(m)) for m in last]
        rows.append((edit_type, str(part["n"]), *cells))
    return f"{name} by edit type", tuple(header), rows


def _present(entry: Mapping[str, Any], measures: Sequence[str], systems: Sequence[str]) -> list[str]:
    return [m for m in measures if any(entry[s].get(m) is not None for s in systems)]


def _unit(kind: str) -> str:
    return "contrasts" if kind == "contrast" else kind


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _with_interval(measures: Mapping[str, Any], name: str) -> str:
    interval = measures.get("ci", {}).get(name)
    if interval is None or measures.get(name) is None:
        return _number(measures.get(name))
    return f"{measures[name]:.4f} [{interval[0]:.3f}, {interval[1]:.3f}]"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
