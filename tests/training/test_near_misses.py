"""Near-miss generation: reversible edits, labels, determinism, and the built-in suite as a held-out test."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compositional_rerank.errors import InputError
from compositional_rerank.training.near_misses import (
    EDIT_TYPES,
    Edit,
    Vocabulary,
    compose,
    edits,
    pairs_from_corpus,
    triples,
)
from compositional_rerank.training.near_misses.grammar import load
from compositional_rerank.training.near_misses.suite import build, handwritten, main
from compositional_rerank.training.near_misses.word_groups import COHYPONYMS

TEXT = [
    "The old lighthouse stands to the left of the red boathouse.",
    "A tall man in a blue coat is feeding a small dog.",
    "The committee rejected the proposal in 2011.",
    "All visitors must show a passport before they enter the building.",
    "The museum opened in 1932 and closed in 1987.",
    "Maria sent a letter to the editor after the paper printed the story.",
    "The treatment is safe for most patients.",
    "Two boys and three girls are playing football in a park.",
    "The train runs from Lisbon to Madrid every day.",
    "The lamp is above the desk.",
    "The old king praised the young general.",
    "The bridge was designed by a French engineer.",
    "About 35% of the voters did not answer the question.",
    "how many players did the coach call before the game ?",
    "who defeated the king of spain in 1588 ?",
    "the company 's profits rose while its debts fell , according to the report .",
    "Nobody has seen the painting since the war ended.",
    "Water boils at a lower temperature when the pressure is low.",
    "The nurse who helped the doctor is not able to work today.",
    "There are many small islands near the coast, and few of them are inhabited.",
]


def found(sentence: str, rule: str, seed: int = 0) -> set[str]:
    return {e.text for e in edits(sentence, rng=random.Random(seed)) if e.rule == rule}


class TestEdits:
    @pytest.mark.parametrize("sentence", TEXT)
    def test_every_edit_is_reversible_and_changes_the_text(self, sentence: str) -> None:
        made = edits(sentence, rng=random.Random(3))
        assert made
        for edit in made:
            assert edit.revert() == sentence == edit.source
            assert edit.text != sentence
            assert edit.same in (0, 1)
            assert edit.edit_type in (*EDIT_TYPES, "object")
            for span in edit.spans:
                assert sentence[span.start : span.end] == span.old

    def test_all_types_and_both_labels_come_from_ordinary_text(self) -> None:
        counts = Counter((e.edit_type, e.same) for s in TEXT for e in edits(s, rng=random.Random(1)))
        for edit_type in EDIT_TYPES:
            assert counts[edit_type, 0] >= 3, edit_type
            assert counts[edit_type, 1] >= 2, edit_type
        assert counts["object", 0] >= 20

    @pytest.mark.parametrize(
        ("sentence", "rule", "expected"),
        [
            ("The dog bit the man.", "active_to_passive", "The man was bitten by the dog."),
            ("The dog bit the man.", "subject_object_swapped", "The man bit the dog."),
            ("The dog bit the man.", "passive_swapped", "The dog was bitten by the man."),
            ("Rome is closer than Paris.", "compared_swapped", "Paris is closer than Rome."),
            ("The lamp is above the desk.", "place_converse", "The desk is below the lamp."),
            ("The lamp is next to the desk.", "place_swapped_symmetric", "The desk is next to the lamp."),
            ("A red cup is on an old plate.", "adjectives_swapped", "An old cup is on a red plate."),
            ("She did not answer the letter.", "not_removed", "She answered the letter."),
            ("It is 2 km from Rome to Pisa.", "from_to_order", "It is 2 km to Pisa from Rome."),
            ("The train goes from Rome to Pisa.", "from_to_swapped", "The train goes from Pisa to Rome."),
            (
                "The guests left before the rain started.",
                "before_after_converse",
                "The rain started after the guests left.",
            ),
            (
                "The guests left before the rain started.",
                "clause_first",
                "Before the rain started, the guests left.",
            ),
            ("A man is riding a horse.", "progressive_to_simple", "A man rides a horse."),
            ("A man is riding a horse.", "there_is", "There is a man riding a horse."),
            ("There are 3 cats.", "number_written", "There are three cats."),
            ("Anna gave a book to Mark.", "dative_shift", "Anna gave Mark a book."),
            ("Anna sold the car to Mark.", "sold_bought", "Mark bought the car from Anna."),
            ("Rome is closer than Paris.", "compared_converse", "Paris is farther than Rome."),
        ],
    )
    def test_known_edits_are_grammatical(self, sentence: str, rule: str, expected: str) -> None:
        assert expected in found(sentence, rule)

    def test_articles_follow_the_next_word(self) -> None:
        for sentence in TEXT:
            for edit in edits(sentence, rng=random.Random(5)):
                assert not re.search(r"\ba [aeio]\w", edit.text.replace("a one", "")), edit
                assert not re.search(r"\ban [bcdfgjklmnpqrstvwxyz]", edit.text), edit

    def test_same_state_gives_the_same_edits(self) -> None:
        assert edits(TEXT[1], rng=random.Random(9)) == edits(TEXT[1], rng=random.Random(9))

    def test_yes_no_questions_get_no_added_not(self) -> None:
        assert not found("Is the drug safe for children?", "add_not")

    @settings(max_examples=40, deadline=None)
    @given(st.text(alphabet=st.sampled_from("aAbdeimnorst ,.'?-é12%$"), max_size=60))
    def test_any_text_is_taken_without_error(self, text: str) -> None:
        for edit in edits(text, rng=random.Random(0)):
            assert edit.revert() == text

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=40), st.text(max_size=40))
    def test_spans_between_any_two_texts_revert(self, before: str, after: str) -> None:
        assert Edit.between(before, after, "role", 0, "any").revert() == before


class TestCompose:
    def test_rewrite_then_near_miss_is_a_near_miss(self) -> None:
        first = Edit.between("Ann saw Bo.", "Bo was seen by Ann.", "role", 1, "passive")
        second = Edit.between("Bo was seen by Ann.", "Bo was not seen by Ann.", "negation", 0, "not")
        joined = compose(first, second)
        assert (joined.same, joined.edit_type, joined.rule) == (0, "negation", "passive+not")
        assert joined.revert() == "Ann saw Bo."

    def test_what_could_undo_itself_is_refused(self) -> None:
        first = Edit.between("a b", "b a", "role", 0, "swap")
        with pytest.raises(InputError, match="undo"):
            compose(first, Edit.between("b a", "a b", "role", 0, "swap"))
        with pytest.raises(InputError, match="starts from"):
            compose(first, Edit.between("c d", "a b", "role", 1, "swap"))


class TestPairs:
    def test_labels_are_balanced_and_the_seed_fixes_everything(self) -> None:
        pairs = list(pairs_from_corpus(TEXT, 200, seed=4))
        assert pairs == list(pairs_from_corpus(TEXT, 200, seed=4))
        assert pairs != list(pairs_from_corpus(TEXT, 200, seed=5))
        assert len(pairs) == 200
        assert 0.4 <= sum(p.same for p in pairs) / 200 <= 0.6
        assert len({(p.text1, p.text2) for p in pairs}) == 200
        assert any("+" in p.rule and p.same for p in pairs)
        assert any("+" in p.rule and not p.same for p in pairs)
        assert all(p.text1 != p.text2 for p in pairs)

    def test_surface_overlap_does_not_tell_the_label(self) -> None:
        pairs = list(pairs_from_corpus(TEXT, 400, seed=2))

        def overlap(label: int) -> float:
            values = []
            for p in pairs:
                if p.same == label:
                    a, b = set(p.text1.lower().split()), set(p.text2.lower().split())
                    values.append(len(a & b) / len(a | b))
            return sum(values) / len(values)

        assert abs(overlap(0) - overlap(1)) < 0.2

    def test_types_can_be_chosen(self) -> None:
        pairs = list(pairs_from_corpus(TEXT, 30, seed=0, edit_types=["numeric"]))
        assert pairs
        assert {p.edit_type for p in pairs} == {"numeric"}

    def test_barren_text_ends(self) -> None:
        assert list(pairs_from_corpus(["Hm."], 10, seed=0)) == []

    def test_bad_input_is_named(self) -> None:
        with pytest.raises(InputError, match="no sentences"):
            next(pairs_from_corpus(["  "], 1, seed=0))
        with pytest.raises(InputError, match="-1"):
            next(pairs_from_corpus(TEXT, -1, seed=0))

    def test_vocabulary_gives_words_of_the_corpus(self) -> None:
        vocabulary = Vocabulary.of(TEXT)
        words = {vocabulary.other("NN", "lamp", random.Random(i)) for i in range(50)}
        assert "lamp" not in words
        assert words <= set(re.findall(r"\w+", " ".join(TEXT).lower()))


def test_words_of_one_kind() -> None:
    """Words that mean about the same do not stand for one another, and every other of the class does."""
    assert {"table", "bed"} < set(COHYPONYMS["couch"]) == set(COHYPONYMS["sofa"])
    assert not {"couch", "sofa"} & set(COHYPONYMS["sofa"])
    assert all(word not in others for word, others in COHYPONYMS.items())


class TestTriples:
    def test_every_family_makes_triples(self) -> None:
        families = load("train").families
        made = {t.family for t in triples(40 * len(families), seed=3)}
        assert made == {f"{family.edit_type}/{family.name}" for family in families}

    def test_answered_questions_meet_statements(self) -> None:
        for t in triples(60, seed=2, form="answered"):
            assert t.anchor.endswith("?")
            assert not t.positive.endswith("?")
            assert not t.negative.endswith("?")

    def test_questions_may_take_for_granted_what_others_ask(self) -> None:
        families = load("train").families
        own = {f"{f.edit_type}/{f.name}" for f in families if f.of(0, "open") or f.of(1, "open")}
        asked = [
            t
            for t in triples(1200, seed=8, form="question")
            if t.family not in own and re.match("Why (did|was|were|is) ", t.anchor)
        ]
        assert len(asked) > 10
        for t in asked:
            assert t.positive.endswith("?") == t.negative.endswith("?")
            if t.positive.endswith("?"):
                assert t.positive.startswith("Why ")
                assert t.negative.startswith("Why ")

    @pytest.mark.parametrize("form", ["statement", "question"])
    @pytest.mark.parametrize("edit_type", EDIT_TYPES)
    def test_each_type_and_form(self, edit_type: str, form: str) -> None:
        made = list(triples(60, seed=1, edit_types=[edit_type], form=form))
        assert len(made) == 60
        assert len({t.family for t in made}) >= 10
        for t in made:
            assert (t.edit_type, t.form) == (edit_type, form)
            assert len({t.anchor, t.positive, t.negative}) == 3
            assert t.anchor.endswith("?") == (form == "question")
            assert not re.search(r"[{}\[\]|]|\s\s|\.\.", t.anchor + t.positive + t.negative)

    def test_at_least_fifteen_families_per_type(self) -> None:
        counts = Counter(f.edit_type for f in load("train").families)
        assert set(counts) == set(EDIT_TYPES)
        assert min(counts.values()) >= 15

    def test_passages_share_their_fillers(self) -> None:
        for t in triples(70, seed=3, passage=True):
            positive = set(re.split(r"(?<=[.?!]) (?=[A-Z0-9])", t.positive))
            negative = set(re.split(r"(?<=[.?!]) (?=[A-Z0-9])", t.negative))
            assert len(positive & negative) >= 2
            assert positive != negative

    @settings(max_examples=6, deadline=None)
    @given(st.integers(0, 10_000))
    def test_the_seed_fixes_everything(self, seed: int) -> None:
        assert list(triples(14, seed=seed)) == list(triples(14, seed=seed))

    def test_families_by_the_beginning_of_their_names(self) -> None:
        made = list(triples(70, seed=4, families=["d_", "e_"]))
        assert {t.family.split("/")[1][:2] for t in made} == {"d_", "e_"}
        assert {t.edit_type for t in made} == set(EDIT_TYPES)
        assert {t.edit_type for t in triples(9, seed=4, families=["d_mugdesk"])} == {"binding"}

    def test_bad_arguments_are_named(self) -> None:
        with pytest.raises(InputError, match="no family of these edit types has such a name"):
            next(triples(1, seed=0, families=["d_mugdesk"], edit_types=["role"]))
        with pytest.raises(InputError, match="colour"):
            next(triples(1, seed=0, edit_types=["colour"]))
        with pytest.raises(InputError, match="order"):
            next(triples(1, seed=0, form="order"))


SHIPPED = resources.files("compositional_rerank.audit") / "suites" / "builtin.jsonl"


class TestSuite:
    def test_the_shipped_file_is_what_the_generator_writes(self, tmp_path: Path) -> None:
        out = tmp_path / "suite.jsonl"
        assert main(["--out", str(out), "--seed", "7"]) == 0
        assert out.read_bytes() == SHIPPED.read_bytes()

    def test_an_existing_file_is_kept(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "suite.jsonl"
        out.write_text("mine", encoding="utf-8")
        assert main(["--out", str(out)]) == 2
        assert "--force" in capsys.readouterr().err
        assert out.read_text(encoding="utf-8") == "mine"
        assert main(["--out", str(out), "--force"]) == 0

    def test_counts_and_balance(self) -> None:
        rows = [json.loads(line) for line in SHIPPED.read_text(encoding="utf-8").splitlines()]
        assert len(rows) >= 840
        assert min(Counter(r["edit_type"] for r in rows).values()) >= 120
        assert {r["edit_type"] for r in rows} == set(EDIT_TYPES)
        cells = Counter((r["form"], r["length"]) for r in rows)
        assert min(cells.values()) >= 0.2 * len(rows)
        assert len({(r["anchor"], r["positive"], r["negative"]) for r in rows}) == len(rows)
        assert all(len({r["anchor"], r["positive"], r["negative"]}) == 3 for r in rows)
        assert all(r["anchor"].endswith("?") == (r["form"] == "question") for r in rows)

    def test_two_hundred_are_written_by_hand(self) -> None:
        rows = handwritten()
        assert len(rows) >= 200
        anchors = {r["anchor"] for r in build()}
        assert all(row[2] in anchors for row in rows)

    def test_templates_words_and_fillers_are_held_out(self) -> None:
        train, held_out = load("train"), load("suite")

        def forms(grammar: object) -> set[str]:
            return {f for family in grammar.families for fs in family.forms.values() for f in fs}  # type: ignore[attr-defined]

        def entries(grammar: object) -> set[str]:
            return {e.forms[0] for lexicon in grammar.lexicons.values() for e in lexicon}  # type: ignore[attr-defined]

        def names(grammar: object) -> set[tuple[str, str]]:
            return {(f.edit_type, f.name) for f in grammar.families}  # type: ignore[attr-defined]

        assert not forms(train) & forms(held_out)
        assert not entries(train) & entries(held_out)
        assert not names(train) & names(held_out)
        assert not {s for x in train.fillers.values() for s in x} & {
            s for x in held_out.fillers.values() for s in x
        }

    def test_suite_and_triples_work_without_lemminflect(self) -> None:
        code = (
            "import sys; sys.modules['lemminflect'] = None\n"
            "from compositional_rerank.training.near_misses import edits, triples\n"
            "from compositional_rerank.training.near_misses.suite import build\n"
            "assert len(build()) >= 840 and len(list(triples(5, seed=0))) == 5\n"
            "import random\n"
            "try:\n    edits('The dog slept.', rng=random.Random(0))\n"
            "except ImportError as error:\n    print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "pip install 'compositional-rerank[train]'" in done.stdout
