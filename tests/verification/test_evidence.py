"""Which segments the verifier reads, and how its answers become one verdict per passage."""

from __future__ import annotations

import pytest
import torch

from compositional_rerank import CompositionalReranker
from compositional_rerank.checkpoints.locate import SHIPPED_NAME, locate
from compositional_rerank.encoding.token_encoder import TokenEncoder
from compositional_rerank.errors import CompositionalRerankError
from compositional_rerank.scoring.fusion import Fusion
from compositional_rerank.verification.cross_encoder import Verifier
from compositional_rerank.verification.evidence import Reading, Text, compare, suspects, verdicts

TRUE, FALSE = "Rome is closer than Paris.", "Paris is closer than Rome."
FILLER = "Bread is baked in the early morning. Fish is sold at the harbour."
NOISE = 0.02
FUSION = Fusion(tau=0.5, width=0.05, beta=1.0, threshold=0.5)


@pytest.fixture
def verifier(verifying: CompositionalReranker) -> Verifier:
    assert verifying.verifier is not None
    return verifying.verifier


def read(encoder: TokenEncoder, *texts: str) -> list[Text]:
    encoded = encoder.encode(texts, task="document")
    return [Text(text, entry) for text, entry in zip(texts, encoded, strict=True)]


def close_ones(query: Text, passages: list[Text], least: float, most: int) -> dict[int, list[Reading]]:
    closeness = compare(query.encoded, [passage.encoded for passage in passages]).closeness
    return suspects(query, passages, closeness, least=least, most=most)


def test_only_about_equally_close_segments_are_read(encoder: TokenEncoder) -> None:
    query, both, one = read(
        encoder,
        "Rome is closer than Paris",
        f"{FILLER} {FALSE} {TRUE}",
        f"{FILLER} Rome is far from here. {TRUE}",
    )
    found = close_ones(query, [both, one], least=0.5, most=2)
    (sentence,) = found[0]
    assert sorted(sentence.pairs) == [(query.text, FALSE), (query.text, TRUE)]
    assert 0.8 < sentence.closeness <= 1
    assert found[1][0].pairs == [(query.text, TRUE)]
    assert len(close_ones(query, [both], least=0.5, most=1)[0][0].pairs) == 1


def test_a_passage_agrees_if_one_of_its_segments_does(encoder: TokenEncoder, verifier: Verifier) -> None:
    query, both, one = read(encoder, TRUE, f"{TRUE} {FALSE}", FALSE)
    answers = verifier.mismatch([(TRUE, TRUE), (TRUE, FALSE)])
    verdict = verdicts(verifier, FUSION, close_ones(query, [both, one], least=0.5, most=2))
    assert verdict.places.tolist() == [0, 1]
    expected = torch.stack([answers.min(), answers[1]])
    torch.testing.assert_close(verdict.mismatch, expected, atol=NOISE, rtol=0)


def test_every_sentence_of_a_long_query_counts(encoder: TokenEncoder, verifier: Verifier) -> None:
    """The sentence with the largest penalty decides, with its own closeness."""
    other = "The drug is safe for children."
    query, passage = read(encoder, f"{TRUE} {other}", f"{FALSE} The drug is not safe for children. {FILLER}")
    found = close_ones(query, [passage], least=0.5, most=1)[0]
    assert [sentence.pairs[0][0] for sentence in found] == [TRUE, other]
    answers = verifier.mismatch([pair for sentence in found for pair in sentence.pairs])
    closeness = torch.tensor([sentence.closeness for sentence in found])
    worst = int((FUSION.gate(closeness) * answers).argmax())
    verdict = verdicts(verifier, FUSION, {0: found})
    assert verdict.mismatch[0].item() == pytest.approx(answers[worst].item(), abs=NOISE)
    assert verdict.closeness[0].item() == pytest.approx(closeness[worst].item())


def test_a_query_sentence_that_the_passage_is_silent_about_is_not_read(encoder: TokenEncoder) -> None:
    query, passage = read(encoder, f"{TRUE} Quarks carry colour charge.", f"{FILLER} {FALSE}")
    found = close_ones(query, [passage], least=0.7, most=2)[0]
    assert [sentence.pairs[0][0] for sentence in found] == [TRUE]


def test_nothing_close_means_no_suspects(encoder: TokenEncoder, verifier: Verifier) -> None:
    query, *passages = read(encoder, TRUE, FILLER, "Quarks carry colour charge.", "")
    found = close_ones(query, passages, least=0.7, most=2)
    assert found == {}
    verdict = verdicts(verifier, FUSION, found)
    assert [len(verdict.places), len(verdict.mismatch), len(verdict.closeness)] == [0, 0, 0]


def test_a_blank_passage_is_never_a_suspect(encoder: TokenEncoder) -> None:
    query, *passages = read(encoder, TRUE, "", " \n ", FALSE)
    assert list(close_ones(query, passages, least=-1.0, most=2)) == [2]


def test_places_follow_the_passages(encoder: TokenEncoder) -> None:
    query, *passages = read(encoder, TRUE, FILLER, FALSE, FILLER, TRUE, FALSE)
    assert list(close_ones(query, passages, least=0.7, most=1)) == [1, 3, 4]


def test_the_ranking_shows_the_verdicts(verifying: CompositionalReranker, verifier: Verifier) -> None:
    ranking = verifying.rerank("Rome is closer than Paris", [FILLER, FALSE, "", TRUE])
    by_index = {result.index: result for result in ranking}
    assert [by_index[place].mismatch is None for place in range(4)] == [True, False, True, False]
    expected = verifier.mismatch([("Rome is closer than Paris", FALSE), ("Rome is closer than Paris", TRUE)])
    assert by_index[1].mismatch == pytest.approx(expected[0].item(), abs=NOISE)
    assert by_index[3].mismatch == pytest.approx(expected[1].item(), abs=NOISE)
    assert by_index[0].score == by_index[0].relevance


def test_the_shipped_verifier_tells_the_near_miss() -> None:
    try:
        shipped = locate(SHIPPED_NAME)
    except CompositionalRerankError:
        shipped = None
    if shipped is None or shipped.config is None:
        pytest.skip("this build ships no checkpoint")
    reranker = CompositionalReranker.from_pretrained(SHIPPED_NAME, device="cpu")
    passages = [f"{FALSE} {FILLER}", f"{FILLER} {FALSE} {TRUE}"]
    ranking = reranker.rerank("Rome is closer than Paris", passages)
    assert [result.index for result in ranking] == [1, 0]
    threshold = reranker.threshold
    assert threshold is not None
    assert (ranking[0].mismatch or 0) < threshold < (ranking[1].mismatch or 0)
