"""Word tables behind the replacing rules, by hand: each line is words | replacements, by edit type and label.

``CHANGES`` makes near-misses and ``SYNONYMS`` their meaning-preserving siblings: the same operation on the
surface (one word or phrase replaced), the other label.
"""

from __future__ import annotations

from .word_classes import pairs as _pairs
from .word_synonyms import SYNONYMS

__all__ = ["CHANGES", "SYNONYMS"]

CHANGES: dict[str, dict[str, list[str]]] = {
    "spatial": _pairs(
        """
        to the left of | to the right of
        left | right
        on the left | on the right
        above | below
        in front of | behind
        inside | outside
        into | out of
        on top of | underneath, under
        on | under, next to, behind
        onto | under, off
        over | under
        next to, beside | behind, in front of, far from, on top of, under
        near, close to | far from, inside
        in | outside, behind, next to
        under | on, next to, above
        northern | southern
        north of | south of
        north | south
        east of | west of
        eastern | western
        east | west
        upstairs | downstairs
        up | down
        upper | lower
        top | bottom
        through | around
        toward, towards | away from
        indoors | outdoors
        inner | outer
        between | outside
        uphill | downhill
        """
    ),
    "temporal": _pairs(
        """
        before | after
        prior to | following
        until | since
        earlier | later
        earliest | latest
        first | last, second, third
        yesterday | today, tomorrow
        now | formerly
        currently | formerly, previously
        recently | long ago
        morning | evening, afternoon
        night | day
        daily | weekly, monthly
        annual, yearly | monthly
        winter | summer
        spring | autumn
        beginning | end
        began, started | ended, stopped
        begins, starts | ends, stops
        early | late
        ancient | modern
        next year | last year
        during | before, after
        next week | last week
        previous | next
        weekday | weekend
        weekdays | weekends
        past | future
        january | march, june, october, november
        february | july, august, december
        april | september, november
        may | december
        monday | tuesday, thursday
        wednesday | friday, saturday, sunday
        """
    ),
    "quantifier": _pairs(
        """
        all, every, each | no, some, few
        all of the | some of the, none of the, few of the
        most of the | few of the, none of the, all of the
        some of the | none of the, all of the
        always | never, sometimes, rarely
        often, usually, frequently | rarely, seldom, never
        everyone, everybody | no one, nobody
        everything | nothing
        someone, somebody | no one, nobody
        something | nothing
        many | few, no
        numerous, several | few, no
        most | few, no
        both | neither of the, only one of the
        at least | at most, fewer than
        more than | less than, exactly
        up to | at least, more than
        mostly, mainly | only, rarely
        completely, entirely, fully | partly, hardly
        the majority of | a minority of
        everywhere | nowhere
        only | not only
        nearly all | very few
        a few | all, no
        the only | one of many
        """
    ),
    "numeric": _pairs(
        """
        double | triple, half
        twice | once, three times
        half | a quarter, all, two thirds
        million | billion, thousand
        dozens | hundreds, thousands
        hundreds | thousands, millions
        increased | decreased
        increase | decrease
        increases | decreases
        increasing | decreasing
        rose | fell
        highest | lowest
        largest, biggest | smallest
        maximum | minimum
        higher | lower
        larger, bigger, greater | smaller
        more | less
        minutes | hours, seconds
        years | months, decades
        days | weeks, hours
        kilometres, miles | metres
        """
    ),
    "negation": _pairs(
        """
        with | without
        can | cannot
        safe | unsafe
        legal | illegal
        possible | impossible
        able to | unable to
        likely | unlikely
        known | unknown
        allowed, permitted | forbidden, prohibited
        allow, permit | forbid, prohibit
        allows, permits | forbids, prohibits
        include | exclude
        includes | excludes
        including | excluding
        accepted | rejected
        succeeded | failed
        successful | unsuccessful
        agree | disagree
        agreed | disagreed
        agrees | disagrees
        true | false
        open | closed
        present | absent
        remember | forget
        remembered | forgot
        happy | unhappy
        complete | incomplete
        necessary | unnecessary
        common | uncommon
        effective | ineffective
        available | unavailable
        visible | invisible
        dependent | independent
        fair | unfair
        married | unmarried
        dead | alive
        guilty | innocent
        healthy | unhealthy
        important | unimportant
        regular | irregular
        correct | incorrect
        aware | unaware
        usual | unusual
        direct | indirect
        formal | informal
        official | unofficial
        active | inactive
        popular | unpopular
        still | no longer
        despite | because of
        although | because
        won | lost
        wins | loses
        """
    ),
}

for _table, _words in (
    ("temporal", ("in", "now", "following", "during the year", "today")),
    (
        "numeric",
        ("double", "over", "under", "below", "two", "rose", "fell", "grew", "declined", "million", "about"),
    ),
    ("quantifier", ("some", "the two", "just", "about", "around", "each", "both", "normally", "many times")),
    ("spatial", ("on", "outside", "out of", "across", "north", "opposite", "around", "into", "northern")),
    (
        "negation",
        (
            "as",
            "since",
            "because",
            "not any more",
            "did not",
            "would not",
            "rare",
            "however",
            "can not",
            "wrong",
            "no longer",
            "alive",
            "did not include",
            "cannot",
            "does not have",
            "do not have",
            "not there",
            "not once",
            "nevertheless",
            "unable to",
            "unfinished",
        ),
    ),
):
    for _word in _words:
        SYNONYMS[_table].pop(_word, None)
for _word in ("up", "may", "in", "march", "past", "through", "right", "off", "closed", "following", "spring"):
    for _changes in CHANGES.values():
        if _word != "in":
            _changes.pop(_word, None)
CHANGES["quantifier"].pop("few", None)
CHANGES["quantifier"].pop("no", None)
