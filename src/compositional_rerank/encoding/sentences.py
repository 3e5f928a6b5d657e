"""Passage text -> sentence spans -> token spans."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from sentencex import get_sentence_boundaries

from compositional_rerank.encoding.surrogates import without_surrogates

# sentencex breaks off at wide white space before a full stop, as in "for\u00a0.NET"; each of these is one
# character as before, so that the spans stay.
_PLAIN_SPACES = str.maketrans(
    {
        **dict.fromkeys("\x85\u2028\u2029", "\n"),
        **dict.fromkeys("\xa0\u1680\u202f\u205f\u3000", " "),
        **{chr(space): " " for space in range(0x2000, 0x200B)},
    }
)


def sentence_spans(text: str, language: str = "en") -> list[tuple[int, int]]:
    """Character spans of the sentences of a text; together they cover every visible character.

    Args:
        text: any text; a blank one has no sentence.
        language: ISO 639-1 code; sentencex falls back to its rules for a related language.

    Returns:
        ``(start, stop)`` pairs in order, without overlap, white space at the edges left out.

    Example:
        >>> text = "Dr. Lee gave 5 mg. Was it safe? Yes."
        >>> [text[start:stop] for start, stop in sentence_spans(text)]
        ['Dr. Lee gave 5 mg.', 'Was it safe?', 'Yes.']
    """
    text = without_surrogates(text).translate(_PLAIN_SPACES)
    spans = []
    for boundary in get_sentence_boundaries(language, text):
        start, stop = boundary["start_index"], boundary["end_index"]
        sentence = text[start:stop]
        stripped = sentence.strip()
        if stripped:
            start += len(sentence) - len(sentence.lstrip())
            spans.append((start, start + len(stripped)))
    return spans


def token_spans(
    sentences: Sequence[tuple[int, int]], tokens: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Token spans of sentences, by the tokenizer's character offsets.

    A token belongs to the sentence in which it starts; the first and last sentence also take what lies
    outside of them, so that every token is in exactly one span.

    Args:
        sentences: character spans in order.
        tokens: ``(start, stop)`` character offsets of every token, in order.

    Returns:
        One ``(start, stop)`` token span per sentence; it is empty where no token starts in it.

    Example:
        >>> token_spans([(0, 3), (4, 9)], [(0, 1), (1, 3), (4, 9)])
        [(0, 2), (2, 3)]
    """
    starts = [start for start, _ in tokens]
    bounds = [0, *(bisect_left(starts, start) for start, _ in sentences[1:]), len(tokens)]
    return [(bounds[index], bounds[index + 1]) for index in range(len(sentences))]


def segment_table(text: str, tokens: Sequence[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """The sentences of a text that have a token.

    Args:
        text: any text.
        tokens: ``(start, stop)`` character offsets of every token, in order.

    Returns:
        Rows of character ``start, stop`` and token ``start, stop``; every token is in one row. A text with
        tokens but no sentence is one row.

    Example:
        >>> segment_table("Yes. No", [(0, 3), (3, 4), (5, 7)])
        [(0, 4, 0, 2), (5, 7, 2, 3)]
    """
    sentences = sentence_spans(text) or ([(0, len(text))] if tokens else [])
    spans = token_spans(sentences, tokens)
    return [
        (*characters, *span) for characters, span in zip(sentences, spans, strict=True) if span[1] > span[0]
    ]
