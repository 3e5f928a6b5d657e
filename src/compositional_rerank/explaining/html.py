"""An explanation as one self-contained page: no script, no font, no file from elsewhere.

Every similarity is a number as well as a shade of one hue, which colour-blind readers order by lightness.
"""

from __future__ import annotations

from importlib.resources import files

from compositional_rerank.explaining.explanation import Explanation, Segment
from compositional_rerank.explaining.links import Links, links_of, to_svg
from compositional_rerank.explaining.markup import escaped, short

_STEPS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # where the shade changes
_SEGMENTS = 3
_MOST_WORDS = 120  # of a segment in its map
_MOST_QUERY_WORDS = 60
_READING_NOTE = (
    "The deeper the shade of a word, the closer it is to some word of the query. A raised number marks the "
    "word that is the best match of the query word with that number. Before each segment: number · MaxSim."
)
_EVIDENCE_NOTE = "Underlined is the evidence: the sentences that decided the verdict."
_MAPS_NOTE = (
    "Each line ties a query word to its best match in the segment; the number is their cosine. A word that "
    "moved has a close match (from .7) in another order than the rest: a change that MaxSim does not see. It "
    "need not change the meaning; that is for a verifier, or for you, to say."
)


def to_html(explanation: Explanation) -> str:
    """The page: verdict, scores, the passage with its words shaded, the maps of the best segments, matches.

    Args:
        explanation: what to show; its texts are escaped.

    Returns:
        UTF-8 safe HTML.
    """
    style = files("compositional_rerank.explaining").joinpath("page.css").read_text(encoding="utf-8")
    body = [_header(explanation)]
    if explanation.passage_words:
        order = explanation.best_segments(_SEGMENTS)
        body += [_reading(explanation, order[0]), _maps(explanation, order), _matches(explanation)]
    else:
        body.append("<section><p>The passage has no word that the model reads.</p></section>")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escaped(explanation.query[:80])} · word alignment</title>
