"""The report as titled tables of formatted numbers, for a terminal, Markdown and HTML alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compositional_rerank.audit.metrics import RETRIEVAL_MEASURES
from compositional_rerank.audit.nli import CLASSES
from compositional_rerank.audit.verdicts import EXPECTED, NOT_JUDGED

Row = tuple[str, ...]

COLUMNS = {
    "pairs": ("auc", "ap", "rejection_at_5", "rejection", "false_rejection", "ece"),
    "triples": ("accuracy", "accuracy_anchor", "rejection_at_5", "rejection", "false_rejection", "ece"),
    "answers": (
        *("right_above", "in_list", "rejection_at_5", "rejection", "false_rejection", "ece"),
        *("verdict_accuracy", "yes_above_no"),
    ),
    "contrast": ("paired_accuracy", "support_right", "rejection_at_5", "rejection", "false_rejection", "ece"),
}
PART_COLUMNS = ("rejection", "false_rejection", "rejection_at_5", "verdict_accuracy")  # of two_stage
GROUP_TITLES = {"answers": "answers", "near_misses": "near-misses", "silent": "silent texts"}
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
    "in_list": "right above, in lists",
    "rejection_at_5": "rejected at 5%",
    "rejection": "rejected",
    "false_rejection": "wrongly rej.",
    "ece": "ECE",
    "support_right": "support right",
    "verdict_accuracy": "verdict acc.",
    "yes_above_no": "yes above no",
}
_SYSTEMS = (
    "cosine: the base model's vectors. maxsim: MaxSim over token embeddings. relevance: what ranks without a "
    "verifier. two_stage: relevance, more for support, less for a mismatch.",
)
_NEAR_MISSES = (
    "rejected at 5%: near-misses below the cut that loses 5% of true paraphrases or answers; any system can "
    "be read so.",
    "rejected, wrongly rej.: near-misses, and true paraphrases or answers, whose mismatch reaches "
    "--threshold, by default the model's own. A pair that cannot be judged is not rejected, and not in the "
    "ECE.",
)
_KINDS = {
    "triples": "beats both: sim(a, p) > sim(a, n) and sim(a, p) > sim(p, n). beats near-miss: sim(a, p) > "
    "sim(a, n).",
    "contrast": "support right: share of queries whose own document has more support than the other.",
    "answers": "right above: share of (answer, near-miss) pairs of a query whose answer scores higher. "
    "right above, in lists: the same where two_stage ranks all texts of a query behind cosine. "
    "verdict acc.: judged passages with the expected verdict. yes above no: share of (yes, no) pairs of a "
    "yes/no question whose yes has more support.",
}
_NLI = (
    "accuracy: the most probable of support (entailment), denial (contradiction) and the rest (neutral) is "
    "the label; with non-entailment anything but entailment is right, and what cannot be judged is wrong. "
    "AUC: of support less denial, entailment against contradiction.",
)


def notes_of(report: Mapping[str, Any]) -> list[str]:
    """What the report's words mean, then what it has to say of this audit."""
    kinds = {entry["kind"] for entry in report["near_misses"].values()}
    found = [note for kind, note in _KINDS.items() if kind in kinds]
    if kinds:
        found = [*_SYSTEMS, *found, *_NEAR_MISSES]
    return [*found, *(_NLI if report["nli"] else ()), *report["notes"]]


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
        if any(part["n"] != entry["n"] for part in entry["by_edit_type"].values()):
            found.append(_parts(name, "edit type", entry, "by_edit_type", systems))
        if len(entry.get("by_form", {})) > 1:
            found.append(_parts(name, "form", entry, "by_form", systems))
        if "verdicts" in entry:
            found.append(_verdicts(name, entry))
    found += [_nli(name, entry) for name, entry in report["nli"].items()]
    if report["latency_ms"]:
        rows = [(s, f"{v['p50']:.1f}", f"{v['p95']:.1f}") for s, v in report["latency_ms"].items()]
        found.append(("latency of a query, ms", ("system", "p50", "p95"), rows))
    return found


def _parts(
    name: str, what: str, entry: Mapping[str, Any], key: str, systems: Sequence[str]
) -> tuple[str, Row, list[Row]]:
    measure = COLUMNS[entry["kind"]][0]
    header = [what, "n", *(f"{s} {TITLES[measure]}" for s in systems)]
    last = _present(entry, PART_COLUMNS, ["two_stage"])
    header += [TITLES[m] for m in last]
    rows = []
    for kind, part in entry[key].items():
        cells = [_number(part[s].get(measure)) for s in systems]
        cells += [_number(part["two_stage"].get(m)) for m in last]
        rows.append((kind, str(part["n"]), *cells))
    return f"{name} by {what}", tuple(header), rows


def _verdicts(name: str, entry: Mapping[str, Any]) -> tuple[str, Row, list[Row]]:
    """Shares of verdicts among answers, near-misses and silent texts, in all and by form."""
    names = (*EXPECTED, NOT_JUDGED)
    forms = entry["by_form"] if len(entry["by_form"]) > 1 else {}
    parts = {"": entry, **forms}
    rows = [
        (f"{part}: {GROUP_TITLES[group]}".removeprefix(": "), *_shares(counted, names))
        for part, one in parts.items()
        for group, counted in one["verdicts"].items()
    ]
    return f"{name}: verdicts", ("passages", "n", *(one.replace("_", " ") for one in names)), rows


def _nli(name: str, entry: Mapping[str, Any]) -> tuple[str, Row, list[Row]]:
    names = (*CLASSES, NOT_JUDGED)
    header = ("label", "n", *(one.replace("_", " ") for one in names), "accuracy", "AUC")
    parts = {"all": entry, **entry["by_label"]}
    rows = [
        (label, *_shares(one, names), *(_with_interval(one, measure) for measure in ("accuracy", "auc")))
        for label, one in parts.items()
    ]
    return f"{name}: {entry['n']} hypotheses, and the class of the verdict", header, rows


def _shares(counted: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    return [str(counted["n"]), *(_number(counted.get(name)) for name in names)]


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
