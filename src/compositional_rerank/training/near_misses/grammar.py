"""Families of templates: how one meaning is said in several ways, and what makes a near-miss of it.

A family file is plain text. Each family begins with ``## edit_type name topic``, then ``slots: A=lexicon
B=lexicon``, then forms. ``=`` a statement, ``?`` a yes/no question, ``w`` an open question, all of one
meaning; ``-``, ``-?``, ``-w`` the same for a second meaning that differs from the first; ``x``
statements differ from the first meaning and from one another, so they are only near-misses; ``! swap A
B`` or ``! change A`` turn the slots of any form into another meaning. In a form ``{A}`` is a slot,
``{A.past}`` a column of its lexicon, ``{A.a}`` the word with its article, ``{A.pl}`` its plural, and
``[x|y]`` a free choice.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from compositional_rerank.errors import MissingDependencyError

from .inflection import article
from .paradigms import expand

_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_ARTICLE = re.compile(r"\b([Aa])(n?) (?=(\w+))")
_MARKS = {
    "=": (0, "statement"),
    "?": (0, "polar"),
    "w": (0, "open"),
    "-": (1, "statement"),
    "-?": (1, "polar"),
    "-w": (1, "open"),
    "x": (2, "statement"),
}
_IRREGULAR = {
    "man": "men",
    "midwife": "midwives",
    "woman": "women",
    "child": "children",
    "person": "people",
    "sheep": "sheep",
    "mouse": "mice",
    "goose": "geese",
    "knife": "knives",
    "shelf": "shelves",
    "foot": "feet",
    "wolf": "wolves",
    "loaf": "loaves",
    "scarf": "scarves",
    "deer": "deer",
}


def plural(noun: str) -> str:
    """Return the plural of a noun of the lexicons.

    Example:
        >>> [plural(noun) for noun in ("box", "city", "child", "cup")]
        ['boxes', 'cities', 'children', 'cups']
    """
    head, _, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}".strip()


@dataclass(frozen=True)
class Entry:
    """One row of a lexicon: its forms by column, the first column unnamed."""

    columns: tuple[str, ...]
    forms: tuple[str, ...]

    def form(self, column: str) -> str:
        """Return a column, or the article form (``a``) or plural (``pl``) of the first."""
        if column in self.columns:
            return self.forms[self.columns.index(column)]
        if column == "a":
            return f"{article(self.forms[0])} {self.forms[0]}"
        if column == "pl":
            return plural(self.forms[0])
        return self.forms[0]


@dataclass
class Family:
    """One family of templates; see the module's text."""

    edit_type: str
    name: str
    topic: str
    slots: dict[str, str] = field(default_factory=dict)
    forms: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    operations: list[tuple[str, ...]] = field(default_factory=list)

    def of(self, meaning: int, kind: str) -> list[str]:
        """The forms of a meaning (0 or 1) and kind (statement, polar, open)."""
        return self.forms.get((meaning, kind), [])


@dataclass(frozen=True)
class Grammar:
    """Families with the lexicons and the filler sentences they use."""

    families: tuple[Family, ...]
    lexicons: dict[str, tuple[Entry, ...]]
    fillers: dict[str, tuple[str, ...]]

    def fill(self, family: Family, rng: random.Random) -> dict[str, Entry]:
        """Choose distinct entries for the slots of a family."""
        chosen: dict[str, Entry] = {}
        for slot, lexicon in family.slots.items():
            used = [
                chosen[other] for other, name in family.slots.items() if other in chosen and name == lexicon
            ]
            options = [
                e for e in self.lexicons[lexicon] if not any(set(e.forms) & set(u.forms) for u in used)
            ]
            chosen[slot] = rng.choice(options)
        return chosen

    def operate(
        self, family: Family, operation: tuple[str, ...], chosen: dict[str, Entry], rng: random.Random
    ) -> dict[str, Entry]:
        """Return the slots after ``swap A B`` or ``change A``."""
        verb, *names = operation
        new = dict(chosen)
        if verb == "swap":
            a, b = names
            new[a], new[b] = chosen[b], chosen[a]
            return new
        for name in names:
            lexicon = family.slots[name]
            used = {
                form for slot, lex in family.slots.items() if lex == lexicon for form in chosen[slot].forms
            }
            new[name] = rng.choice([e for e in self.lexicons[lexicon] if not used & set(e.forms)])
        return new


