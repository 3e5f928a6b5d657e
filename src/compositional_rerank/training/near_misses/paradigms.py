"""Families of templates by the hundred: meanings crossed with domains, once as they stand and once negated.

A hand-written family (`grammar`) is one situation in a few words. A paradigm is one meaning ("all of them
do", "hardly any do") in every wording that means it whatever is talked about. The file has blocks:

* ``%% meaning NAME``, with ``near:`` the meanings whose wordings are its near-misses (``!`` exchanged), and,
  where it needs them, ``slots:``, ``! change``, ``needs:`` tokens; then forms, ``=`` statements and ``?``
  yes/no questions, with tokens ``<..>``.
* ``%% tokens KIND`` and ``%% domain NAME TOPIC KIND``: what the tokens stand for, in a kind of predicate and
  in a domain, which also has slots.

A domain uses a meaning if it has all its tokens. Tokens in ``Y`` and ``N`` say that something is so and that
it is not, those in ``X`` and ``Z`` deny this; exchanged, "all ``Y``" becomes "none ``Y``" in as many words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_TOKEN = re.compile(r"<(\w+)>")
_EXCHANGED = str.maketrans("YNXZ", "NYZX")
_KINDS = {"=": "statement", "?": "polar"}


class Expanded(NamedTuple):
    """What follows the edit type in a `grammar.Family`."""

    name: str
    topic: str
    slots: dict[str, str]
    forms: dict[tuple[int, str], list[str]]
    operations: list[tuple[str, ...]]


@dataclass
class _Meaning:
    near: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    slots: dict[str, str] = field(default_factory=dict)
    operations: list[tuple[str, ...]] = field(default_factory=list)
    forms: dict[str, list[str]] = field(default_factory=lambda: {"statement": [], "polar": []})

    def fits(self, tokens: dict[str, str]) -> bool:
        used = {token for forms in self.forms.values() for form in forms for token in _TOKEN.findall(form)}
        return (used | self.needs) <= tokens.keys()


@dataclass
class _Domain:
    topic: str
    tokens: dict[str, str]
    slots: dict[str, str] = field(default_factory=dict)


def expand(lines: Sequence[str]) -> Iterator[Expanded]:
    """Yield the families of a paradigm file.

    Args:
        lines: its lines, without comments and blank ones.

    Raises:
        ValueError: a line cannot be read.
        KeyError: a meaning that is named as near does not exist.
    """
    meanings, domains = _parse(lines)
    for place, domain in domains.items():
        for name, meaning in meanings.items():
            if not meaning.fits(domain.tokens):
                continue
            for mark in ("", "!"):
                forms: dict[tuple[int, str], list[str]] = {}
                for kind in _KINDS.values():
                    forms[0, kind] = _written(meaning, kind, domain, mark)
                    forms[2, kind] = []
                for near in meaning.near:
                    other = meanings[near.removeprefix("!")]
                    # a near-miss may not have slots that this meaning has not filled
                    if other.fits(domain.tokens) and other.slots.items() <= meaning.slots.items():
                        for kind in _KINDS.values():
                            turned = near.startswith("!") != (mark == "!")
                            forms[2, kind] += _written(other, kind, domain, "!" if turned else "")
                if forms[2, "statement"] or meaning.operations:
                    label = f"v_{name}{'_not' if mark else ''}_{place}"
                    slots = domain.slots | meaning.slots
                    yield Expanded(label, domain.topic, slots, forms, meaning.operations)


def _written(meaning: _Meaning, kind: str, domain: _Domain, mark: str) -> list[str]:
    """The forms of a meaning in a domain, exchanged if `mark` is "!"."""

    def value(match: re.Match[str]) -> str:
        token = match[1]
        if mark and token[0] in "YNXZ":
            token = token.translate(_EXCHANGED)
        return domain.tokens[token]

    end = "." if kind == "statement" else ""
    return [_TOKEN.sub(value, form) + end for form in meaning.forms[kind]]


def _parse(lines: Sequence[str]) -> tuple[dict[str, _Meaning], dict[str, _Domain]]:
    meanings: dict[str, _Meaning] = {}
    domains: dict[str, _Domain] = {}
    kinds: dict[str, dict[str, str]] = {}
    block: _Meaning | _Domain | dict[str, str] | None = None
    for line in lines:
        head, _, rest = line.partition(" ")
        if head == "%%":
            what, name, *more = rest.split()
            if what == "meaning":
                block = meanings[name] = _Meaning()
            elif what == "tokens":
                block = kinds[name] = {}
            else:
                topic, kind = more
                block = domains[name] = _Domain(topic, dict(kinds.get(kind, {})))
        elif isinstance(block, _Meaning) and head in _KINDS:
            block.forms[_KINDS[head]].append(rest)
        elif isinstance(block, _Meaning) and head == "!":
            block.operations.append(tuple(rest.split()))
        elif isinstance(block, _Meaning) and head == "near:":
            block.near = rest.split()
        elif isinstance(block, _Meaning) and head == "needs:":
            block.needs = set(rest.split())
        elif isinstance(block, (_Meaning, _Domain)) and head == "slots:":
            block.slots = dict(pair.split("=") for pair in rest.split())
        elif " = " in line and isinstance(block, (_Domain, dict)):
            token, _, text = line.partition(" = ")
            (block.tokens if isinstance(block, _Domain) else block)[token] = text
        else:
            raise ValueError(f"paradigms: {line!r} is out of place")
    return meanings, domains
