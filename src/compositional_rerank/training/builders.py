"""How the rows of a source become labelled pairs, one function per kind."""

from __future__ import annotations

import random
import re
from functools import partial
from itertools import chain
from pathlib import Path

from compositional_rerank.encoding.sentences import sentence_spans
from compositional_rerank.errors import DataError
from compositional_rerank.training.captions import caption_pair
from compositional_rerank.training.near_misses import edits, pairs_from_corpus, triples
from compositional_rerank.training.source import Source
from compositional_rerank.training.sources import (
    LabelledPair,
    detokenise,
    inference_pairs,
    paraphrase_pairs,
    text_rows,
)

_CORPUS_SENTENCES = 20_000  # more sentences than that add little vocabulary and cost time


def from_pairs(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Human-labelled pairs, read again with other directions when more rows are wanted than there are."""
    file = file_of(source, data)
    pairs: list[LabelledPair] = []
    while len(pairs) < source.rows:
        fresh = paraphrase_pairs(file, rng)
        if not fresh:
            raise DataError(f"{file}: no rows")
        pairs += rng.sample(fresh, min(len(fresh), source.rows - len(pairs)))
    return pairs


def from_inference(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Premise and hypothesis: the passage must entail the query."""
    pairs = inference_pairs(file_of(source, data))
    return rng.sample(pairs, min(len(pairs), source.rows))


def from_edits(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Near-misses and rewrites of the sentences of a corpus."""
    file, texts = file_of(source, data), set(texts_of(source, data))
    sentences = sorted({text[start:stop] for text in texts for start, stop in sentence_spans(text)})
    sentences = [sentence for sentence in sentences if 20 <= len(sentence) <= 240]
    if not sentences:
        raise DataError(f"{file}: field {source.field!r} has no sentence of 20 to 240 characters")
    sentences = rng.sample(sentences, min(len(sentences), _CORPUS_SENTENCES))
    found = pairs_from_corpus(sentences, source.rows, seed=rng.randrange(1 << 30))
    return [LabelledPair(pair.text1, pair.text2, 1 - pair.same, source.name) for pair in found]


def from_templates(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Triples of the template grammar: anchor and paraphrase agree, the near-miss agrees with neither.

    A question stays the query, because its paraphrase may be its answer. A quarter are questions with
    answers, which is what retrieval mostly sees.
    """
    pairs: list[LabelledPair] = []
    count, answered = source.rows // 2, source.rows // 8
    chosen = partial(triples, families=source.families, edit_types=source.edit_types)
    for triple in chain(
        chosen(count - answered, seed=rng.randrange(1 << 30)),
        chosen(answered, seed=rng.randrange(1 << 30), form="answered"),
    ):
        if triple.form == "question":
            agree, differ = [triple.anchor, triple.positive], [triple.anchor, triple.negative]
        else:
            agree = rng.sample([triple.anchor, triple.positive], 2)
            differ = rng.sample([rng.choice(agree), triple.negative], 2)
        pairs.append(LabelledPair(agree[0], agree[1], 0, source.name))
        pairs.append(LabelledPair(differ[0], differ[1], 1, source.name))
    return pairs


def from_answers(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Questions with the sentence that answers them, with another close sentence, and changed questions.

    A question is changed by the near-miss rules (mismatch) or rewritten by them (no mismatch). The other
    sentence is the closest one by TF-IDF that is not the answer: it says something else, which makes it no
    near-miss.
    """
    file = file_of(source, data)
    rows = [
        (detokenise(query), detokenise(passage))
        for query, passage in text_rows(file, "query", "passage")
        if len(passage) <= 320
    ]
    if len({passage for _, passage in rows}) < 2:
        raise DataError(f"{file}: at least two passages of up to 320 characters are needed")
    rows = rng.sample(rows, min(len(rows), source.rows // 2))
    others = closest_others(rows)
    pairs: list[LabelledPair] = []
    for number, (query, passage) in enumerate(rows):
        changed = edits(query, rng=rng)
        near = [edit.text for edit in changed if not edit.same]
        same = [edit.text for edit in changed if edit.same]
        kind = rng.random()
        asked = rng.choice(same) if same and rng.random() < 0.3 else query
        pairs.append(LabelledPair(asked, passage, 0, source.name))
        if near and kind < 0.6:
            pairs.append(LabelledPair(rng.choice(near), passage, 1, source.name))
        else:
            pairs.append(LabelledPair(query, others[number], 0, source.name))
    return pairs


def from_captions(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Captions with a place or a doing in other words, or changed; as many of both labels as there are."""
    texts = sorted(set(texts_of(source, data)))
    kept: dict[int, list[LabelledPair]] = {0: [], 1: []}
    most = source.rows // 2
    for _ in range(4):
        rng.shuffle(texts)
        for text in texts:
            pair = caption_pair(text, rng)
            if pair is not None and len(kept[pair[2]]) < most:
                kept[pair[2]].append(LabelledPair(*pair, source.name))
        if all(len(pairs) >= most for pairs in kept.values()):
            break
    least = min(map(len, kept.values()))
    return [pair for pairs in kept.values() for pair in pairs[: least + least // 2]]


def from_topics(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Keyword queries, with the sentence that they are from and with another: never a near-miss.

    Without them the verifier takes every keyword query for a statement that its passages fail to make.
    """
    sentences = [
        text[start:stop]
        for (passage,) in text_rows(file_of(source, data), "passage")
        for text in [detokenise(passage)]
        for start, stop in sentence_spans(text)
        if 40 <= stop - start <= 240
    ]
    sentences = rng.sample(sentences, min(len(sentences), source.rows // 2))
    topics = [_few_words(sentence, rng) for sentence in sentences]
    pairs = []
    for number, sentence in enumerate(sentences):
        pairs.append(LabelledPair(topics[number], sentence, 0, source.name))
        pairs.append(LabelledPair(topics[number - 1], sentence, 0, source.name))
    return pairs


def from_related(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Sentences with the closest sentence of another passage or of their own: related, other content.

    They say different things without contradicting each other. Without them the verifier rejects whatever is
    no paraphrase of the query, and retrieval with statements as queries loses half its nDCG
    (docs/experiments.md).
    """
    groups = _sentences_by_passage(source, data, rng, source.rows)
    flat = [(sentence, number) for number, group in enumerate(groups) for sentence in group]
    rng.shuffle(flat)
    flat = flat[: source.rows]
    others = closest_others([(sentence, sentence) for sentence, _ in flat])
    pairs = []
    for (sentence, number), other in zip(flat, others, strict=True):
        siblings = [sibling for sibling in groups[number] if sibling != sentence]
        second = rng.choice(siblings) if siblings and rng.random() < 0.4 else other
        words, more = set(sentence.lower().split()), set(second.lower().split())
        if len(words & more) < 0.6 * min(len(words), len(more)):  # nearly the same words may well contradict
            pairs.append(LabelledPair(sentence, second, 0, source.name))
    return pairs


def from_clauses(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """A clause of a sentence as the query: the sentence says it, but not what a changed clause says."""
    groups = _sentences_by_passage(source, data, rng, 2 * source.rows)
    pairs: list[LabelledPair] = []
    for sentence in (sentence for group in groups for sentence in group):
        clause = _first_clause(sentence)
        if clause is None:
            continue
        changed = edits(clause, rng=rng)
        near = [edit.text for edit in changed if not edit.same]
        same = [edit.text for edit in changed if edit.same]
        if near:
            asked = rng.choice(same) if same and rng.random() < 0.5 else clause
            pairs.append(LabelledPair(asked, sentence, 0, source.name))
            pairs.append(LabelledPair(rng.choice(near), sentence, 1, source.name))
        if len(pairs) >= source.rows:
            break
    return pairs


def _sentences_by_passage(source: Source, data: Path, rng: random.Random, most: int) -> list[list[str]]:
    passages = sorted({detokenise(text) for (text,) in text_rows(file_of(source, data), "passage")})
    rng.shuffle(passages)
    groups: list[list[str]] = []
    for text in passages:
        group = [text[start:stop] for start, stop in sentence_spans(text) if 40 <= stop - start <= 240]
        groups.append(rng.sample(group, min(len(group), 4)))
        if sum(map(len, groups)) >= most:
            break
    return groups


_CLAUSE_END = re.compile(
    r",|;|:|--|\b(?:which|who|because|although|while|whereas|when|if|but)\b", re.IGNORECASE
)


def _first_clause(sentence: str) -> str | None:
    """What stands before the first comma or conjunction, if it is six words or more and not everything."""
    found = _CLAUSE_END.search(sentence)
    clause = sentence[: found.start()].strip() if found else ""
    return clause + "." if len(clause.split()) >= 6 else None


def _few_words(sentence: str, rng: random.Random) -> str:
    """One to four neighbouring words that neither start nor end with a function word, if there are such."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = [word.strip(".,;:!?()\"'") for word in sentence.split()]
    spans = [
        words[start : start + length]
        for length in rng.sample([1, 1, 2, 2, 3, 4], 6)
        for start in rng.sample(range(max(1, len(words) - length + 1)), max(1, len(words) - length + 1))
    ]
    for span in spans:
        if all(len(edge) > 3 and edge.lower() not in ENGLISH_STOP_WORDS for edge in (span[0], span[-1])):
            return " ".join(span)
    return sentence


def closest_others(rows: list[tuple[str, str]]) -> list[str]:
    """For every question the passage of another row with the highest TF-IDF cosine."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    passages = sorted({passage for _, passage in rows})
    place = {passage: index for index, passage in enumerate(passages)}
    vectoriser = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit(passages)
    matrix = vectoriser.transform(passages).T.tocsc()
    others = []
    for start in range(0, len(rows), 512):
        chunk = rows[start : start + 512]
        scores = (vectoriser.transform([query for query, _ in chunk]) @ matrix).toarray()
        for row, (_, passage) in enumerate(chunk):
            scores[row, place[passage]] = -1.0
        others += [passages[index] for index in np.argmax(scores, axis=1)]
    return others


def texts_of(source: Source, data: Path) -> list[str]:
    """The texts of the field that a source names, without tokeniser gaps."""
    if source.field is None:
        raise DataError(
            f"source {source.name!r} of kind {source.kind!r} needs a field: the one with the texts"
        )
    return [detokenise(text) for (text,) in text_rows(file_of(source, data), source.field)]


def file_of(source: Source, data: Path) -> Path:
    """The file of a source that needs one."""
    if source.path is None:
        raise DataError(f"source {source.name!r} of kind {source.kind!r} needs a path")
    return data / source.path
