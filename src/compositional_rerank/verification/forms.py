"""What a query is: a statement, a yes/no question, another question, or keywords."""

from __future__ import annotations

import re
from typing import Literal

Form = Literal["statement", "yes_no", "question", "keywords"]
FORMS: tuple[Form, ...] = ("statement", "yes_no", "question", "keywords")

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_CLAUSE = re.compile(r"(?<![,;:.!?–—])[,;:.!?–—]+\s+|(?<!\s)\s+-\s+")
_CLOSING = " \t\r\n\"')]’”"  # what may stand behind a question mark
_ASKING = frozenset(
    "who whom whose what which when where whereabouts why how whats wheres whos hows what's where's who's "
    "how's when's why's".split()
)
_BE_AND_MODAL = frozenset(
    "is are was were am be been do does did has have had can could will would shall should may might "
    "must need isn't aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't can't cannot "
    "couldn't won't wouldn't shan't shouldn't mustn't needn't ain't isnt arent wasnt werent dont doesnt "
    "didnt hasnt havent cant couldnt wont wouldnt shouldnt".split()
)
_OPENING = frozenset("and but so or then also ok okay hi hello hey please well yes no now just btw".split())
_NOT_ASKED = frozenset("be been cannot need".split())
_RELATIVE = frozenset("who whom whose which when where".split())  # they lead clauses of statements, too
_CONDITION = frozenset("if when where since because after before unless once".split())
_KNOW = frozenset("know tell say explain remember remind show find".split())
_ASKED = frozenset("you i we anyone anybody someone somebody".split())  # who may be asked for what is known
_CERTAIN = frozenset("is are does did can could".split())  # no statement begins with one of them
_WHETHER = frozenset("if whether".split())
_PRONOUNS = frozenset(
    "it they he she we i you there it's they're he's she's we're i'm you're nobody everybody somebody "
    "everyone someone".split()
)
_DETERMINERS = frozenset("the a an this that these those his her its their my your our".split())
_EMPTY = frozenset(
    "of in on at to for from by with as and or but not no so if than then about into over also only "
    "just very".split()
)
_VERBS = frozenset(  # of sentences without an auxiliary; those that are seldom nouns
    "wrote bites bit reduces reduced covers includes included requires required contains contained "
    "causes caused increases increased prevents allows allowed forbids beat beats won wins lost loses "
    "bought buys sold sells became becomes began begins gave gives took takes made makes said says got "
    "gets went goes came comes ran eats ate kills killed kept keeps knew knows left met grew grows fell "
    "falls found built broke breaks brought brings caught carries chose chased chases paid pays sent "
    "sends stood sat taught told thinks thought lives lived died founded invented discovered defeated "
    "borders replaces replaced needs belongs belonged happens happened follows followed precedes owns "
    "owned treats treated speaks spoke supports supported offers offered applies applied lasts lasted".split()
)
_STOP = _ASKING | _BE_AND_MODAL | _PRONOUNS | _DETERMINERS | _EMPTY | _OPENING
_STEM = 5  # letters of a word without its ending
_FEW = 2  # words that are no sentence without a mark


def asks(text: str) -> bool:
    """Whether a text ends with a question mark.

    Example:
        >>> asks("Who wrote it? "), asks('He said: "Who?"'), asks("Who wrote it")
        (True, True, False)
    """
    return text.rstrip(_CLOSING).endswith(("?", "？"))


