"""How the rows of a source become labelled pairs, one function per kind."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

from compositional_rerank.errors import DataError
from compositional_rerank.segments import sentence_spans
from compositional_rerank.training.near_misses import edits, pairs_from_corpus, triples
from compositional_rerank.training.sources import (
    LabelledPair,
    detokenise,
    inference_pairs,
    paraphrase_pairs,
    read_rows,
)

if TYPE_CHECKING:
    from compositional_rerank.training.recipe import Source

_CORPUS_SENTENCES = 20_000  # more sentences than that add little vocabulary and cost time


def from_pairs(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Human-labelled pairs, read again with other directions when more rows are wanted than there are."""
    file = _file(source, data)
    pairs: list[LabelledPair] = []
    while len(pairs) < source.rows:
        fresh = paraphrase_pairs(file, rng)
        if not fresh:
            raise DataError(f"{file}: no rows")
        pairs += rng.sample(fresh, min(len(fresh), source.rows - len(pairs)))
    return pairs


def from_inference(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Premise and hypothesis: the passage must entail the query."""
    pairs = inference_pairs(_file(source, data))
    return rng.sample(pairs, min(len(pairs), source.rows))


def from_edits(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Near-misses and rewrites of the sentences of a corpus."""
    texts = [detokenise(str(row[source.field])) for row in read_rows(_file(source, data))]
    sentences = sorted({text[start:stop] for text in set(texts) for start, stop in sentence_spans(text)})
    sentences = [sentence for sentence in sentences if 20 <= len(sentence) <= 240]
    sentences = rng.sample(sentences, min(len(sentences), _CORPUS_SENTENCES))
    found = pairs_from_corpus(sentences, source.rows, seed=rng.randrange(1 << 30))
    return [LabelledPair(pair.text1, pair.text2, 1 - pair.same, source.name) for pair in found]


def from_templates(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Triples of the template grammar: anchor and paraphrase agree, the near-miss agrees with neither.

    A question stays the query, because its paraphrase may be its answer.
    """
    pairs: list[LabelledPair] = []
    for triple in triples(source.rows // 2, seed=rng.randrange(1 << 30)):
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
    sentence is the closest one by TF-IDF that is not the answer.
    """
    rows = [(str(row["query"]), str(row["passage"])) for row in read_rows(_file(source, data))]
    rows = [(detokenise(query), detokenise(passage)) for query, passage in rows if len(passage) <= 320]
    rows = rng.sample(rows, min(len(rows), source.rows // 2))
    others = _closest_others(rows)
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
            pairs.append(LabelledPair(query, others[number], 1, source.name))
    return pairs


def from_topics(source: Source, data: Path, rng: random.Random) -> list[LabelledPair]:
    """Keyword queries: a few words out of a sentence agree with it, those of another sentence do not.

    Without them the verifier takes every keyword query for a statement that its passages fail to make.
    """
    sentences = [
        text[start:stop]
        for row in read_rows(_file(source, data))
        for text in [detokenise(str(row["passage"]))]
        for start, stop in sentence_spans(text)
        if 40 <= stop - start <= 240
    ]
    sentences = rng.sample(sentences, min(len(sentences), source.rows // 2))
    topics = [_few_words(sentence, rng) for sentence in sentences]
    pairs = []
    for number, sentence in enumerate(sentences):
        other = topics[(number + 1) % len(topics)]
        pairs.append(LabelledPair(topics[number], sentence, 0, source.name))
        pairs.append(LabelledPair(other, sentence, int(other.lower() not in sentence.lower()), source.name))
    return pairs


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


def _closest_others(rows: list[tuple[str, str]]) -> list[str]:
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


def _file(source: Source, data: Path) -> Path:
    if source.path is None:
        raise DataError(f"source {source.name!r} of kind {source.kind!r} needs a path")
    return data / source.path
