"""Markdown as language models write it: its blocks, and its text without marks."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"\s*(`{3,}(?!.*`)|~{3,})")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s|\s*(?:-{3,}|\*{3,}|_{3,}|={3,})\s*$")
_BOLD_LINE = re.compile(r"\s*(\*\*|__)\S.*\1:?\s*$")  # a heading, as some write it
_TABLE = re.compile(r"\s*\|")
_CODE = re.compile(r"(?: {4}|\t)\s*\S")
_MARKER = re.compile(r"(?:\s{0,40}>)*\s{0,40}(?:[-*+•–]|\(?\d{1,3}[.)]|\(?[a-z]\))\s+(?:\[[ xX]\]\s+)?")
_QUOTE = re.compile(r"\s*(?:>\s?)+")
# All that looks ahead does so for 300 characters at most: a long text of opening marks takes no longer.
_IMAGE = re.compile(r"!\[[^\[\]]{0,300}\]\([^()]{0,300}\)")
_LINKED_CITATION = re.compile(
    r" ?\[{1,2}\^?\d{1,4}\^?\]{1,2}\([^()\s]{0,300}\)| ?<sup>[\s\d,;–-]{0,60}</sup>"
)
_LINK = re.compile(r"\[([^\[\]]{1,300})\]\([^()\s]{0,300}(?: \"[^\"]{0,300}\")?\)")
_CITATION = re.compile(
    r" ?(?:\[\^?\d+(?: ?[,;–-] ?\^?\d+){0,30}\]|【[^】]{0,100}】"
    r"|\((?:[Ss]ources?|[Pp]assages?) [\d, ]{1,100}\))"
)
_TAG = re.compile(r"</?[a-zA-Z][\w-]{0,30}(?: [^<>]{0,300}=[^<>]{0,300})?/?>")
_STRONG = re.compile(r"(\*\*\*|\*\*|__|~~)(?=\S)(.{1,300}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<!\w)([*_])(?=\S)(.{1,300}?)(?<=\S)\1(?!\w)")
_TICKS = re.compile(r"(`{1,3})(.{1,300}?)\1")
_QUOTED = re.compile(r"\n[^\S\n]*(?:> ?)+")


@dataclass(frozen=True)
class Block:
    """A paragraph, an item of a list without its marker, or something that is no prose."""

    start: int
    stop: int
    prose: bool = True
    item: bool = False


def blocks_of(text: str) -> list[Block]:
    """The blocks of a text, in order, without blank lines and list markers.

    Headings, tables and code are blocks that are no prose.

    Example:
        >>> text = "# Cover\\nIt covers:\\n- fire\\n- theft"
        >>> [(text[one.start : one.stop], one.prose, one.item) for one in blocks_of(text)]
        [('# Cover', False, False), ('It covers:', True, False), ('fire', True, True), ('theft', True, True)]
    """
    found: list[Block] = []
    opened = ""  # the fence that is open
    joins = False  # whether a line goes on with the block above it
    at = 0
    for line in text.splitlines(keepends=True):
        start, at = at, at + len(line)
        stop = start + len(line.rstrip())
        fence = _FENCE.match(line)
        in_list = bool(found) and found[-1].item  # where indented lines are its paragraphs, and no code
        if opened or fence:
            if opened and found:
                found[-1] = Block(found[-1].start, max(stop, found[-1].stop), prose=False)
            else:
                found.append(Block(start, stop, prose=False))
            if fence and (not opened or fence[1].startswith(opened)):
                opened = "" if opened else fence[1]
            joins = False
        elif not line.strip():
            joins = False
        elif _is_no_prose(line, joins or in_list):
            found.append(Block(start + len(line) - len(line.lstrip()), stop, prose=False))
            joins = False
        elif marker := _MARKER.match(line):
            if marker.end() < len(line.rstrip()):
                found.append(Block(start + marker.end(), stop, item=True))
                joins = True
        elif joins and not _BOLD_LINE.match(line):
            found[-1] = Block(found[-1].start, stop, item=found[-1].item)
        else:
            quote = _QUOTE.match(line)
            begin = start + (quote.end() if quote else len(line) - len(line.lstrip()))
            if begin < stop:
                found.append(Block(begin, stop, item=in_list and line[0].isspace()))
                joins = not _BOLD_LINE.match(line)
    return found


def _is_no_prose(line: str, joins: bool) -> bool:
    if _HEADING.match(line) or _TABLE.match(line):
        return True
    return not joins and _CODE.match(line) is not None and _MARKER.match(line) is None


def plain(text: str) -> str:
    """A sentence on one line without Markdown and marks of citations.

    Example:
        >>> plain("The **drug** is [safe](https://example.org) [1, 2] .")
        'The drug is safe.'
    """
    text = " ".join(_QUOTED.sub("\n", text).split())
    text = _LINK.sub(r"\1", _LINKED_CITATION.sub("", _IMAGE.sub("", text)))
    text = _TAG.sub("", _CITATION.sub("", text))
    for mark in (_TICKS, _STRONG, _EMPHASIS):
        text = mark.sub(r"\2", text)
    return re.sub(r" ([.,;:!?])(?= |$)", r"\1", " ".join(text.split()))
