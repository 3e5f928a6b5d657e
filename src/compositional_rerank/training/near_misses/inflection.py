"""Parts of speech and word forms from the optional package `lemminflect` (no download)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from compositional_rerank.errors import MissingDependencyError


@lru_cache(maxsize=1)
def _library() -> Any:
    try:
        import lemminflect
    except ImportError as error:  # pragma: no cover - depends on the installation
        raise MissingDependencyError(
            "near-misses from a corpus need lemminflect: pip install 'compositional-rerank[train]'"
        ) from error
    return lemminflect


@lru_cache(maxsize=100_000)
def inflect(lemma: str, tag: str) -> str:
    """Return the form of a lemma for a Penn tag, or an empty string when there is none.

    Source: lemminflect (https://lemminflect.readthedocs.io), MIT licence.

    Example:
        >>> inflect("give", "VBN"), inflect("mouse", "NNS")
        ('given', 'mice')
    """
    forms = _library().getInflection(lemma, tag=tag, inflect_oov=True)
    return str(forms[0]) if forms else ""


@lru_cache(maxsize=100_000)
def readings(word: str) -> frozenset[str]:
    """Return the Penn tags that a lower-case word may have by the bundled dictionary (context decides)."""
    found: set[str] = set()
    for pos, lemmas in _library().getAllLemmas(word).items():
        for lemma in lemmas:
            if pos == "NOUN":
                plural = inflect(lemma, "NNS")
                found.add("NN" if word == lemma else "NNS")
                if plural == word:
                    found.add("NNS")
            elif pos in ("VERB", "AUX"):
                found.update(tag for tag in ("VBZ", "VBD", "VBN", "VBG") if inflect(lemma, tag) == word)
                if word == lemma:
                    found.add("VB")
            elif pos in ("ADJ", "ADV"):
                found.add("JJ" if pos == "ADJ" else "RB")
    return frozenset(found)


@lru_cache(maxsize=100_000)
def verb_lemma(word: str) -> str:
    """Return the base form of a verb form, or an empty string."""
    lemmas = _library().getLemma(word, upos="VERB")
    return str(lemmas[0]) if lemmas else ""


@lru_cache(maxsize=100_000)
def noun_lemma(word: str) -> str:
    """Return the singular of a noun, or an empty string."""
    lemmas = _library().getLemma(word, upos="NOUN")
    return str(lemmas[0]) if lemmas else ""


_AN_EXCEPTIONS = ("hour", "honest", "honour", "honor", "heir")
_A_EXCEPTIONS = ("uni", "use", "usu", "eu", "one", "once", "ewe", "uk", "ute", "ura", "uto")
_A_BUT_AN = ("unin", "unim", "unid", "unir")


def article(following: str) -> str:
    """Return ``a`` or ``an`` for the word that follows.

    Example:
        >>> [article(word) for word in ("apple", "hour", "unit", "8", "cup")]
        ['an', 'an', 'a', 'an', 'a']
    """
    word = following.lower()
    if word.startswith(_AN_EXCEPTIONS) or word.startswith("8") or word in ("11", "18"):
        return "an"
    if word.startswith(_A_EXCEPTIONS) and not word.startswith(_A_BUT_AN):
        return "a"
    return "an" if word[:1] in "aeiou" else "a"
