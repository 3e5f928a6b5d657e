"""The tables of `result_pages.py`: lines of Markdown from the JSON of a benchmark or an audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Content = dict[str, Any]

# What each set was looked at for while the shipped weights were made (docs/experiments.md).
_TRAINING = "mixtures of training data, means of weights"
CHOSE = {
    "cisi": "mixture in relevance; sensitivity",
    "nfcorpus": "mixture in relevance; its dev queries: the gate",
    "scifact": "the rule for gate and penalty",
    "builtin": f"{_TRAINING}; penalty",
    "paws_qqp": f"{_TRAINING}; calibration",
    "scramble": f"{_TRAINING}; calibration",
    **dict.fromkeys(
        (f"sugarcrepe_pp_replace_{kind}" for kind in ("att", "obj", "rel")),
        f"{_TRAINING}; calibration, penalty, sensitivity",
    ),
}
MEASURES = {
    "auc": "AUC",
    "accuracy": "paraphrase above both",
    "accuracy_anchor": "paraphrase above near-miss",
    "right_above": "answer above near-miss",
    "rejection_at_5": "near-misses rejected at 5 % of paraphrases",
}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    cells = list(head)
    yield f"| {' | '.join(cells)} |"
    yield "|" + "---|" * len(cells)
    for row in rows:
        yield f"| {' | '.join('' if cell is None else str(cell) for cell in row)} |"


def number(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def _systems(report: Content) -> dict[str, str]:
    """Key and heading of each system; older audits say maxsim to relevance, its mixture with the cosine."""
    settings = report["settings"]
    names = {
        "cosine": "cosine",
        "against": "structural part" if settings["sensitivity"] else "against",
        "maxsim": "MaxSim" if "relevance" in settings["systems"] else "relevance",
        "relevance": "relevance",
        "two_stage": "two stages",
        "cross_encoder": "cross-encoder",
    }
    return {key: name for key, name in names.items() if key in settings["systems"]}


def _titled(title: str, entry: Content) -> str:
    return title.replace("paraphrases", "answers") if entry["kind"] == "answers" else title


def retrieval(report: Content) -> Iterator[str]:
    rows = []
    for name, entry in report["retrieval"].items():
        for key, heading in _systems(report).items():
            one = entry[key]
            low, high = one["ci"]["ndcg@10"]
            found = [f"{one['ndcg@10']:.4f} [{low:.3f}, {high:.3f}]", f"{one['mrr@10']:.4f}"]
            found += [f"{one['recall@100']:.4f}", number(one.get("p_value", {}).get("ndcg@10"), ".4f")]
            rows.append([name, entry["queries"], heading, *found, CHOSE.get(name)])
    head = ("set", "queries", "system", "nDCG@10", "MRR@10", "recall@100", "p (nDCG@10)", "helped to choose")
    return table(head, rows)


def near_misses(report: Content) -> Iterator[str]:
    systems = _systems(report)
    rows = []
    for name, entry in report["near_misses"].items():
        for measure, title in MEASURES.items():
            if measure in entry["two_stage"]:
                found = [number(entry[key].get(measure)) for key in systems]
                rows.append([name, entry["n"], _titled(title, entry), *found, CHOSE.get(name)])
    return table(("set", "n", "measure", *systems.values(), "helped to choose"), rows)


def threshold(report: Content) -> Iterator[str]:
    rows = [
        [name, *(number(entry["two_stage"].get(key)) for key in ("rejection", "false_rejection", "ece"))]
        for name, entry in report["near_misses"].items()
    ]
    answers = any(entry["kind"] == "answers" for entry in report["near_misses"].values())
    wrongly = f"paraphrases {'or answers ' if answers else ''}rejected"
    return table(("set", "near-misses rejected", wrongly, "ECE"), rows)


def edit_types(report: Content) -> Iterator[str]:
    suite = report["near_misses"][report["settings"]["suite"]]
    above = "right_above" if suite["kind"] == "answers" else "accuracy_anchor"
    columns = {
        f"cosine: {MEASURES[above]}": ("cosine", above),
        "two stages: the same": ("two_stage", above),
        "rejected at 5 % of its paraphrases": ("two_stage", "rejection_at_5"),
        "rejected at the threshold": ("two_stage", "rejection"),
        "paraphrases rejected there": ("two_stage", "false_rejection"),
    }
    rows = [
        [kind, part["n"], *(number(part[system][measure]) for system, measure in columns.values())]
        for kind, part in suite["by_edit_type"].items()
    ]
    return table(("edit type", "n", *(_titled(column, suite) for column in columns)), rows)


def forms(report: Content) -> Iterator[str]:
    columns = {
        "cosine: answer above near-miss": ("cosine", "right_above"),
        "two stages: the same": ("two_stage", "right_above"),
        "near-misses rejected": ("two_stage", "rejection"),
        "answers rejected": ("two_stage", "false_rejection"),
        "near-misses rejected at 5 % of answers": ("two_stage", "rejection_at_5"),
        "expected verdict": ("two_stage", "verdict_accuracy"),
        "yes above no": ("two_stage", "yes_above_no"),
    }
    rows = [
        [name, form, part["n"], *(number(part[system].get(key)) for system, key in columns.values())]
        for name, entry in report["near_misses"].items()
        if entry["kind"] == "answers"
        for form, part in {"all": entry, **entry["by_form"]}.items()
    ]
    return table(("set", "form of query", "passages", *columns), rows)


def inferences(report: Content) -> Iterator[str]:
    rows = [
        [name, entry["n"], *(number(entry[measure]) for measure in ("accuracy", "auc", "not_judged"))]
        for name, entry in report["nli"].items()
    ]
    return table(("set", "n", "accuracy", "AUC of support less denial", "not judged"), rows)


def failures(content: Content) -> Iterator[str]:
    rows = [
        [
            "" if place else row["query"],
            row["near_miss" if place else "paraphrase"],
            "no" if place else "yes",
            *(number(row[name][place]) for name in ("cosine", "maxsim")),
            number(row["mismatch"][place], ".2f"),
            number(row["score"][place]),
        ]
        for row in content["rows"]
        for place in (0, 1)
    ]
    return table(("query", "text", "says it?", "cosine", "MaxSim", "mismatch", "score"), rows)


def naive(report: Content) -> Iterator[str]:
    columns = [(measure, key) for measure in ("ndcg@10", "recall@100") for key in ("cosine", "against")]
    rows = [
        [name, *(f"{entry[key][measure]:.4f}" for measure, key in columns)]
        for name, entry in report["retrieval"].items()
    ]
    return table(("set", "nDCG@10 before", "after", "recall@100 before", "after"), rows)


def naive_settings(content: Content) -> Iterator[str]:
    names = ("loss", "steps", "batch_size", "lr", "seed")
    return table(("setting", "value"), [[name, content[name]] for name in names])


def quality(content: Content) -> Iterator[str]:
    collections = list(content["rows"][0]["ndcg@10"])
    rows = [
        [one["d"], one["dtype"], f"{one['bytes_of_128_tokens']:,}"]
        + [f"{one['ndcg@10'][name]:.4f}" for name in collections]
        for one in content["rows"]
    ]
    return table(("components", "numbers", "bytes", *(f"{name}, nDCG@10" for name in collections)), rows)


def times(content: Content) -> Iterator[str]:
    rows = [[name, one["p50"], one["p95"], one["cpu"]] for name, one in content["times"].items()]
    return table(("what", "p50, ms", "p95, ms", "processor, ms"), rows)


def ratios(content: Content) -> Iterator[str]:
    peers = [name for name in content["times"] if name.startswith("cross-encoder")]
    rows = [
        [name, one["suspects_verified"]["median"], one["over_the_query_alone"]["p50"]]
        + [one[f"faster_than {peer}"]["p50"] for peer in peers]
        for name, one in content["ratios"].items()
    ]
    head = ("backend and store", "passages verified, median", "times the query's encoding")
    return table((*head, *(f"times faster than {peer}" for peer in peers)), rows)


def starts(content: Content) -> Iterator[str]:
    return table(("start", "seconds"), content["seconds_of_starting"].items())


def encode(content: Content) -> Iterator[str]:
    fields = ("one_passage_cpu", "times_faster_than_torch_float32", "cosine_mean", "cosine_min")
    rows = [
        [name, one["query"]["cpu"], *(one[field] for field in fields)]
        for name, one in content.items()
        if isinstance(one, dict) and "cosine_min" in one
    ]
    head = ("backend", "query, ms", "passage of 128 tokens, ms", "times faster")
    return table((*head, "cosine with torch's, mean", "least"), rows)


def kernel(content: Content) -> Iterator[str]:
    sizes = [size for size in content if size.startswith("d=")]
    names = list(content[sizes[0]]["times"])
    rows = [[name, *(content[size]["times"][name]["cpu"] for size in sizes)] for name in names]
    rows += [
        [name.replace("_", " "), *(content[size][name] for size in sizes)]
        for name in content[sizes[0]]
        if name != "times"
    ]
    return table(("what", *(f"{size}, ms" for size in sizes)), rows)


def store(content: Content) -> Iterator[str]:
    rows = [
        [f"{state}: {name}", one["p50"], one["cpu"], content[state]["times_pread"][name]["p50"]]
        for state in ("warm", "cold")
        for name, one in content[state].items()
        if name != "times_pread"
    ]
    return table(("what", "p50, ms", "processor, ms", "times `pread`"), rows)


def bytes_(content: Content) -> Iterator[str]:
    sizes = content["bytes_per_passage_by_dtype"]
    kinds = list(next(iter(sizes.values())))
    rows = [[name.removeprefix("d="), *(f"{one[kind]:,}" for kind in kinds)] for name, one in sizes.items()]
    return table(("components", *kinds), rows)


def peers(content: Content) -> Iterator[str]:
    faster = content["times_faster_than_the_cross_encoder"]
    rows = [[name, time, faster[name]] for name, time in content["times"].items()]
    return table(("reranker", "p50, ms", "times faster than the cross-encoder"), rows)


def architectures(content: Content) -> Iterator[str]:
    pairs = ("paws_qqp AUC", "scramble AUC")
    captions = [f"replace_{kind} anchor" for kind in ("att", "obj", "rel")]
    suite = ("built-in suite, short anchor", "built-in suite, short: rejected at 5 %")
    rows = [
        [row["architecture"], row["encoder"], f"{row['parameters of the reader']:,}", row["seconds"]]
        + [f"{row['loss']:.3f}"]
        + [" / ".join(f"{row[name]:.2f}" for name in names) for names in (pairs, captions, suite)]
        + [f"{row['milliseconds']:.2f}"]
        for row in content["rows"]
    ]
    head = ("reader", "encoder", "its weights", "training, s", "loss", "AUC PAWS-QQP / scramble")
    more = ("paraphrase above near-miss: att / obj / rel", "suite, short: the same / rejected at 5 %")
    return table((*head, *more, "ms a pair"), rows)


def same_question(content: Content) -> Iterator[str]:
    by = [content[name] for name in ("shared_words", "cosine", "same_question")]
    loss = f"near-misses that get through where {100 * content['loss']:.0f} % of the same are refused"
    rows: list[list[object]] = [
        ["AUC", *(number(one["auc"]) for one in by)],
        ["AUC, lightly reworded", *(number(one["auc_lightly"]) for one in by)],
        ["AUC, heavily reworded", *(number(one["auc_heavily"]) for one in by)],
        [loss, *(_percent(one["near_misses_through"]) for one in by)],
    ]
    for one in content["at"]:
        refused, through = _percent(one["same_refused"]), _percent(one["near_misses_through"])
        say = f"same refused / near-misses through, from support {one['least_support']:g}"
        rows.append([say, None, None, f"{refused} / {through}"])
    rows += [
        [f"{name}, ms of the processor", None, None, f"{one['cpu']:.1f}"]
        for name, one in content["ms"].items()
    ]
    return table((f"{content['pairs']} pairs", "shared words", "cosine", "`same_question`"), rows)


def semantic_cache(content: Content) -> Iterator[str]:
    rows = [[row[key] for key in ("cache", "right", "wrong", "misses")] for row in content["rows"]]
    return table(("serves by", "right answers", "wrong answers", "asks the model"), rows)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