def form_of(text: str) -> Form:
    """The form of a query, by its first words, its mark and its verbs; English.

    Args:
        text: one sentence, or a question with sentences before it.

    Example:
        >>> form_of("If it rains, is the match off?"), form_of("how long is the warranty")
        ('yes_no', 'question')
        >>> form_of("The drug is safe."), form_of("refund policy contractors")
        ('statement', 'keywords')
    """
    clauses = [words for part in _CLAUSE.split(text) if (words := _words(part))]
    every = [word for words in clauses for word in words]
    if asks(text):
        for place, words in enumerate(clauses):
            if words[0] in ("when", "where") and _leads(words, clauses[place + 1 :]):
                continue
            if words[0] in _ASKING:
                return "question"
            if words[0] in _BE_AND_MODAL - _NOT_ASKED:
                return _of_auxiliary(words)
        said = (_BE_AND_MODAL | _PRONOUNS | _VERBS).intersection(every)
        return "yes_no" if said and not _ASKING.intersection(every) else "question"
    if len(every) <= _FEW:
        return "keywords"
    first, second = clauses[0][0], (*clauses[0], "")[1]
    if first in _CERTAIN:
        return _of_auxiliary(clauses[0])
    if text.rstrip(_CLOSING).endswith((".", "!")):
        return "question" if first in _ASKING and second in _BE_AND_MODAL else "statement"
    if first in _BE_AND_MODAL - _NOT_ASKED:
        return _of_auxiliary(clauses[0])
    if first in _CONDITION:
        for words in clauses[1:]:
            if words[0] in _BE_AND_MODAL - _NOT_ASKED and words[:2] != ["do", "not"] and words[0] != "don't":
                return _of_auxiliary(words)
    for place, word in enumerate(every):
        if word in _BE_AND_MODAL:
            break
        if _asks_at(every, place):
            return "question"
    said = _BE_AND_MODAL | _PRONOUNS | _DETERMINERS | _VERBS
    return "statement" if said.intersection(every) else "keywords"


def has_verb(text: str) -> bool:
    """Whether a text has an auxiliary, a pronoun, or a verb that is seldom a noun.

    Example:
        >>> has_verb("Safety of the drug"), has_verb("The drug is safe")
        (False, True)
    """
    every = set(map(_plain, _WORD.findall(text)))
    return bool((_BE_AND_MODAL | _PRONOUNS | _VERBS) & every)


def has_content(text: str) -> bool:
    """Whether a text has a word that is no stop word.

    Example:
        >>> has_content("What is it?"), has_content("What is MaxSim?")
        (False, True)
    """
    return any(not is_stop_word(word) for word in _WORD.findall(text))


def is_stop_word(word: str) -> bool:
    """Whether a word says nothing of what a text is about.

    Example:
        >>> is_stop_word("Is"), is_stop_word("drug")
        (True, False)
    """
    return _plain(word) in _STOP


def content_words(text: str) -> frozenset[str]:
    """The words of a text that are no stop words, without their endings.

    Example:
        >>> sorted(content_words("What is covered by the warranty?"))
        ['cover', 'warra']
    """
    return frozenset(word[:_STEM].lower() for word in _WORD.findall(text) if not is_stop_word(word))


def identical(text: str, other: str) -> bool:
    """Whether two texts, not blank, differ in nothing but white space.

    Example:
        >>> identical("Who  pays?", "Who pays? "), identical("Who pays?", "who pays?"), identical("", " ")
        (True, False, False)
    """
    words = text.split()
    return bool(words) and words == other.split()


def _of_auxiliary(words: list[str]) -> Form:
    """``do you know who pays`` asks who, ``do you know whether it is paid`` takes a yes or a no."""
    for place, word in enumerate(words[:5]):
        if word in _KNOW and _ASKED.intersection(words[:place]):
            after = words[place + 1 :]
            asking = next((other for other in after if other in _ASKING | _WHETHER), None)
            if asking in _ASKING:
                return "question"
    return "yes_no"


def _leads(words: list[str], after: list[list[str]]) -> bool:
    """Whether a clause with "when" or "where" leads to another that asks: ``when it is lost, is it paid``."""
    return (
        words[1:2] != []
        and words[1] not in _BE_AND_MODAL
        and any(one[0] in _BE_AND_MODAL - _NOT_ASKED for one in after)
    )


def _asks_at(words: list[str], place: int) -> bool:
    """Whether a word asks; behind a noun ``who`` and the like say more of it: ``people who travel``."""
    if words[place] not in _RELATIVE or place == 0:
        return words[place] in _ASKING
    return words[place - 1] in _EMPTY | _KNOW | {"me", "us"}


def _plain(word: str) -> str:
    return word.lower().replace("’", "'")


def _words(clause: str) -> list[str]:
    """Words in small letters; but IT, WHO and US, among words in small letters, are no pronouns."""
    loud = clause.isupper()
    words = [
        word if len(word) > 1 and word.isupper() and not loud else _plain(word)
        for word in _WORD.findall(clause)
    ]
    while len(words) > 1 and words[0] in _OPENING:
        words = words[1:]
    return words
