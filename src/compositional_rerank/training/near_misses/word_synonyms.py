"""Phrases of the closed classes that mean the same, by edit type, by hand."""

from __future__ import annotations

from .word_classes import pairs as _pairs

SYNONYMS: dict[str, dict[str, list[str]]] = {
    "spatial": _pairs(
        """
        next to | beside, alongside, by the side of
        under | underneath, beneath
        near | close to, not far from
        on top of | on, atop
        inside | within
        into | inside
        across from | opposite
        northern | north
        to the left of | on the left side of
        to the right of | on the right side of
        in the middle of | in the centre of, in the center of
        around | all around
        outside | out of
        toward | towards, in the direction of
        throughout | all over, across
        """
    ),
    "temporal": _pairs(
        """
        before | prior to, ahead of
        after | following
        during | in the course of
        currently | at present, presently, at the moment, now
        formerly | previously, in the past
        later | afterwards, at a later time
        in | during the year
        began | started, commenced
        begins | starts
        ended | finished, came to an end
        annual | yearly
        annually | every year, once a year
        daily | every day
        weekly | every week
        recently | lately, not long ago
        initially | at first, in the beginning
        finally | in the end, eventually
        today | nowadays
        soon | shortly, before long
        simultaneously | at the same time
        """
    ),
    "quantifier": _pairs(
        """
        all of the | all the, every one of the
        most of the | the majority of the
        many | numerous, a lot of, a large number of
        several | a number of, some
        a few | a small number of, a handful of
        few | not many, hardly any
        always | at all times, invariably
        never | at no time, not once
        often | frequently, many times
        rarely | seldom, hardly ever
        usually | normally, generally, as a rule
        sometimes | occasionally, at times, now and then
        everyone | everybody
        nobody | no one
        someone | somebody
        mostly | mainly, for the most part
        completely | entirely, totally
        both | the two
        only | just, solely
        almost all | nearly all
        about | around, approximately, roughly
        """
    ),
    "numeric": _pairs(
        """
        more than | over, in excess of
        less than | under, below
        at least | no less than, a minimum of
        at most | no more than, up to, a maximum of
        a dozen | twelve
        a decade | ten years
        a century | one hundred years, a hundred years
        twice | two times
        a couple of | two
        half of | fifty percent of, 50% of
        a quarter of | 25% of
        a pair of | two
        double | twice
        increased | rose, went up, grew
        decreased | fell, went down, declined, dropped
        increase | rise
        approximately | about, roughly
        million | 1,000,000
        """
    ),
    "negation": _pairs(
        """
        unable to | not able to
        unsafe | not safe
        illegal | not legal, against the law
        impossible | not possible
        unlikely | not likely
        unknown | not known
        forbidden | not allowed, prohibited, not permitted
        allowed | permitted
        incorrect | not correct, wrong
        false | not true, untrue
        unavailable | not available
        unnecessary | not necessary, not needed
        absent | not present, not there
        incomplete | not complete, unfinished
        ineffective | not effective
        unhappy | not happy
        uncommon | not common, rare
        unusual | not usual, out of the ordinary
        without | with no, lacking
        failed to | did not
        lacks | does not have
        lack | do not have
        lacked | did not have
        no longer | not any more
        excludes | does not include
        excluded | did not include
        alive | not dead
        cannot | can not, is not able to
        although | even though, though
        because | since, as
        despite | in spite of
        however | nevertheless
        refused to | would not
        """
    ),
}
