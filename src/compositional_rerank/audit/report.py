"""The report as a terminal table, Markdown, JSON and files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compositional_rerank.audit.html import page
from compositional_rerank.audit.run import AuditResult
from compositional_rerank.audit.sections import notes_of, sections


def to_json(report: Mapping[str, Any]) -> str:
    """The report as JSON text; no NaN, no infinity."""
    return json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False)


def write(result: AuditResult, folder: Path) -> None:
    """Write `audit.json`, `audit.md` and `audit.html` into a folder, which is created where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "audit.json").write_text(to_json(result.report) + "\n", encoding="utf-8")
    (folder / "audit.md").write_text(markdown(result.report), encoding="utf-8")
    (folder / "audit.html").write_text(page(result), encoding="utf-8")


def table(report: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    parts = [f"model: {report['model']['name']}"]
    if "against" in report:
        parts.append(f"against: {report['against']['name']}")
    for title, header, rows in sections(report):
        parts += ["", title, *_aligned([header, *rows])]
    if notes := notes_of(report):
        parts += ["", *notes]
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
    parts += [line for note in notes_of(report) for line in ("", note)]
    return "\n".join(parts) + "\n"


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
