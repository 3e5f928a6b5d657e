"""The report as one HTML file: no script, no request to anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from compositional_rerank.audit import plots
from compositional_rerank.audit.run import AuditResult
from compositional_rerank.audit.sections import notes_of, sections, systems_of

_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 1120px; padding: 28px 32px 60px; background: #fff; color: #1f2328;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 40px 0 6px; padding-top: 14px; border-top: 1px solid #d0d7de; }
h3 { font-size: 15px; margin: 24px 0 6px; }
p, ul { margin: 4px 0 12px; max-width: 80ch; }
.facts { color: #57606a; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums;
  margin: 6px 0 14px; }
.scroll { overflow-x: auto; }
th, td { padding: 5px 12px; text-align: right; border-bottom: 1px solid #d0d7de; white-space: nowrap; }
th { font-weight: 600; color: #57606a; }
th:first-child, td:first-child { text-align: left; padding-left: 0; font-weight: 600; }
.range { color: #57606a; font-size: 12px; }
svg { display: block; max-width: 100%; height: auto; font-family: inherit; margin: 6px 0; }
.key span { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin: 0 6px 0 14px;
  vertical-align: -1px; }
.gate { border-left: 5px solid; padding: 8px 16px; margin: 18px 0; background: #f6f8fa; }
.gate li { list-style: none; } .gate ul { padding: 0; max-width: none; }
.passed { border-color: #009E73; } .failed { border-color: #D55E00; }
.fail { font-weight: 600; }
code { font-size: 13px; background: #f6f8fa; padding: 1px 5px; border-radius: 4px; }
"""


def page(result: AuditResult) -> str:
    """The report with its plots.

    Args:
        result: a finished audit.

    Returns:
        A self-contained HTML document.
    """
    report = result.report
    systems = systems_of(report)
    after = [s for s in ("two_stage", "against") if s in systems]
    parts = [f"<h1>Audit of {escape(report['model']['name'])}</h1>", _facts(report)]
    if "gate" in report:
        parts.append(_gate(report["gate"]))
    if report["retrieval"] or report["near_misses"]:
        parts += ["<h2>Recall against rejection</h2>"]
        parts += [
            "<p>Up: more near-misses rejected. Right: better retrieval. A change that goes left costs "
            "recall.</p>"
        ]
        parts += [plots.plane(report, systems)]
    if result.scores:
        parts += ["<h2>Paraphrases or answers, and near-misses, before and after</h2>", _key()]
        for name, scores in result.scores.items():
            entry = report["near_misses"][name]
            parts.append(f"<h3>{escape(name)}</h3>")
            parts.append(plots.distributions(name, scores, entry, ["cosine", *after]))
    if report["retrieval"]:
        parts.append("<h2>Queries that win and lose</h2>")
        parts.append("<p>Change of nDCG@10 against <code>cosine</code>, one step a query, sorted.</p>")
        for name, entry in report["retrieval"].items():
            parts.append(f"<h3>{escape(name)}: {entry['queries']} queries</h3>")
            parts += [plots.wins_and_losses(entry, s) for s in systems if s != "cosine"]
    parts.append("<h2>All figures</h2>")
    for title, header, rows in sections(report):
        parts.append(f"<h3>{escape(title)}</h3>{_table(header, rows)}")
    parts.append(
        "<p class='facts'>Brackets: 95 % bootstrap intervals. "
        "p: paired randomisation test against cosine.</p>"
    )
    parts += [f"<p class='facts'>{escape(note)}</p>" for note in notes_of(report)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Audit of {escape(report['model']['name'])}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _facts(report: Mapping[str, Any]) -> str:
    settings = report["settings"]
    facts = [f"fingerprint <code>{escape(report['model']['fingerprint'][:12])}</code>"]
    if "against" in report:
        facts.append(f"against <code>{escape(report['against']['name'])}</code>")
    if not settings["verifier"]:
        facts.append("no verifier is loaded: two_stage ranks collections and lists by --order alone")
    facts += [f"top {settings['depth']} reranked", f"seed {settings['seed']}"]
    return f"<p class='facts'>{' · '.join(facts)}</p>"


def _gate(gate: Mapping[str, Any]) -> str:
    word = "passed" if gate["passed"] else "failed"
    lines = "".join(
        f"<li>{'pass' if x['passed'] else '<span class=fail>FAIL</span>'}: {escape(x['text'])}</li>"
        for x in sorted(gate["lines"], key=lambda x: bool(x["passed"]))
    )
    return f"<div class='gate {word}'><strong>Gate {word}</strong><ul>{lines}</ul></div>"


def _key() -> str:
    return (
        "<p class='key'><span style='background:#0072B2;margin-left:0'></span>paraphrases or answers, above "
        "the line"
        "<span style='background:#D55E00'></span>near-misses, below it. The upright stroke is the median. "
        "The less the two overlap along the axis, the better they are told apart.</p>"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(cell: str) -> str:
    value, bracket, interval = escape(cell).partition(" [")
    return f"{value} <span class='range'>[{interval}</span>" if bracket else value
