"""Every claim of an answer against the passages that are closest to it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from compositional_rerank.backends.precision import full_precision
from compositional_rerank.checking.claims import Claim, claims_of
from compositional_rerank.checking.markup import plain
from compositional_rerank.concurrency.deadline import step
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.results import (
    CheckedAnswer,
    CheckedPassage,
    CheckedSentence,
    SentenceVerdict,
    Verdict,
)
from compositional_rerank.verification.asks import Ask
from compositional_rerank.verification.evidence import Reading, Text, closest, readings
from compositional_rerank.verification.verdicts import verdicts

if TYPE_CHECKING:
    from compositional_rerank._engine import Candidate, Engine

_CLOSE = 0.55  # closeness of the evidence from which a denial or difference counts
_LIKELY = 0.5  # from here on a verdict is more likely than not
_ORDER = ("supports", "denies", "differs")

Judgement = tuple[int, bool, Verdict]
"""A passage's place among the different ones, whether its verdict counts, and the verdict."""


@full_precision
def check(
    engine: Engine, answer: str, candidates: Sequence[Candidate], max_verified: int | None
) -> CheckedAnswer:
    """Check an answer: see `CompositionalReranker.check`.

    All pairs of a claim and a passage are read in one run of the verifier.
    """
    engine.need_verifier()
    assert engine.config is not None
    claims = claims_of(answer)
    unique = list(dict.fromkeys(candidates))
    judged = _judged(engine, claims, unique, max_verified)
    places = {candidate: place for place, candidate in enumerate(unique)}
    sentences = []
    for claim in claims:
        said = judged.get(claim.text, []) if claim.text is not None else []
        found = {place: verdict for place, counts, verdict in said if counts}
        passages = [
            _passage(index, candidate[0], verdict)
            for index, candidate in enumerate(candidates)
            if (verdict := found.get(places[candidate])) is not None
        ]
        read = {place for place, _, verdict in said if verdict.mismatch is not None}
        sentences.append(
            CheckedSentence(
                text=answer[slice(*claim.span)],
                span=claim.span,
                claim=claim.text,
                verdict=_of_sentence(passages, engine.config.fusion.threshold),
                passages=tuple(sorted(passages, key=_rank)),
                read=sum(places[candidate] in read for candidate in candidates),
            )
        )
    return CheckedAnswer(answer, tuple(sentences))


def _judged(
    engine: Engine, claims: Sequence[Claim], candidates: Sequence[Candidate], max_verified: int | None
) -> dict[str | None, list[Judgement]]:
    """For each claim's text what the passages say of it that are closest to it."""
    assert engine.verifier is not None
    assert engine.config is not None
    limits = engine.config.verifier
    most = limits.max_verified if max_verified is None else max_verified
    asked = {claim.text: claim for claim in claims if claim.text is not None}
    if not asked or not candidates:
        return {}
    encoded = engine.encoded([text for text, _ in candidates])
    texts = [Text(*candidate, entry) for candidate, entry in zip(candidates, encoded, strict=True)]
    ends = list(accumulate(len(entry.segments) for entry in encoded))
    queries = engine.encoder.encode(list(asked), task="query")
    read: list[tuple[Claim, int, list[float]]] = []
    pieces: list[list[Reading]] = []
    for (said, claim), query in zip(asked.items(), queries, strict=True):
        rows = _own_rows(query, claim.context)
        if not rows:
            continue
        closeness = engine.compare(query, encoded).closeness
        ask = Ask(said, "statement", tuple(rows))
        near = closest(encoded, closeness[rows])
        for place in near.argsort(descending=True, stable=True)[:most].tolist():
            step()
            mine = closeness[:, ends[place] - len(encoded[place].segments) : ends[place]]
            read.append((claim, place, mine[rows].amax(dim=0).tolist()))
            found = readings([ask], texts[place], mine, tokens=limits.window, windows=limits.windows)
            pieces.append([_with_same_words(reading, claim, texts[place]) for reading in found])
    judged = verdicts(engine.verifier, [texts[place].text for _, place, _ in read], pieces)
    said_of: dict[str | None, list[Judgement]] = {}
    for (claim, place, segments), one in zip(read, judged, strict=True):
        close = _closeness(one.verdict.evidence, encoded[place], segments) >= _CLOSE
        counts = _counts(one.verdict, close=close, context=claim.context > 0)
        said_of.setdefault(claim.text, []).append((place, counts, one.verdict))
    return said_of


def _own_rows(query: EncodedText, context: int) -> list[int]:
    """The claim's own sentences, without the one before it: what is close to that one is not close to it."""
    segments = query.segments.tolist()
    return [row for row, (_, stop, *_) in enumerate(segments) if stop > context]


def _with_same_words(reading: Reading, claim: Claim, passage: Text) -> Reading:
    """A sentence that is the claim word for word is read by itself, too: its neighbours may distract."""
    if claim.text is None or claim.context:
        return reading
    start, stop = passage.own or (0, len(passage.text))
    same = [
        (first, last)
        for first, last, *_ in passage.encoded.segments.tolist()
        if start <= first and last <= stop and _words(passage.text[first:last]) == _words(claim.text)
    ]
    return Reading(reading.ask, list(dict.fromkeys([*reading.windows, *same])))


def _words(text: str) -> str:
    return plain(text).casefold().rstrip(".! ")


def _closeness(evidence: tuple[int, int] | None, passage: EncodedText, segments: Sequence[float]) -> float:
    """How close the closest sentence of the evidence is; -1 without evidence."""
    if evidence is None:
        return -1.0
    spans = passage.segments[:, :2].tolist()
    return max(
        (
            near
            for (start, stop), near in zip(spans, segments, strict=True)
            if start < evidence[1] and stop > evidence[0]
        ),
        default=-1.0,
    )


def _counts(verdict: Verdict, *, close: bool, context: bool) -> bool:
    """Whether a verdict is more likely than not.

    A near-miss has nearly the same words, so that its evidence is close. Support may come in other words; but
    where a sentence was read with the one before it, what is far from it supports that one alone.
    """
    if verdict.verdict is None or verdict.support is None or verdict.mismatch is None:
        return False
    if verdict.verdict == "supports":
        return verdict.support >= _LIKELY and (close or not context)
    return verdict.mismatch >= _LIKELY and close


def _passage(index: int, text: str, verdict: Verdict) -> CheckedPassage:
    assert verdict.verdict is not None
    assert verdict.support is not None
    assert verdict.denial is not None
    assert verdict.mismatch is not None
    assert verdict.evidence is not None
    return CheckedPassage(
        index=index,
        text=text,
        verdict=verdict.verdict,
        support=verdict.support,
        denial=verdict.denial,
        mismatch=verdict.mismatch,
        evidence=verdict.evidence,
    )


def _of_sentence(passages: Sequence[CheckedPassage], threshold: float) -> SentenceVerdict | None:
    """Support decides, unless a clear denial stands against it; a difference does not."""
    names = {passage.verdict for passage in passages}
    if "supports" in names:
        clear = any(one.verdict == "denies" and one.mismatch >= threshold for one in passages)
        return "conflicting" if clear else "supports"
    if "denies" in names:
        return "denies"
    return "differs" if names else None


def _rank(passage: CheckedPassage) -> tuple[int, float]:
    likely = passage.support if passage.verdict == "supports" else passage.mismatch
    return _ORDER.index(passage.verdict), -likely
