"""Sets of queries with answers and near-misses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.audit.answers import AnswerSet, Passage, read_answers
from compositional_rerank.audit.cache import EmbeddingCache
from compositional_rerank.audit.formats import read_suite
from compositional_rerank.audit.near_misses import NearMissResult, evaluate, summarise
from compositional_rerank.audit.systems import Systems
from compositional_rerank.audit.verdicts import EXPECTED, Verdicts
from compositional_rerank.errors import DataError
from compositional_rerank.results import Verdict
from compositional_rerank.scoring.policy import Policy

ROW = {"query": "Who won?", "answers": ["Ada won."], "near_misses": ["Ada lost."]}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_texts_and_objects_are_read_alike(tmp_path: Path) -> None:
    other = {
        **ROW,
        "answers": [{"text": "Ada won.", "verdict": "supports"}],
        "silent": ["Ada is tall."],
        "edit_type": "role",
        "form": "question",
    }
    data = read_answers(write(tmp_path / "a.jsonl", ROW, other))
    assert data.passages == [
        Passage(0, "answers", "Ada won."),
        Passage(0, "near_misses", "Ada lost."),
        Passage(1, "answers", "Ada won.", "supports"),
        Passage(1, "near_misses", "Ada lost."),
        Passage(1, "silent", "Ada is tall.", "silent"),
    ]
    assert (data.name, data.edit_types, data.forms) == ("a", [None, "role"], [None, "question"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answers": []}, "field 'answers' has 0 texts; at least 1"),
        ({"answers": "Ada won."}, "field 'answers' is 'Ada won.'; it has to be a list"),
        ({"near_misses": [3]}, "field 'text' is int 3"),
        ({"near_misses": None}, "field 'near_misses' is None"),
        ({"query": " "}, "field 'query' is empty"),
        ({"silent": "nothing"}, "field 'silent' is 'nothing'; it has to be a list"),
        (
            {"answers": [{"text": "Ada won.", "verdict": "yes"}]},
            "field 'verdict' is 'yes'; it has to be one of",
        ),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = write(tmp_path / "a.jsonl", ROW, {**ROW, **change})
    with pytest.raises(DataError, match=r"a\.jsonl:2: ") as raised:
        read_answers(file)
    assert said in str(raised.value)


LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
FORMS = ("question", "yes_no")
THRESHOLD = 0.75


@st.composite
def row(draw: st.DrawFn) -> tuple[int, int, str, float, Verdict]:
    """Query, label, expected verdict, score, and a verdict, which may be that nothing can be judged."""
    name = draw(st.sampled_from(["supports", "denies", "differs", None]))
    support, mismatch = draw(st.sampled_from(LEVELS)), draw(st.sampled_from(LEVELS))
    one = draw(st.sampled_from([Verdict(), Verdict(name, support, 0.0, mismatch)]))
    label = draw(st.sampled_from([1, 1, 0, 0, -1]))
    expected = draw(st.sampled_from(["", *EXPECTED]))
    return draw(st.integers(0, 5)), label, expected, draw(st.sampled_from(LEVELS)), one


def share(hits: list[Any]) -> Any:
    return pytest.approx(sum(hits) / len(hits)) if hits else None


def within(rows: list[Any], above: Callable[[Any], bool], below: Callable[[Any], bool]) -> Any:
    """Mean over queries of the share of pairs in order, values last in each row."""
    found = []
    for owner in {one[0] for one in rows}:
        mine = [one for one in rows if one[0] == owner]
        hits = [a[-1] > b[-1] for a in mine if above(a) for b in mine if below(b)]
        if hits:
            found.append(sum(hits) / len(hits))
    return share(found)


def check(part: Any, rows: list[Any]) -> None:
    """A part of a report against counting."""
    answers = [one for _, label, _, _, one in rows if label == 1]
    wrong = [one for _, label, _, _, one in rows if label == 0]
    two = part["two_stage"]
    assert part["n"] == len(answers) + len(wrong)
    scored = [(owner, label, score) for owner, label, _, score, _ in rows]
    assert two["right_above"] == within(scored, lambda one: one[1] == 1, lambda one: one[1] == 0)
    assert two["rejection"] == share([(one.mismatch or 0) >= THRESHOLD for one in wrong])
    assert two["false_rejection"] == share([(one.mismatch or 0) >= THRESHOLD for one in answers])
    said = [(expected, one) for _, _, expected, _, one in rows if expected and one.mismatch is not None]
    assert two["verdict_accuracy"] == share([expected == (one.verdict or "silent") for expected, one in said])
    held = [
        (owner, expected, -1.0 if one.support is None else one.support)
        for owner, label, expected, _, one in rows
        if label == 1 and one.support is not None
    ]
    unheld = [
        (owner, expected, float("nan"))
        for owner, label, expected, _, one in rows
        if label == 1 and one.support is None
    ]
    order = within(held + unheld, lambda one: one[1] == "supports", lambda one: one[1] == "denies")
    assert two["yes_above_no"] == order
    for group, label in (("answers", 1), ("near_misses", 0), ("silent", -1)):
        mine = [one for _, other, _, _, one in rows if other == label]
        assert (group in part["verdicts"]) == bool(mine)
        if mine:
            names = ["not_judged" if one.mismatch is None else one.verdict or "silent" for one in mine]
            expected = {name: share([name == other for other in names]) for name in (*EXPECTED, "not_judged")}
            assert part["verdicts"][group] == {"n": len(mine), **expected}


@given(st.lists(row(), min_size=1, max_size=25))
@settings(max_examples=60, deadline=None)
def test_what_is_counted_in_all_and_by_form(rows: list[Any]) -> None:
    forms = [FORMS[owner % 2] for owner, *_ in rows]
    scores = np.array([score for *_, score, _ in rows])
    result = NearMissResult(
        "answers",
        ["role"] * len(rows),
        np.array([label for _, label, *_ in rows]),
        {"two_stage": scores},
        Verdicts.of([one for *_, one in rows]),
        np.array([owner for owner, *_ in rows]),
        forms,
        np.array([expected for _, _, expected, _, _ in rows], dtype=np.str_),
    )
    report: Any = summarise(result, THRESHOLD, seed=0)
    check(report, rows)
    check(report["by_edit_type"]["role"], rows)
    for form, part in report["by_form"].items():
        check(part, [one for one, other in zip(rows, forms, strict=True) if other == form])


def test_passages_of_one_query_are_resampled_together() -> None:
    """Passages that say the same three times make no interval narrower."""
    rng = np.random.default_rng(3)
    scores, mismatch = rng.random(80), rng.random(80)
    mismatch[::2] /= 2
    intervals = []
    for times in (1, 3):
        rows = np.repeat(np.arange(80), times)  # an answer and a near-miss of each of 40 queries
        result = NearMissResult(
            "answers",
            ["role"] * len(rows),
            1 - rows % 2,
            {"cosine": scores[rows], "two_stage": scores[rows]},
            Verdicts.of([Verdict("supports", 1 - x, 0.0, x) for x in mismatch[rows].tolist()]),
            rows // 2,
            ["question"] * len(rows),
            np.where(rows % 3 == 0, "differs", "supports"),
        )
        report: Any = summarise(result, 0.5, seed=0)
        intervals.append({name: report[name]["ci"] for name in result.scores})
        assert report["by_form"]["question"]["two_stage"]["ci"] == report["two_stage"]["ci"]
    once, thrice = intervals
    for name, measure in (
        ("cosine", "rejection_at_5"),
        *(("two_stage", one) for one in ("rejection_at_5", "rejection", "verdict_accuracy")),
    ):
        assert thrice[name][measure] == pytest.approx(once[name][measure])
        assert once[name][measure][0] < once[name][measure][1]


def test_a_model_on_answers_near_misses_and_keywords(
    tmp_path: Path, verifying: CompositionalReranker, embedder: StructuralEmbedder
) -> None:
    passages = [
        Passage(0, "answers", "The drug is safe.", "supports"),
        Passage(0, "near_misses", "The drug is not safe.", "denies"),
        Passage(0, "silent", "The drug costs ten euros.", "silent"),
        Passage(1, "answers", "The drug is safe."),
    ]
    data = AnswerSet(
        "made", ["The drug is safe.", "drug safety"], ["negation", None], ["statement", None], passages
    )
    result = evaluate(Systems(embedder, verifying, EmbeddingCache(tmp_path / "cache")), data)
    report: Any = summarise(result, verifying.threshold, seed=0)
    assert report["n"] == 3
    assert report["verdicts"]["answers"]["not_judged"] == 0.5  # keywords ask nothing
    assert report["verdicts"]["silent"]["n"] == 1
    [judged] = verifying.verify("The drug is safe.", ["The drug is not safe."])
    assert result.verdicts is not None
    assert result.verdicts.mismatch[1] == pytest.approx(judged.mismatch, abs=1e-4)
    assert result.scores["two_stage"][3] == result.scores["relevance"][3]
    assert sorted(result.in_list[:3].tolist()) == [-2, -1, 0]  # places among the texts of the first query
    assert result.in_list[3] == 0
    strict = Policy("retriever", "drop", threshold=0.0)
    cache = EmbeddingCache(tmp_path / "cache")
    left = evaluate(Systems(embedder, verifying, cache, policy=strict), data)
    assert np.isinf(left.in_list[:2]).all()  # at that threshold all that is read is dropped
    assert left.in_list[3] == 0  # and what nobody judged is not


def test_questions_of_condaqa_become_answers(tmp_path: Path) -> None:
    one = {
        "question": "Is it?",
        "doc_orig": "It is not.",
        "ans_orig": "NO",
        "doc_edit": "It is.",
        "ans_edit": "YES",
    }
    write(tmp_path / "qa.jsonl", one, {**one, "ans_edit": "NO"}, {**one, "ans_edit": "DON'T KNOW"})
    script = Path(__file__).parents[2] / "benchmarks" / "condaqa.py"
    command = [script, "--data", tmp_path / "qa.jsonl", "--out", tmp_path / "yes_no.jsonl"]
    said = subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True, text=True)
    assert said.stdout.startswith("1 of 3 rows")
    data = read_answers(tmp_path / "yes_no.jsonl")
    assert (data.queries, data.forms) == (["Is it?"], ["yes_no"])
    assert data.passages == [
        Passage(0, "answers", "It is not.", "denies"),
        Passage(0, "answers", "It is.", "supports"),
    ]


def test_the_natural_suite_is_as_large_as_it_says() -> None:
    suite = read_suite("natural")
    assert isinstance(suite, AnswerSet)
    assert len(suite.queries) >= 600
    for kinds, least in ((suite.forms, 150), (suite.edit_types, 40)):
        assert min(list(kinds).count(kind) for kind in set(kinds)) >= least
    assert len(set(suite.queries)) == len(suite.queries)
    assert all(passage.verdict for passage in suite.passages)
