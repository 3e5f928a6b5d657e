"""What each kind of file teaches: rows with the verdicts that may be right."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from compositional_rerank.errors import DataError
from compositional_rerank.training.edits import as_typed, names_and_numbers, renamed
from compositional_rerank.training.kinds import JUDGED, KINDS
from compositional_rerank.training.kinds.contrast import items, judged_texts
from compositional_rerank.training.questions import open_question, yes_no_question
from compositional_rerank.training.rows import DENIES, DIFFERS, SILENT, SUPPORTS, Row

CONTRAST = Path(__file__).parents[2] / "data" / "calibration"


def rows(kind: str, file: Path, lines: list[dict[str, object]], different: int = 0) -> list[Row]:
    file.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    return KINDS[kind](file, different, random.Random(1))


def test_inference_reads_the_premise_as_evidence(tmp_path: Path) -> None:
    labels = ["entailment", "neutral", "contradiction", "non-entailment"]
    lines: list[dict[str, object]] = [
        {"premise": "It rains .", "hypothesis": "It is wet.", "label": label} for label in labels
    ]
    found = rows("inference", tmp_path / "a.jsonl", lines)
    assert {row.query for row in found} <= {"It is wet.", "Is it wet?"}
    assert {(row.evidence, row.group) for row in found} == {("It rains.", "It rains .")}
    assert [row.verdicts for row in found] == [
        SUPPORTS,
        DIFFERS | SILENT,
        DENIES,
        DENIES | DIFFERS | SILENT,
    ]
    assert rows("inference", tmp_path / "a.jsonl", lines, DENIES | DIFFERS)[2].verdicts == DENIES | DIFFERS


def test_some_claims_stand_beside_a_premise_on_another_matter(tmp_path: Path) -> None:
    premises = ["Two dogs bark loudly.", "A choir sings in Rome.", "The dogs sleep."]
    lines: list[dict[str, object]] = [
        {"premise": premise, "hypothesis": f"{premise[:-1]} today {number}.", "label": "neutral"}
        for number in range(50)
        for premise in premises
    ]
    found = [row for row in rows("inference", tmp_path / "a.jsonl", lines) if row.verdicts == SILENT]
    assert 5 < len(found) < 40
    for row in found:
        assert row.evidence not in row.query
        assert ("dogs" in row.query) != ("dogs" in row.evidence)
        assert any(row.group == premise and premise[:-1] in row.query for premise in premises)


def test_a_claim_is_asked_where_yes_and_no_are_clear() -> None:
    asked = {
        "Two men are fishing.": "Are two men fishing?",
        "There is a game outside": "Is there a game outside?",
        "Rome will be flooded": "Will Rome be flooded?",
        "NTSB is responsible.": "Is NTSB responsible?",
        "He has seen it.": "Has he seen it?",
        "He has a dog.": None,
        "In May it was sold.": None,
        "It is not sold.": None,
        "Nobody is here.": None,
        "The man who was here is gone.": None,
        "Dogs bark.": None,
        "Is it?": None,
    }
    assert {claim: yes_no_question(claim, "They fear for Rome.") for claim in asked} == asked


@pytest.mark.parametrize(
    ("claim", "evidence", "question"),
    [
        ("The old barn was burnt down.", "An old barn burnt.", "What was burnt down?"),
        ("The old barn was burnt down.", "A new barn was built.", None),  # what is taken out must be there
        ("Two men are fishing in the lake.", "A lake, and a boat.", "Where are two men fishing?"),
        ("A girl is feeding the horse.", "The horse eats.", "What is a girl feeding?"),
        ("The bridge was opened in 1932.", "In 1932 it was closed.", "When was the bridge opened?"),
        ("She has sold 12 horses.", "12 horses left.", "How many horses has she sold?"),
        ("The doctor thanked the judge.", "The judge thanked a doctor.", "Who thanked the judge?"),
        ("It was seen in Rome.", "It was seen.", None),
        ("A man in a blue shirt is standing here.", "A man in a blue shirt.", "Who is standing here?"),
        ("A dog beside a boy is barking loudly.", "A boy, a dog beside him.", "What is barking loudly?"),
        ("A girl is wearing a pink shirt.", "A woman in a blue shirt.", None),
        ("The barn was not burnt down.", "A barn burnt.", None),
    ],
)
def test_a_claim_is_asked_for_words_that_the_evidence_has(
    claim: str, evidence: str, question: str | None
) -> None:
    assert open_question(claim, evidence, random.Random(1)) == question


def test_an_open_question_of_inference_keeps_what_was_denied(tmp_path: Path) -> None:
    pairs = (
        ("A man drinks cider outside.", "entailment", {SUPPORTS}),
        ("A man sits on a bench.", "contradiction", {DENIES, DENIES | DIFFERS}),
        # "Who drinks cider?" would be answered: the claim itself stays
        ("A woman outside watches a man who drinks cider.", "non-entailment", {DENIES | DIFFERS | SILENT}),
    )
    lines: list[dict[str, object]] = [
        {"premise": premise, "hypothesis": "A man drinks cider.", "label": label}
        for premise, label, _ in pairs
        for _ in range(20)
    ]
    found = rows("inference", tmp_path / "a.jsonl", lines)
    for premise, _, verdicts in pairs:
        mine = [row for row in found if row.evidence == premise]
        assert {row.verdicts for row in mine} <= verdicts
        assert ("Who drinks cider?" in {row.query for row in mine}) == (premise != pairs[2][0])


def test_a_sentence_answers_its_question_and_its_edit_does_not(tmp_path: Path) -> None:
    sentences = [
        "The old harbour is described in the long letters of the captain.",
        "A brown dog is chasing a grey cat through the wet garden.",
        "Two girls in red coats are waiting for a bus near the school.",
        "Nobody knows.",
    ]
    found = rows("asked", tmp_path / "a.jsonl", [{"passage": text} for text in sentences * 20])
    assert found
    for row in found:
        assert row.query.rstrip("?").lower() not in {text.rstrip(".").lower() for text in sentences}
        if row.verdicts == SUPPORTS:
            assert row.wrong == ()
            assert any(text in row.evidence for text in sentences)
        else:
            assert row.verdicts in (DENIES | DIFFERS, DIFFERS | SILENT)
            assert (row.wrong is None) == (row.verdicts == DIFFERS | SILENT)


def test_pairs_triples_and_captions(tmp_path: Path) -> None:
    pair: dict[str, object] = {"text1": "a b", "text2": "b a", "same": 0}
    (row,) = rows("pairs", tmp_path / "a.jsonl", [pair])
    assert {row.query, row.evidence} == {"a b", "b a"}
    assert row.verdicts == DENIES | DIFFERS
    triple: dict[str, object] = {"anchor": "a", "positive": "b", "negative": "c"}
    same, other = rows("triples", tmp_path / "b.jsonl", [triple])
    assert {same.query, same.evidence} == {"a", "b"}
    assert same.verdicts == SUPPORTS
    assert "c" in (other.query, other.evidence)
    assert not other.verdicts & SUPPORTS
    pictures: list[dict[str, object]] = [{"texts": ["a dog", "the dog"]}, {"texts": ["a cat", "the cat"]}]
    for row in rows("captions", tmp_path / "c.jsonl", pictures):
        one_picture = row.query[-3:] == row.evidence[-3:]
        assert not row.verdicts & DENIES
        assert bool(row.verdicts & SUPPORTS) == one_picture


def test_a_sentence_supports_itself_and_not_its_edit(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"passage": "The old harbour lies south of the new station."},
        {"texts": ["A brown dog chases a grey cat.", "Two girls in red coats wait for a bus."]},
        {"text1": "short"},
    ]
    found = rows("sentences", tmp_path / "a.jsonl", lines)
    assert len(found) == 6
    assert len({row.group for row in found}) == 3
    for row in found:
        assert row.wrong is not None
        assert (row.verdicts == SUPPORTS) == (not row.wrong)
        if row.verdicts == SUPPORTS:
            assert row.query.lower() in row.evidence.lower()
        else:
            assert row.verdicts == DENIES | DIFFERS
            assert 1 <= len(row.wrong) <= 2


def test_a_word_of_its_kind_changes_a_sentence_and_one_of_its_meaning_does_not(tmp_path: Path) -> None:
    sentences = ["Two small dogs run over wet sand.", "A tall nurse sits next to the quiet lake."]
    lines = [{"passage": f"{text[:-1]} at {number}."} for number in range(100, 160) for text in sentences]
    found = rows("exchanged", tmp_path / "a.jsonl", lines)
    assert len(found) == 2 * len(lines)
    known = {"small": {"little", "tiny"}, "next to": {"beside", "alongside", "adjacent to"}}
    for supported, changed in zip(found[::2], found[1::2], strict=True):
        assert supported.verdicts == SUPPORTS
        assert changed.verdicts == DENIES | DIFFERS
        assert supported.wrong == ()
        assert changed.wrong
        assert (supported.query == changed.query) != (supported.evidence == changed.evidence)
        for word, same in known.items():
            both = {supported.query, supported.evidence}
            if any(word in text for text in both):
                assert all(word in text or any(one in text for one in same) for text in both)


def test_a_pair_with_another_name_or_number_is_not_the_same(tmp_path: Path) -> None:
    cities = ["Paris", "Rome", "Oslo", "Lima"]
    lines: list[dict[str, object]] = [
        {
            "text1": f"Can I see {city} in {days} days?",
            "text2": f"Are {days} days enough for {city}?",
            "same": 1,
        }
        for days, city in enumerate(cities, 4)
    ]
    lines += [{"text1": "Is it far to Bonn?", "text2": "Is Bonn old?", "same": 0}]
    found = rows("renamed", tmp_path / "a.jsonl", lines)
    assert len(found) == 2 * len(cities)
    for supported, changed in zip(found[::2], found[1::2], strict=True):
        assert (supported.verdicts, changed.verdicts) == (SUPPORTS, DENIES | DIFFERS)
        assert names_and_numbers(supported.query) == names_and_numbers(supported.evidence)
        assert set(names_and_numbers(changed.query)) != set(names_and_numbers(changed.evidence))
        assert (supported.query == changed.query) != (supported.evidence == changed.evidence)
        assert supported.group == changed.group
    with pytest.raises(DataError, match="no pair with same = 1 shares a name or a number"):
        rows("renamed", tmp_path / "b.jsonl", lines[-1:])


def own_words(number: int) -> dict[str, object]:
    names = "question answer near again other yes_no yes no near_yes_no claim supports denies denies_again"
    if number % 2:
        names += " aside aside_yes_no aside_claim plain near_far plain_yes plain_no plain_supports"
    kind = "presupposition" if number % 3 == 0 else "role"
    return {"id": f"a{number}", "kind": kind} | {
        name: f"{name} of matter {number}." for name in names.split()
    }


def test_items_in_their_own_words_say_what_their_fields_say(tmp_path: Path) -> None:
    found = rows("own_words", tmp_path / "a.jsonl", [own_words(number) for number in range(9)])
    said = {
        ("question", "answer"): SUPPORTS,
        ("question", "other"): DENIES | DIFFERS,
        ("again", "near"): DENIES | DIFFERS,
        ("yes_no", "no"): DENIES,
        ("yes_no", "near_yes_no"): DIFFERS | SILENT,
        ("claim", "denies_again"): DENIES,
    }
    asides = {("question", "aside"), ("again", "aside"), ("yes_no", "aside_yes_no"), ("claim", "aside_claim")}
    further = dict.fromkeys(asides, SILENT) | {
        ("again", "plain"): SUPPORTS,
        ("question", "near_far"): DIFFERS | SILENT,
        ("yes_no", "plain_no"): DENIES,
        ("claim", "plain_supports"): SUPPORTS,
    }
    for number in range(9):
        of = [row for row in found if row.group.startswith(f"a{number} ")]
        for (query, text), verdict in (said | (further if number % 2 else {})).items():
            [row] = [
                row
                for row in of
                if row.group == f"a{number} {query}"
                and re.search(rf"(?<!\w){text} of matter {number}\.", row.evidence)
                and len(re.findall(rf"(?<!\b{query}) of matter {number}\.", row.evidence)) == 1
            ]
            assert row.verdicts == verdict
            assert row.query.rstrip(".?").endswith(f"{query} of matter {number}")
        silent = [row for row in of if row.verdicts == SILENT]
        others = [row for row in silent if f"matter {number}." not in row.evidence]
        assert len(others) == len(silent) - (4 if number % 2 else 0)
        assert {row.group for row in others} == {row.group for row in of}
        assert 4 <= len(others) <= 8
        settled = 14 + (7 if number % 2 else 0) + (3 if number % 3 else 0)
        assert len(of) == settled + len(silent)
        both = [row for row in of if f"answer of matter {number}. near" in row.evidence]
        both += [row for row in of if f"near of matter {number}. answer" in row.evidence]
        assert {row.verdicts for row in both} <= {SUPPORTS}
        assert len(both) == (0 if number % 3 == 0 else 2)
    judged = list(JUDGED["own_words"](tmp_path / "a.jsonl"))
    assert len(judged) == 36
    assert judged[2] == (
        "yes_no of matter 0.",
        ["yes of matter 0.", "no of matter 0."],
        ["near_yes_no of matter 0."],
    )


def siblings(number: int) -> dict[str, object]:
    three = {
        name: [f"{name} {case} of matter {number}." for case in range(3)]
        for name in ("passages", "questions", "yes_no", "claims", "untrue")
    }
    return {"id": f"a{number}", "settled": ["yes", "no", "yes"], **three}


def test_a_sibling_says_it_of_another_case(tmp_path: Path) -> None:
    found = rows("siblings", tmp_path / "a.jsonl", [siblings(number) for number in range(9)])
    own = {"questions": [SUPPORTS] * 3, "claims": [SUPPORTS] * 3, "untrue": [DENIES] * 3}
    own["yes_no"] = [SUPPORTS, DENIES, SUPPORTS]
    lone, both = set(), 0
    for row in (row for row in found if not row.group.endswith(" alike")):
        item, form = row.group.split()
        [case] = re.findall(rf"{form} (\d) of matter {item[1:]}\b", row.query)
        there = re.findall(rf"passages (\d) of matter {item[1:]}\.", row.evidence)
        lone.add((row.query, form, case, *there))
        both += len(there) == 2
        expected = own[form][int(case)] if case in there else DIFFERS if there else SILENT
        assert row.verdicts == expected, row
    assert {(form, case, place) for _, form, case, *there in lone for place in there} == {
        (form, str(case), str(place)) for form in own for case in range(3) for place in range(3)
    }
    assert both > 20
    alike = [row for row in found if row.group.endswith(" alike")]
    assert len(alike) == 18
    assert {row.verdicts for row in alike} == {DENIES | DIFFERS}
    judged = list(JUDGED["siblings"](tmp_path / "a.jsonl"))
    assert len(judged) == 81
    assert judged[4] == (
        "yes_no 1 of matter 0.",
        ["passages 1 of matter 0."],
        ["passages 0 of matter 0.", "passages 2 of matter 0."],
    )


def test_triples_come_from_a_folder_too(tmp_path: Path) -> None:
    for name in ("role", "binding"):
        (tmp_path / f"{name}.jsonl").write_text(
            json.dumps({"anchor": f"{name} a", "positive": f"{name} b", "negative": f"{name} c"})
        )
    found = KINDS["triples"](tmp_path, 0, random.Random(1))
    assert [row.verdicts for row in found] == [SUPPORTS, DENIES | DIFFERS] * 2
    assert {row.query[:4] for row in found[:2]} == {"bind"}


def test_a_known_yes_may_become_a_no_with_another_name(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"query": f"is Rome {number} km from Bari", "passage": f"It is {number} km to Rome.", "answer": "1"}
        for number in range(30, 60)
    ]
    own = {(str(line["query"]), str(line["passage"])) for line in lines}
    renamed_rows = [
        row
        for row in rows("answers", tmp_path / "a.jsonl", lines)
        if row.verdicts == DENIES | DIFFERS | SILENT
    ]
    assert renamed_rows
    assert all((row.query, row.evidence) not in own for row in renamed_rows)


def test_words_of_a_list_are_not_swapped(tmp_path: Path) -> None:
    sentences = ["The man and the woman saw a small dog.", "A cat sat upon the cold wall."]
    lines = [{"passage": f"{text[:-1]} {number}."} for number in range(100, 160) for text in sentences]
    evidence = " ".join(row.evidence for row in rows("sentences", tmp_path / "a.jsonl", lines))
    assert "The dog and the woman saw a small man" in evidence
    assert "The woman and the man saw" not in evidence


def test_rows_that_share_a_text_are_one_group() -> None:
    for row in (drawn := KINDS["contrast"](CONTRAST, 0, random.Random(3))):
        assert row.group
        assert row.wrong is None or not (row.wrong and row.verdicts == SUPPORTS)
    ways = {(row.group, row.evidence) for row in drawn}
    assert len(ways) < len(drawn) / 1.5
    item = next(one for one, _, _ in items(CONTRAST))
    denied = [row for row in drawn if row.query == item["claim1"] and row.verdicts == DENIES and row.wrong]
    for row in denied:
        assert row.wrong is not None
        for start, stop in row.wrong:
            assert row.evidence[start:stop] in item["doc2"]


def test_answers_may_deny_only_where_a_no_is_an_answer(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"query": "Is tea hot?", "passage": "Tea is a hot drink."},
        {"query": "Who drinks tea?", "passage": "Monks drink tea at dawn."},
        {"query": "Where is Rome?", "passage": "The city of Rome lies in Italy."},
    ]
    own = {str(line["query"]): line["passage"] for line in lines}
    for row in rows("answers", tmp_path / "a.jsonl", lines * 30):
        question = next((query for query in own if query.rstrip("?") in row.query), None)
        if question is not None and row.evidence == own[question]:
            assert row.verdicts == (SUPPORTS | DENIES if question.startswith("Is") else SUPPORTS)
        else:
            assert row.verdicts & SILENT
            assert not row.verdicts & SUPPORTS


def test_all_passages_of_a_question_answer_it_and_a_known_answer_is_sure(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"query": "is tea hot", "passage": "Tea is a hot drink of leaves.", "answer": "1"},
        {"query": "is tea hot", "passage": "Hot water makes tea of leaves.", "answer": "1"},
        {"query": "is ice hot", "passage": "Ice is frozen water, and cold.", "answer": "0"},
    ]
    found = rows("answers", tmp_path / "a.jsonl", lines * 20)
    hot = {"is tea hot"} & {row.query for row in found}
    assert hot
    for row in found:
        if row.query == "is tea hot" and row.evidence in (lines[0]["passage"], lines[1]["passage"]):
            assert row.verdicts == SUPPORTS
        if row.query == "is ice hot" and row.evidence == lines[2]["passage"]:
            assert row.verdicts == DENIES


def test_what_was_cut_away_may_answer_an_open_question() -> None:
    whole = {text for item, _, _ in items(CONTRAST) for text in (item["doc1"], item["doc2"])}
    extra = {item[name] for item, _, _ in items(CONTRAST) for name in ("other", "near") if name in item}
    questions = {item[name] for item, _, _ in items(CONTRAST) for name in ("q1", "q2")}
    cut = [
        row
        for row in KINDS["contrast"](CONTRAST, 0, random.Random(3))
        if row.query in questions and row.wrong is not None and row.evidence not in whole | extra
    ]
    assert cut
    assert all(row.verdicts & SILENT for row in cut)


def test_contrast_items_say_what_their_fields_say() -> None:
    found = {item["id"]: item for item, _, _ in items(CONTRAST)}
    assert len(found) > 200
    item = next(one for one in found.values() if "near" in one)
    drawn = KINDS["contrast"](CONTRAST, 0, random.Random(2))
    about = {(row.query, row.evidence): row.verdicts for row in drawn}
    assert about.get((item["claim1"], item["doc1"]), SUPPORTS) == SUPPORTS
    assert about.get((item["claim1"], item["doc2"]), DENIES) == DENIES
    assert about.get((item["q1"], item["near"]), DIFFERS) == DIFFERS
    assert {row.verdicts for row in drawn} >= {SUPPORTS, DENIES, DIFFERS, SILENT, DENIES | DIFFERS}


def test_a_no_is_among_the_answers_of_a_yes_no_question() -> None:
    item = next(one for one, _, _ in items(CONTRAST) if "near" in one)
    judged = {query: (right, wrong) for query, right, wrong in judged_texts(CONTRAST)}
    assert judged[item["yn"]] == ([item["doc1"], item["doc2"]], [item["near"]])
    assert judged[item["claim1"]] == ([item["doc1"]], [item["doc2"], item["claim2"]])
    assert judged[item["q2"]] == ([item["doc2"]], [item["doc1"], item["near"]])


@pytest.mark.parametrize(
    ("kind", "line", "message"),
    [
        ("inference", {"premise": "a", "hypothesis": "b", "label": "maybe"}, "label"),
        ("pairs", {"text1": "a", "text2": "b", "same": 2}, "same"),
        ("sentences", {"passage": "too short"}, "two sentences"),
        ("pairs", {"text1": "a", "text2": " ", "same": 1}, "text2"),
        ("triples", {"anchor": "a", "positive": "b"}, "negative"),
        ("captions", {"texts": ["one"]}, "texts"),
        ("answers", {"query": "a", "passage": "b"}, "two passages"),
        ("contrast", {"doc1": "a"}, "doc2"),
        ("own_words", {"id": "a", "kind": "role", "question": "b"}, "answer"),
        ("siblings", {"id": "a", "settled": ["yes", "no", "maybe"]}, "yes or no"),
        ("siblings", {"id": "a", "settled": ["yes", "no", "yes"], "passages": ["b", "c"]}, "three texts"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, kind: str, line: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows(kind, tmp_path / "a.jsonl", [line])


def test_another_name_stands_in_one_text_only() -> None:
    query, evidence = "Who rents flat 6 of Anna Stahl?", "Mia rents flat 6 of Anna Stahl since 1.6."
    assert names_and_numbers(evidence) == ["Anna Stahl", "6", "1.6"]
    for seed in range(20):
        changed = renamed(query, evidence, ["9", "6", "Bo Lind", "1.6"], random.Random(seed))
        assert changed is not None
        assert (changed[0] == query) != (changed[1] == evidence)
        assert "1.6." in changed[1]
    assert renamed(query, evidence, ["6"], random.Random(0)) is None
    assert renamed("Who is it?", evidence, ["9", "Bo"], random.Random(0)) is None


def test_typed_questions_keep_their_words() -> None:
    typed = {as_typed("Who rents flat 6?", random.Random(seed)) for seed in range(200)}
    assert len(typed) > 3
    assert all("Who rents flat 6" in one for one in typed)
