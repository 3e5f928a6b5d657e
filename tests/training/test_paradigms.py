"""Paradigms: meanings crossed with domains, and near-misses that really say something else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compositional_rerank.training.near_misses import triples
from compositional_rerank.training.near_misses.grammar import load, template_folder
from compositional_rerank.training.near_misses.paradigms import Expanded, expand

SMALL = """\
%% meaning all
near: !all some
= all <ns> <Y>
= no <n> <N>
? do all <ns> <Y>?
%% meaning some
near: all
= some <ns> <Y>
? do some <ns> <Y>?
%% meaning owner
needs: person
near: all
= the owner's <n> <Y>
%% tokens work
Y = work
N = fail
%% domain pumps home work
slots: A=pump
n = {A}
ns = {A.pl}
"""


def small() -> dict[str, Expanded]:
    return {family.name: family for family in expand(SMALL.splitlines())}


def test_every_meaning_meets_every_domain_that_has_its_tokens() -> None:
    assert set(small()) == {"v_all_pumps", "v_all_not_pumps", "v_some_pumps", "v_some_not_pumps"}


def test_forms_and_near_misses() -> None:
    family = small()["v_all_pumps"]
    assert (family.topic, family.slots) == ("home", {"A": "pump"})
    assert family.forms[0, "statement"] == ["all {A.pl} work.", "no {A} fail."]
    assert family.forms[2, "statement"] == ["all {A.pl} fail.", "no {A} work.", "some {A.pl} work."]
    assert family.forms[0, "polar"] == ["do all {A.pl} work?"]


def test_exchanged_meanings_exchange_their_near_misses_too() -> None:
    family = small()["v_all_not_pumps"]
    assert family.forms[0, "statement"] == ["all {A.pl} fail.", "no {A} work."]
    assert family.forms[2, "statement"] == ["all {A.pl} work.", "no {A} fail.", "some {A.pl} fail."]


@pytest.mark.parametrize(
    ("line", "error"), [("all are well", ValueError), ("%% meaning\n", ValueError), ("near: none", KeyError)]
)
def test_what_cannot_be_read(line: str, error: type[Exception]) -> None:
    lines = SMALL.replace("near: !all some", line).splitlines()
    with pytest.raises(error):
        list(expand(lines))


def exactly(share: float) -> Callable[[int, int], bool]:
    return lambda yes, no: yes == share * (yes + no)


# The slow and obvious reading: of how many it holds, of how many not. Numbers are read as 2, large ones as 5,
# those with a name as 12, shares as 1/4.
ALIKE: list[tuple[str, Callable[[int, int], bool]]] = [
    ("all everything whole people object_all always", lambda yes, no: no == 0),
    ("some something part someone object_some sometimes", lambda yes, no: yes > 0),
    ("most mostly object_most usually", lambda yes, no: yes > no),
    ("few little object_few rarely", lambda yes, no: 0 < yes < 0.2 * no),
    ("one_but object_one_but", lambda yes, no: no == 1),
    ("two_but", lambda yes, no: no == 2),
    ("afew", lambda yes, no: 3 <= yes <= 5),
    ("many", lambda yes, no: yes > 6),
    ("half", exactly(0.5)),
    ("share", exactly(0.25)),
    ("half_or_more", lambda yes, no: yes >= no),
    ("over", lambda yes, no: yes > 5),
    ("under", lambda yes, no: yes == 4),
    ("about", lambda yes, no: 4 <= yes <= 6),
    ("named", lambda yes, no: yes == 12),
    ("at_least", lambda yes, no: yes >= 2),
    ("at_most", lambda yes, no: yes <= 2),
    ("exactly", lambda yes, no: yes == 2),
    ("both", lambda yes, no: (yes, no) == (2, 0)),
    ("either", lambda yes, no: yes > 0 and yes + no == 2),
    ("one_of_two", lambda yes, no: (yes, no) == (1, 1)),
]
READINGS = {name: reading for names, reading in ALIKE for name in names.split()}
OTHERS = set(  # not about one group alone
    "only also only_group also_group more as_many twice how_often each_number in_all pair one_of_pair "
    "first_of_pair enough too_few too_many".split()
)


def test_what_is_near_is_not_the_same() -> None:
    """Some group tells every shipped meaning from each of its near ones."""
    file = template_folder() / "train_paradigms.txt"
    seen = set()
    for block in file.read_text("utf-8").split("%% ")[1:]:
        head, *rest = block.splitlines()
        if not head.startswith("meaning"):
            continue
        name = head.split()[1]
        near = next((line.split()[1:] for line in rest if line.startswith("near:")), [])
        seen.add(name)
        for other in near:
            if {name, other.removeprefix("!")} & OTHERS:
                assert other != name
                continue
            reading = READINGS[other.removeprefix("!")]
            turned = other.startswith("!")
            assert any(
                READINGS[name](yes, no) != (reading(no, yes) if turned else reading(yes, no))
                for yes in range(14)
                for no in range(14)
                if yes + no >= 2
            ), (name, other)
    assert seen == {*READINGS, *OTHERS}


def test_shipped_paradigms_are_families_like_others() -> None:
    names = [family.name for family in load("train").families if family.name.startswith("v_")]
    assert len(names) > 300
    made = list(triples(400, seed=5, families=["v_"]))
    assert {t.edit_type for t in made} == {"quantifier"}
    assert {t.form for t in made} == {"statement", "question"}
    assert not any(mark in t.anchor + t.positive + t.negative for t in made for mark in "<>{}[]|")
