"""Questions made of unlabelled sentences: each with its sentence, with an edit of it, with another one."""

from __future__ import annotations

import random
import re
from pathlib import Path

from compositional_rerank.training.edits import as_typed, differing_words
from compositional_rerank.training.kinds.sentences import among, edit, sentences_of
from compositional_rerank.training.questions import open_question, yes_no_question
from compositional_rerank.training.rows import DENIES, DIFFERS, SILENT, SUPPORTS, Row

_YES_NO = 0.25  # share of the questions that take a yes or a no
_BESIDE = 0.4  # share of the evidence that has another sentence beside it
_OTHER = 0.3  # share of the questions that are also read with another sentence
_LONGEST = 100  # characters of a question
_WORD = re.compile(r"\w+")


def rows(file: Path, different: int, rng: random.Random) -> list[Row]:
    """A group of two or three rows for each sentence that a question can be made of.

    The sentence answers the question. With words changed that the question has, it does not: it speaks of
    something else, or of others.

    Args:
        file: JSONL with one of the fields ``passage premise text1 texts``.
        different: what an edited sentence may be; 0 for a denial or a difference.
        rng: which question and which words, and what stands beside the sentence.
    """
    sentences = sentences_of(file)
    found = []
    for number, sentence in enumerate(sentences):
        yes_no = rng.random() < _YES_NO
        question = yes_no_question(sentence, sentence) if yes_no else open_question(sentence, sentence, rng)
        edited = edit(sentence, rng.choice(sentences), rng)
        if question is None or edited is None or len(question) > _LONGEST:
            continue
        lost = {sentence[start:stop].lower() for start, stop in differing_words(sentence, edited)}
        if not lost & set(_WORD.findall(question.lower())):
            continue  # the question may still be answered
        asked, other = as_typed(question, rng), rng.choice(sentences)
        texts = [(sentence, SUPPORTS), (edited, different or DENIES | DIFFERS)]
        if other != sentence and rng.random() < _OTHER:
            texts.append((other, DIFFERS | SILENT))
        for text, verdict in texts:
            evidence, wrong = among(text, sentence, sentences, _BESIDE, rng)
            found.append(
                Row(asked, evidence, verdict, file.stem, str(number), None if verdict & SILENT else wrong)
            )
    return found
