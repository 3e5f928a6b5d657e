"""Tables of `result_pages.py` on whose order counts, and on what becomes of near-misses."""

from __future__ import annotations

from collections.abc import Iterator

from result_tables import Content, number, table


def order(content: Content) -> Iterator[str]:
    """nDCG@10 of every stage one's own order, of the relevance, and of the mixtures."""
    rows = []
    for name, stages in content["collections"].items():
        for stage, row in stages.items():
            ndcg = row["ndcg@10"]
            ways = ("own", "relevance, scores", "mix, scores", "auto, scores", "auto, places")
            rows.append([name, stage, *(number(ndcg[way]) for way in ways)])
    head = ("set", "stage one", "own order", "relevance", "mix", "auto", "auto, no scores")
    return table(head, rows)


def order_rules(content: Content) -> Iterator[str]:
    """What each rule gives more than the better of own order and relevance: the mean, and the worst case."""
    stages = [
        row["ndcg@10"]
        for found in content["collections"].values()
        for stage, row in found.items()
        if stage != "shuffled"
    ]
    rows = []
    for rule in dict.fromkeys(way.rpartition(", ")[0] for way in stages[0] if way != "own"):
        cells: list[str] = []
        for kind in ("scores", "places"):
            gains = [ndcg[f"{rule}, {kind}"] - max(ndcg["own"], ndcg["relevance, scores"]) for ndcg in stages]
            cells += [f"{sum(gains) / len(gains):+.3f}", f"{min(gains):+.3f}"]
        rows.append([rule, *cells])
    head = ("rule", "scores: mean", "worst", "places: mean", "worst")
    return table(head, rows)


def policy(content: Content) -> Iterator[str]:
    """What becomes of answers and near-misses under every policy."""
    names = ("right_above", "first", "lost")
    rows: list[list[object]] = [
        ["stage one alone", "", *(number(content["stage_one"][name]) for name in names)]
    ]
    rows += [
        [row["order"], row["near_misses"], *(number(row[name]) for name in names)] for row in content["rows"]
    ]
    head = ("order", "near-misses", "answer above near-miss", "an answer first", "answers lost")
    return table(head, rows)