<style>
{style}</style>
</head>
<body>
<main>
{"".join(body)}
</main>
<footer>Written by compositional-rerank with the model {escaped(explanation.model)}.</footer>
</body>
</html>
"""


def _level(similarity: float) -> int:
    return sum(similarity >= step for step in _STEPS)


def _header(explanation: Explanation) -> str:
    alarm = explanation.near_miss
    mismatch, judged = "–", "not judged"
    if explanation.mismatch is not None:
        mismatch, judged = f"{explanation.mismatch:.2f}", "how likely the passage is a near-miss"
        if explanation.threshold is not None:
            judged += f": {'at or above' if alarm else 'below'} the threshold of {explanation.threshold:.2f}"
    relevance, told = "–", "not known without an encoder"
    if explanation.relevance is not None:
        relevance, told = f"{explanation.relevance:.3f}", "how close the passage is to the query"
    verdict, _, why = explanation.why.partition(": ")
    cards = [
        ("Verdict", verdict, why, "verdict alarm" if alarm else "verdict"),
        ("Relevance", relevance, told, ""),
        ("Mismatch", mismatch, judged, "alarm" if alarm else ""),
        ("Score", f"{explanation.score:.3f}", explanation.score_means, ""),
    ]
    if explanation.support is not None and explanation.denial is not None:
        chances = [("Support", explanation.support, "supports"), ("Denial", explanation.denial, "denies")]
        cards[2:2] = [
            (name, f"{value:.2f}", f"how likely the passage {verb} the query", "")
            for name, value, verb in chances
        ]
    shown_cards = "".join(
        f'<div class="{classes}"><dt>{name}</dt><dd class="value">{value}</dd>'
        f'<dd class="said" dir="auto">{escaped(said)}</dd></div>'
        for name, value, said, classes in cards
    )
    numbers = {word.start: number for number, word in enumerate(explanation.query_words, start=1)}
    words, at = [], 0
    for word in explanation.query_words:
        words.append(escaped(explanation.query[at : word.stop]) + f"&#8288;<sup>{numbers[word.start]}</sup>")
        at = word.stop
    return (
        "<h1>Which word met which</h1>"
        f'<p class="query" dir="auto"><span>{"".join(words)}{escaped(explanation.query[at:])}</span></p>'
        f'<dl class="scores">{shown_cards}</dl>'
    )


def _legend() -> str:
    ticks = ["&lt;&thinsp;.3", *(short(step) for step in _STEPS)]
    scale = "".join(f'<b class="s{level}">{tick}</b>' for level, tick in enumerate(ticks))
    return f'<span>cosine from</span><span class="scale">{scale}</span>'


def _reading(explanation: Explanation, best: int) -> str:
    met: dict[int, list[int]] = {}
    for match in explanation.matches:
        met.setdefault(match.passage_word, []).append(match.query_word)
    rows = []
    tops = explanation.similarities.max(axis=0).tolist()
    partners = explanation.similarities.argmax(axis=0).tolist()
    evidence = explanation.evidence or (0, 0)
    for index, segment in enumerate(explanation.segments):
        parts, at = [], segment.start
        begins = max(evidence[0], segment.start)
        ends = "</mark>" if begins < min(evidence[1], segment.stop) else ""
        marks = bool(ends)  # still to be opened: headings in the segment are no evidence
        for place in range(*segment.words):
            word = explanation.passage_words[place]
            if marks and word.start >= begins:
                parts.append(f"{escaped(explanation.passage[at:begins])}<mark>")
                at, marks = begins, False
            parts.append(escaped(explanation.passage[at : word.start]))
            at = max(at, word.stop)
            level, numbers = _level(tops[place]), met.get(place, [])
            text = escaped(word.text)
            if not level and not numbers:
                parts.append(text)
                continue
            partner = escaped(explanation.query_words[partners[place]].text)
            sup = f"&#8288;<sup>{','.join(str(number + 1) for number in numbers)}</sup>" if numbers else ""
            classes = f"s{level} met" if numbers else f"s{level}"
            title = f"best with “{partner}”: {short(tops[place])}"
            parts.append(f'<span class="{classes}" title="{title}">{text}{sup}</span>')
        parts.append(escaped(explanation.passage[at : segment.stop]) + ("" if marks else ends))
        emphasis = (' class="best"', "<small>best aligned</small>") if index == best else ("", "")
        rows.append(
            f"<li{emphasis[0]}>"
            f'<span class="where">{index + 1} · {short(segment.relevance)} {emphasis[1]}</span>'
            f'<span class="words" dir="auto">{"".join(parts)}</span></li>'
        )
    return (
        "<section><h2>The passage, as read</h2>"
        f'<p class="note">{_READING_NOTE}{f" {_EVIDENCE_NOTE}" if explanation.evidence else ""}</p>'
        f'<p class="legend">{_legend()}</p>'
        f'<ol class="reading">{"".join(rows)}</ol></section>'
    )


def _maps(explanation: Explanation, order: list[int]) -> str:
    parts = []
    for rank, index in enumerate(order):
        segment = explanation.segments[index]
        if segment.words[0] == segment.words[1]:
            continue
        columns = _strongest(range(*segment.words), explanation.similarities.max(axis=0), _MOST_WORDS)
        rows = _strongest(
            range(len(explanation.query_words)), explanation.similarities.max(axis=1), _MOST_QUERY_WORDS
        )
        links = links_of(explanation, rows, columns)
        parts.append(
            f'<article class="segment{" best" if rank == 0 else ""}">'
            f"<h3>Segment {index + 1}{', the best aligned' if rank == 0 else ''} "
            f"<span>· MaxSim {segment.relevance:.3f}</span></h3>"
            f"{_left_out(explanation, segment, rows, columns)}"
            f'<div class="sides"><div><h4>Query → segment</h4>{to_svg(explanation, links)}</div>'
            f"<div><h4>All similarities</h4>{_map(explanation, links)}</div></div></article>"
        )
    return (
        "<section><h2>The best-aligned segments</h2>"
        f'<p class="note">{_MAPS_NOTE}</p>'
        '<p class="legend"><span><i class="key"></i>best match</span>'
        '<span><i class="key moved"></i>moved</span>'
        '<span><i class="key weak"></i>weak (cosine below .5)</span>'
        f'<span><i class="key ring"></i>best of its row</span>{_legend()}</p>{"".join(parts)}</section>'
    )


def _strongest(places: range, strengths: list[float], most: int) -> list[int]:
    """At most so many places, those with the highest strengths, in order."""
    if len(places) <= most:
        return list(places)
    return sorted(sorted(places, key=lambda place: -strengths[place])[:most])


def _left_out(explanation: Explanation, segment: Segment, rows: list[int], columns: list[int]) -> str:
    said = []
    if len(columns) < segment.words[1] - segment.words[0]:
        said.append(
            f"the {len(columns)} closest of the segment’s {segment.words[1] - segment.words[0]} words"
        )
    if len(rows) < len(explanation.query_words):
        said.append(f"the {len(rows)} closest of the query’s {len(explanation.query_words)} words")
    return f'<p class="note">Shown are {" and ".join(said)}.</p>' if said else ""


def _map(explanation: Explanation, links: Links) -> str:
    """The map as columns that wrap with the window; the query words repeat at every line of columns.

    The repetitions lie on top of one another's continuation and are cut off below the last line.
    """
    words = [escaped(explanation.query_words[row].text) for row in links.rows]
    label = min(max(len(explanation.query_words[row].text) for row in links.rows), 13) * 0.56 + 1.2
    heads = "".join(f'<span role="columnheader" title="{word}" dir="auto">{word}</span>' for word in words)
    first = f'<div role="row"><span role="cell"></span>{heads}</div>'
    bare = heads.replace(' role="columnheader"', "")
    more = f"<div><span></span>{bare}</div>" * (len(links.columns) // 2)
    columns = []
    for place, column in enumerate(links.columns):
        word = escaped(explanation.passage_words[column].text)
        cells = []
        for row, target, query_word in zip(links.rows, links.targets, words, strict=True):
            value = float(explanation.similarities[row, column])
            classes = f"cell s{_level(value)}{' top' if target == place else ''}"
            cells.append(
                f'<span role="cell" class="{classes}" title="{query_word} → {word}: {value:.3f}">'
                f"{short(value)}</span>"
            )
        columns.append(
            '<div class="column" role="row">'
            f'<span role="rowheader" class="head" title="{word}" dir="auto">{word}</span>'
            f"{''.join(cells)}</div>"
        )
    return (
        f'<div class="map" role="table" aria-label="Similarities" style="--label: {label:.1f}em">'
        f'<div class="names">{first}<div aria-hidden="true">{more}</div></div>{"".join(columns)}</div>'
    )


def _matches(explanation: Explanation) -> str:
    rows = "".join(
        f"<tr><th scope=row dir=auto>{escaped(explanation.query_words[match.query_word].text)}"
        f"<sup>{match.query_word + 1}</sup></th>"
        f"<td dir=auto>{escaped(explanation.passage_words[match.passage_word].text)}</td>"
        f"<td>{match.segment + 1}</td><td>{match.similarity:.2f}</td>"
        f'<td class="bar"><i style="width: {max(match.similarity, 0.0):.1%}"></i></td></tr>'
        for match in explanation.matches
    )
    return (
        "<section><h2>The best match of every query word, in the whole passage</h2>"
        '<table class="matches"><thead><tr><th scope=col>Query word</th><th scope=col>Best match</th>'
        '<th scope=col>Segment</th><th scope=col>Cosine</th><td class="bar"></td></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        "</section>"
    )
