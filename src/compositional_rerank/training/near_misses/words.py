"""Closed classes of English, by hand: what a rule may rely on without a parser."""

from __future__ import annotations


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _set("a an the this that these those every each another any some no all both either neither")
POSSESSIVES = _set("my your his her its our their whose")
SINGULAR_DETERMINERS = _set("a an this that every each another")
SUBJECTS = _set("i you he she it we they who")
OBJECTS = _set("me him us them whom")
PRONOUNS = (
    SUBJECTS
    | OBJECTS
    | _set(
        "something someone somebody anything anyone everything everyone everybody nothing nobody"
        " himself herself itself"
        " themselves what which mine yours hers ours theirs one ones"
    )
)
BE = _set("is are was were am 's 're be been being")
FINITE_BE = _set("is are was were am")
HAVE = _set("has have had having")
DO = _set("do does did")
MODALS = _set("can could will would shall should may might must cannot")
AUXILIARIES = FINITE_BE | _set("has have had") | DO | MODALS
PREPOSITIONS = _set(
    "of in on at by for with from to into onto over under above below beneath beside besides near"
    " behind between among"
    " through across along around against during until since within without inside outside toward"
    " towards about"
    " off out up down per via despite upon throughout like as than amid past beyond opposite underneath"
)
CONJUNCTIONS = _set("and or but nor yet so")
SUBORDINATORS = _set(
    "because although though while when whenever if unless before after once whereas that where"
)
NEGATIVES = _set("not n't never")
ADVERBS = _set(
    "very too also just only even still already often always never sometimes rarely usually really"
    " quite rather soon"
    " then there here now today yesterday tomorrow again almost nearly away back together more most"
    " less least ever"
    " however therefore thus moreover further later earlier not n't"
)
NUMBER_WORDS: tuple[str, ...] = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
)
TENS: tuple[str, ...] = ("thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
MONTHS: tuple[str, ...] = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS: tuple[str, ...] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
QUANTITY = _set("many several few various numerous most much")
PEOPLE_NOUNS = _set(
    "man woman boy girl child person teacher student doctor nurse player officer worker chef artist"
    " musician dancer"
    " singer actor farmer driver king queen soldier guy lady kid toddler baby mother father son"
    " daughter brother sister"
    " friend dog cat horse people men women boys girls children players students workers officers dogs"
    " cats horses"
)
INTRANSITIVE_OR_LINKING = _set(
    "be become seem appear remain look sound feel stay belong consist live sleep arrive happen occur"
    " exist die fall rise"
    " weigh cost last measure have contain include resemble lack mean equal become stand sit lie run"
    " walk go come say"
    " state claim think believe know see note suggest concern wear take total number feature involve"
    " involve average bear promote want love like"
)
SYMMETRIC_VERBS = _set("meet marry resemble equal match border")

CLOSED: dict[str, str] = {}
for _words, _tag in (
    (ADVERBS, "RB"),
    (PREPOSITIONS, "IN"),
    (SUBORDINATORS, "SUB"),
    (CONJUNCTIONS, "CC"),
    (PRONOUNS, "PRP"),
    (QUANTITY, "DT"),
    (DETERMINERS, "DT"),
    (POSSESSIVES, "PRP$"),
    (MODALS, "MD"),
    (DO, "DO"),
    (HAVE, "HV"),
    (BE, "BE"),
    (_set("how why when where"), "WRB"),
    (_set("before after"), "SUB"),
    (_set("north south east west"), "NN"),
    (frozenset(NUMBER_WORDS) | frozenset(TENS) | _set("hundred thousand million billion dozen"), "CD"),
):
    CLOSED.update(dict.fromkeys(_words, _tag))
del CLOSED["one"], CLOSED["like"]
CLOSED["one"] = "CD"
CLOSED["like"] = "IN"
CLOSED["closer"] = CLOSED["lighter"] = "JJ"

_FIXED = """
in front of;in order to;in addition to;in addition;prior to;such as;as well as;due to;according to;because of
next to;close to;instead of;for example;for instance;at least;at most;more than;less than;on top of
to the left of;to the right of;in terms of;as a result;in spite of;far from;by the way of;at first;north of
south of;east of;west of;in the middle of;along with;up to;out of;rather than;other than;in favor of
on behalf of;at the same time;as part of;on the other hand;in part;at all;at last;in fact;in particular
in general;in response to;in case of;by means of
"""
FIXED: dict[str, list[tuple[str, ...]]] = {}
for _line in _FIXED.replace(";", "\n").split("\n"):
    if _line.strip():
        FIXED.setdefault(_line.split()[0], []).append(tuple(_line.split()))
