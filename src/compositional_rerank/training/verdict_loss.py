"""What the verifier learns from: verdicts that may be right, comparisons, and a teacher's answers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from sentence_transformers import CrossEncoder

from compositional_rerank.scoring.calibration import DENIES, SUPPORTS
from compositional_rerank.training.network import VERDICTS
from compositional_rerank.training.rows import Row

_Spans = Sequence[tuple[int, int]]


def verdict_loss(logits: torch.Tensor, allowed: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Mean loss of a batch.

    A row's loss is ``-log`` of the probability of all verdicts that may be right: a partial label, after
    Jin & Ghahramani (NeurIPS 2002). Where a teacher answered, half of it is the cross-entropy with its
    probabilities: Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network" (2015).

    Args:
        logits: float ``[n, 4]``.
        allowed: bool ``[n, 4]``, at least one true in a row.
        taught: float32 ``[n, 4]``, the teacher's probabilities; all 0 where it was not asked.

    Returns:
        float32, at least 0.

    Example:
        >>> allowed = torch.tensor([[True, False, True, False]])
        >>> round(float(verdict_loss(torch.zeros(1, 4), allowed, torch.zeros(1, 4))), 3)
        0.693
    """
    log = logits.float().log_softmax(dim=1)
    labelled = -log.masked_fill(~allowed, -torch.inf).logsumexp(dim=1)
    distilled = -(taught * log).sum(dim=1)
    share = 0.5 * taught.sum(dim=1)
    return ((1 - share) * labelled + share * distilled).mean()


def comparison_loss(
    logits: torch.Tensor, allowed: torch.Tensor, queries: torch.Tensor, evidence: torch.Tensor
) -> torch.Tensor:
    """How little what a text supports, or denies, stands out from what it does not.

    Of two rows with the same query or the same evidence, where one must support and the other must not, the
    odds of support are to be higher in the first: ``log(1 + exp(-difference of the log-odds))``, after
    Burges et al., "Learning to rank using gradient descent" (ICML 2005). The same for denials. What the rows
    have in common, such as their topic and length, then teaches nothing.

    Args:
        logits: float ``[n, 4]``.
        allowed: bool ``[n, 4]``, at least one true in a row.
        queries: ``[n]``, a number for each query; rows of different groups have different ones.
        evidence: ``[n]``, the same for the evidence.

    Returns:
        float32, at least 0: the sum over all such pairs of rows, over ``n``.

    Example:
        >>> allowed = torch.tensor([[True, False, False, False], [False, True, True, False]])
        >>> same, other = torch.tensor([1, 1]), torch.tensor([1, 2])
        >>> round(float(comparison_loss(torch.zeros(2, 4), allowed, same, other)), 3)
        0.347
        >>> float(comparison_loss(torch.zeros(2, 4), allowed, other, other))
        0.0
    """
    shared = (queries[:, None] == queries) | (evidence[:, None] == evidence)
    log = logits.float().log_softmax(dim=1)
    total = log.sum() * 0.0
    for verdict in (SUPPORTS, DENIES):
        others = [column for column in range(VERDICTS) if column != verdict]
        odds = log[:, verdict] - log[:, others].logsumexp(dim=1)
        sure = allowed[:, verdict] & (allowed.sum(dim=1) == 1)
        first, second = (shared & sure[:, None] & ~allowed[None, :, verdict]).nonzero(as_tuple=True)
        total = total + torch.nn.functional.softplus(odds[second] - odds[first]).sum()
    return total / len(logits)


