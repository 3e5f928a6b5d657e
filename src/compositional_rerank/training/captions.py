"""Captions with one relation changed: where things are, and what somebody is doing."""

from __future__ import annotations

import random
import re

from compositional_rerank.training.near_misses import edits

# Words of one group say the same place; any two groups contradict each other in a caption.
_PLACES = (
    ("on top of", "atop", "on"),
    ("next to", "beside", "alongside", "adjacent to"),
    ("under", "beneath", "underneath", "below"),
    ("behind", "in back of"),
    ("in front of", "ahead of"),
    ("inside", "inside of", "in"),
    ("near", "close to", "not far from"),
    ("above", "over"),
    ("across from", "opposite", "facing"),
    ("far from", "far away from"),
    ("around", "all around"),
    ("outside", "outside of"),
)
_DOINGS = (
    ("standing",),
    ("sitting", "seated"),
    ("lying", "lying down"),
    ("kneeling", "on their knees"),
    ("crouching", "squatting"),
    ("walking", "strolling"),
    ("running", "sprinting"),
    ("jumping", "leaping"),
    ("sleeping", "asleep"),
    ("climbing",),
    ("swimming",),
    ("dancing",),
    ("skiing",),
    ("eating",),
    ("drinking",),
    ("cooking",),
    ("holding", "gripping"),
    ("carrying",),
    ("throwing", "tossing"),
    ("catching",),
    ("kicking",),
    ("hitting", "striking"),
    ("pushing", "shoving"),
    ("pulling", "tugging"),
    ("washing", "cleaning"),
    ("painting",),
    ("reading",),
    ("watching", "observing"),
    ("looking at", "gazing at"),
    ("pointing at",),
    ("talking to", "speaking to", "chatting with"),
    ("riding",),
    ("driving",),
    ("fixing", "repairing"),
    ("buying", "purchasing"),
    ("selling",),
    ("cutting", "slicing"),
    ("playing with",),
    ("chasing", "running after"),
    ("following",),
    ("feeding",),
    ("petting", "stroking"),
    ("hugging", "embracing"),
)
# Words of one group mean about the same; words of different groups of a row contradict each other.
_LOOKS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (
        ("red", "crimson"),
        ("blue",),
        ("green",),
        ("yellow",),
        ("orange",),
        ("purple", "violet"),
        ("pink",),
        ("brown",),
        ("black",),
        ("white",),
        ("grey", "gray"),
        ("tan", "beige"),
        ("golden", "gold"),
        ("silver",),
    ),
    (
        ("wooden",),
        ("metal",),
        ("plastic",),
        ("glass",),
        ("stone",),
        ("brick",),
        ("leather",),
        ("paper",),
        ("concrete",),
        ("ceramic",),
    ),
    (
        ("big", "large", "huge"),
        ("small", "little", "tiny"),
        ("medium-sized",),
    ),
    (("tall",), ("short",)),
    (("long",), ("short",)),
    (("young",), ("old", "elderly"), ("middle-aged",)),
    (("new",), ("old",)),
    (("round", "circular"), ("square",), ("triangular",), ("oval",), ("rectangular",)),
    (("open",), ("closed", "shut")),
    (("empty",), ("full", "filled")),
    (("dirty", "filthy"), ("clean", "spotless")),
    (("wet", "soaked"), ("dry",)),
    (("happy", "cheerful"), ("sad", "unhappy"), ("angry", "furious"), ("bored",)),
    (("smiling",), ("frowning",), ("crying",)),
    (("striped",), ("spotted", "dotted"), ("checkered", "plaid"), ("plain",), ("flowered", "floral")),
    (("sunny",), ("cloudy", "overcast"), ("rainy",), ("snowy",), ("foggy",)),
    (("crowded", "busy"), ("deserted", "empty")),
    (("male",), ("female",)),
    (("vanilla",), ("chocolate",), ("strawberry",), ("lemon",)),
    (("fresh",), ("rotten",), ("frozen",), ("fried",), ("grilled",), ("raw",), ("baked",), ("sliced",)),
    (("wild",), ("tame",)),
    (("bright",), ("dark", "dim")),
    (("hot",), ("cold",)),
    (
        ("one", "a single"),
        ("two", "2", "a couple of"),
        ("three", "3"),
        ("four", "4"),
        ("five", "5"),
        ("six", "6"),
    ),
    (("several", "a number of"), ("two",), ("no",)),
)
_UNSAFE = frozenset(
    {"on", "in", "over"}
)  # "on the bus" is not "on top of the bus": only ever put in, or changed


def caption_pair(caption: str, rng: random.Random) -> tuple[str, str, int] | None:
    """A caption and the same with one place or doing put in other words, or changed.

    Half of the time one of the two is also rewritten by the meaning-preserving rules, so that closeness of
    wording does not tell the label.

    Args:
        caption: a short sentence or phrase.
        rng: source of randomness.

    Returns:
        ``(text, text, mismatch)``, or None where the caption has no place or doing of the lists.

    Example:
        >>> first, second, mismatch = caption_pair("A cat is sleeping beneath the table.", random.Random(1))
        >>> first != second
        True
    """
    groups = rng.sample([_PLACES, _DOINGS], 2)
    for table in groups:
        found = [
            (match, group)
            for group in table
            for word in sorted(group, key=len, reverse=True)
            for match in re.finditer(rf"\b{re.escape(word)}\b", caption)
        ]
        if not found:
            continue
        match, group = rng.choice(found)
        same = [word for word in group if word != match.group() and word != "in"]
        mismatch = int(rng.random() < 0.5 or not same or match.group() in _UNSAFE)
        words = same if not mismatch else rng.choice([other for other in table if other is not group])
        changed = caption[: match.start()] + rng.choice(words) + caption[match.end() :]
        first, second = _rewritten(caption, rng), changed
        if not mismatch or rng.random() < 0.3:
            second = _rewritten(second, rng)
        return (*rng.sample([first, second], 2), mismatch)  # type: ignore[return-value]
    return None


def look_changed(caption: str, rng: random.Random) -> tuple[str, str] | None:
    """A caption with one colour, material, size, age, state or number in other words, and with another one.

    Args:
        caption: a short sentence or phrase.
        rng: source of randomness.

    Returns:
        ``(same meaning, near-miss)``, the first "" where the word has no synonym here; None where the caption
        has no word of the lists.

    Example:
        >>> same, other = look_changed("A small child in a sandpit.", random.Random(1))
        >>> same.split()[1] in {"little", "tiny"}
        True
        >>> other.split()[1] in {"big", "large", "huge", "medium-sized"}
        True
    """
    found = [
        (match, group, table)
        for table in _LOOKS
        for group in table
        for word in group
        for match in re.finditer(rf"\b{re.escape(word)}\b", caption)
    ]
    if not found:
        return None
    match, group, table = rng.choice(found)
    same = [word for word in group if word != match.group()]
    other = rng.choice(rng.choice([another for another in table if another is not group]))
    before, after = caption[: match.start()], caption[match.end() :]
    return (before + rng.choice(same) + after if same else "", before + other + after)


def _rewritten(text: str, rng: random.Random) -> str:
    same = [edit.text for edit in edits(text, rng=rng) if edit.same] if rng.random() < 0.6 else []
    return rng.choice(same) if same else text
