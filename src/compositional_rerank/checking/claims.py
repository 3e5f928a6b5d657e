"""From a generated answer to its sentences, and what each of them claims."""

from __future__ import annotations

import re
from dataclasses import dataclass

from compositional_rerank.checking.markup import Block, blocks_of, plain
from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.verification.asks import points_back
from compositional_rerank.verification.forms import form_of, has_content, has_verb
from compositional_rerank.verification.readable import readable

_LONGEST = 400  # characters of a claim with the sentence that it needs
_ANSWERING = re.compile(r"(?i)(?:yes|no|sure|certainly|correct|exactly|indeed)[,.:;!–—]\s+(?=\S)")
_OF_ITSELF = re.compile(  # the writer, not the facts
    r"(?i)(?:i|i['’](?:m|ve|d|ll)|sorry|let me know|let us know|hope (?:this|that|it))[\s,.!]"
)
_ENDS = re.compile(r"[.!?:;…][\"')\]”’]*$")


@dataclass(frozen=True)
class Claim:
    """A sentence of an answer, or a piece of it that is no sentence.

    Args:
        span: its characters in the answer.
        text: what the verifier reads as the query; None where there is nothing to check.
        context: how many characters of ``text`` belong to the sentence before it.
    """

    span: tuple[int, int]
    text: str | None = None
    context: int = 0


def claims_of(answer: str) -> list[Claim]:
    """The sentences of an answer, in order; together they cover all of it but list markers and white space.

    Markdown is left out of what is read, as are marks of citations such as ``[2]`` and a ``Yes,`` in front. A
    sentence that begins with a pronoun is read with the last one before it that does not. An item of a list
    that is no sentence is read with the line above the list, if that ends with a colon.

    Args:
        answer: any text, such as a language model writes it.

    Returns:
        No text to read for questions, headings, tables, code, other languages, what a writer says of
        itself (``I could not find ...``), lines that end with a colon, and what has no content.

    Example:
        >>> answer = "Yes, the **syrup** is safe [1]. It tastes of cherries.\\n\\nIs that all?"
        >>> [claim.text for claim in claims_of(answer)]
        ['The syrup is safe.', 'The syrup is safe. It tastes of cherries.', None]
    """
    found: list[Claim] = []
    lead: Claim | None = None  # the line above a list
    before = ""  # the last claim that begins with no pronoun
    for block in blocks_of(answer):
        last = ""
        for place, span in enumerate(_sentences(answer, block)):
            last = _said(answer[slice(*span)])
            if block.item and place == 0 and lead is not None and _is_part(last):
                claim = Claim(span, f"{lead.text} {last.rstrip(' .;,')}.", lead.context)
                before = claim.text or ""
            elif block.prose and _is_claim(last, block, alone=span == (block.start, block.stop)):
                claim = _with_context(span, last, before)
                before = before if points_back(last) else last
            else:
                claim = Claim(span)
            found.append(claim)
        if block.item and last.endswith(":"):
            lead = None  # what follows may stand under this item, and mean the opposite
        elif not block.item:
            leads = block.prose and last.endswith(":") and _reads(last)
            lead = _with_context((block.start, block.stop), last, before) if leads else None
    return found


def _said(sentence: str) -> str:
    """A sentence without marks and without the answer's first word, as in ``Yes, it is.``"""
    text = plain(sentence)
    answering = _ANSWERING.match(text)
    if answering is None:
        return text
    rest = text[answering.end() :]
    return rest[0].upper() + rest[1:]


def _sentences(answer: str, block: Block) -> list[tuple[int, int]]:
    """Spans of a block's sentences; marks that stand behind one belong to it."""
    if not block.prose:
        return [(block.start, block.stop)]
    found: list[tuple[int, int]] = []
    for start, stop in sentence_spans(answer[block.start : block.stop]):
        start, stop = block.start + start, block.start + stop
        if found and not any(char.isalnum() for char in plain(answer[start:stop])):
            start = found.pop()[0]
        found.append((start, stop))
    return found


def _is_claim(text: str, block: Block, *, alone: bool) -> bool:
    """Whether a sentence says something; a line of its own without a verb and a mark is a heading."""
    if not _reads(text) or text.endswith(":") or _OF_ITSELF.match(text):
        return False
    if alone and not block.item and not _ENDS.search(text) and not has_verb(text):
        return False
    return form_of(text) == "statement"


def _is_part(text: str) -> bool:
    """Whether an item completes the line above its list: it has no verb, or begins in small letters."""
    return _reads(text) and not text.endswith((":", "?")) and (text[0].islower() or not has_verb(text))


def _reads(text: str) -> bool:
    return bool(text) and readable(text) and has_content(text)


def _with_context(span: tuple[int, int], text: str, before: str) -> Claim:
    if before and points_back(text) and len(before) + len(text) < _LONGEST:
        return Claim(span, f"{before} {text}", len(before) + 1)
    return Claim(span, text)