def render(form: str, chosen: dict[str, Entry], rng: random.Random) -> str:
    """Write a form out: choices, slots, articles, capital."""
    while _CHOICE.search(form):
        form = _CHOICE.sub(lambda m: rng.choice(m.group(1).split("|")), form)
    text = _SLOT.sub(lambda m: chosen[m.group(1)].form(m.group(2) or ""), form)
    text = re.sub(r"\s+", " ", text).strip().replace(" ,", ",").replace(" .", ".").replace("..", ".")
    text = _ARTICLE.sub(lambda m: article(m.group(3)).replace("a", m.group(1), 1) + " ", text)
    return text[:1].upper() + text[1:]


def template_folder() -> Path:
    """`data/templates` of the source checkout: training data is in no wheel.

    Raises:
        MissingDependencyError: this is an installed package without the checkout around it.
    """
    folder = Path(__file__).parents[4] / "data" / "templates"
    if not folder.is_dir():
        raise MissingDependencyError(
            f"training on templates needs {folder}, which only a source checkout has; fix: clone the project "
            "and install it with `pip install -e '.[train]'`"
        )
    return folder


def _read(name: str) -> list[str]:
    """The lines of all template files whose name starts so, in the order of the names."""
    files = sorted(template_folder().glob(f"{name}*"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.strip() for line in lines if line.strip() and not line.startswith("# ")]


def _lexicons(name: str) -> dict[str, tuple[Entry, ...]]:
    found: dict[str, list[Entry]] = {}
    key = ""
    columns: tuple[str, ...] = ("",)
    for line in _read(name):
        if line.startswith("@"):
            key, _, names = line[1:].partition(":")
            columns = tuple(names.split()) or ("",)
            if key in found:
                raise ValueError(f"{name}: lexicon {key} is there twice")
            found[key] = []
        elif len(columns) > 1:
            rows = [tuple(f.strip() for f in row.split(",")) for row in line.split(";") if row.strip()]
            for row in rows:
                if len(row) != len(columns):
                    raise ValueError(f"{name}: {key}: {row} has {len(row)} forms, {len(columns)} wanted")
            found[key].extend(Entry(columns, row) for row in rows)
        else:
            found[key].extend(Entry(("",), (word.strip(),)) for word in line.split(",") if word.strip())
    return {key: tuple(entries) for key, entries in found.items()}


def _families(name: str) -> list[Family]:
    families: list[Family] = []
    for line in _read(name):
        mark, _, rest = line.partition(" ")
        if mark == "##":
            edit_type, family, topic = rest.split()
            families.append(Family(edit_type, family, topic))
        elif mark == "slots:":
            families[-1].slots = dict(pair.split("=") for pair in rest.split())
        elif mark == "!":
            families[-1].operations.append(tuple(rest.split()))
        elif mark in _MARKS:
            families[-1].forms.setdefault(_MARKS[mark], []).append(rest.strip())
        else:
            raise ValueError(f"{name}: {line!r} begins with none of {sorted(_MARKS)}")
    return families


@lru_cache(maxsize=4)
def load(prefix: str) -> Grammar:
    """Read the grammar ``train`` or ``suite`` from the package's data, which may be several files each."""
    fillers: dict[str, list[str]] = {}
    topic = ""
    for line in _read(f"{prefix}_fillers"):
        if line.startswith("@"):
            topic = line[1:]
        else:
            fillers.setdefault(topic, []).append(line)
    crossed = [Family("quantifier", *expanded) for expanded in expand(_read(f"{prefix}_paradigms"))]
    return Grammar(
        (*_families(f"{prefix}_families"), *crossed),
        _lexicons(f"{prefix}_lexicon"),
        {key: tuple(lines) for key, lines in fillers.items()},
    )


def to_json(fields: dict[str, str]) -> str:
    """One JSONL line with stable bytes."""
    return json.dumps(fields, ensure_ascii=False)