def words_loss(
    logits: torch.Tensor, offsets: torch.Tensor, evidence: torch.Tensor, wrong: Sequence[_Spans | None]
) -> torch.Tensor:
    """How badly it is told which words of the evidence make it no support.

    A verdict is one label for sixty words. Where a rule or an item's other passage says which words are
    wrong, each word is one: after Zaidan, Eisner & Piatko, "Using annotator rationales" (NAACL 2007). They
    are few, and count four times.

    Args:
        logits: float ``[n, t]``, of each token.
        offsets: int64 ``[n, t, 2]``, where in its text each token begins and ends.
        evidence: bool ``[n, t]``, whether it is a token of the evidence.
        wrong: ``n`` times the wrong characters, or None where they are not known.

    Returns:
        float32, at least 0: the mean over the evidence's tokens of the known rows, times their share.

    Example:
        >>> logits, offsets = torch.zeros(1, 2), torch.tensor([[[0, 3], [4, 7]]])
        >>> round(float(words_loss(logits, offsets, torch.ones(1, 2, dtype=torch.bool), [[]])), 3)
        0.693
    """
    known = [place for place, spans in enumerate(wrong) if spans is not None]
    if not known:
        return logits.sum() * 0.0
    targets = torch.zeros(len(known), logits.shape[1], device=logits.device)
    for row, place in enumerate(known):
        begin, end = offsets[place].unbind(dim=1)
        for start, stop in wrong[place] or ():
            targets[row][(begin < stop) & (end > start)] = 1.0
    weights = evidence[known].float()
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[known].float(), targets, weights, pos_weight=logits.new_tensor(4.0).float(), reduction="sum"
    )
    return losses / weights.sum().clamp(min=1.0) * len(known) / len(logits)


class VerdictLoss(torch.nn.Module):
    """The three losses for sentence-transformers' trainer; a label is the number of a row.

    Args:
        model: from `network.build`.
        rows: ``n`` rows.
        taught: float32 ``[n, 4]``, a teacher's probabilities, all 0 in rows that it did not read; None
            without a teacher.
    """

    def __init__(self, model: CrossEncoder, rows: Sequence[Row], taught: torch.Tensor | None) -> None:
        super().__init__()
        self.model = model
        bits = range(VERDICTS)
        self._allowed = torch.tensor([[bool(row.verdicts >> bit & 1) for bit in bits] for row in rows])
        self._taught = torch.zeros(len(rows), VERDICTS) if taught is None else taught
        known = list(zip(group_numbers(rows), rows, strict=True))
        self._queries = torch.tensor(_numbered([(group, row.query) for group, row in known]))
        self._evidence = torch.tensor(_numbered([(group, row.evidence) for group, row in known]))
        self._wrong = [row.wrong for row in rows]

    def forward(
        self,
        inputs: list[list[str]],
        labels: torch.Tensor,
        prompt: str | None = None,
        task: str | None = None,
    ) -> torch.Tensor:
        """The loss of a batch of two columns of texts, and the numbers of ``n`` rows."""
        device = self.model.device
        pairs = list(zip(*inputs, strict=True))
        features = {
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in self.model.preprocess(pairs).items()
        }
        found = self.model(features)
        rows = labels.flatten().long().cpu()
        logits = found["scores"]
        allowed = self._allowed[rows].to(device)
        texts = (self._queries[rows].to(device), self._evidence[rows].to(device))
        loss = verdict_loss(logits, allowed, self._taught[rows].to(device))
        loss = loss + comparison_loss(logits, allowed, *texts)
        wrong = [self._wrong[row] for row in rows.tolist()]
        if all(spans is None for spans in wrong):
            return loss
        offsets, evidence = _places(self.model, pairs)
        return loss + words_loss(found["wrong"].squeeze(-1), offsets.to(device), evidence.to(device), wrong)


def _places(model: CrossEncoder, pairs: Sequence[tuple[str, ...]]) -> tuple[torch.Tensor, torch.Tensor]:
    """For each token of each pair its characters, int64 ``[n, t, 2]``, and whether it is the evidence's."""
    found = model.tokenizer(
        [list(pair) for pair in pairs],
        padding=True,
        truncation="longest_first",
        max_length=model.max_seq_length,
        return_offsets_mapping=True,
        return_tensors="pt",
    )
    second = [
        [one == 1 for one in found.sequence_ids(row)]  # None for [CLS], [SEP] and padding
        for row in range(len(pairs))
    ]
    return found["offset_mapping"], torch.tensor(second)


def group_numbers(rows: Sequence[Row]) -> list[int]:
    """A number for each row, the same for those of one group."""
    return _numbered([row.group or place for place, row in enumerate(rows)])


def _numbered(things: Sequence[Hashable]) -> list[int]:
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(thing, len(numbers)) for thing in things]
