"""Word tables behind the replacing rules, by hand: each line is words | replacements, by edit type and label.

``CHANGES`` makes near-misses and ``SYNONYMS`` their meaning-preserving siblings: the same operation on the surface
(one word or phrase replaced), the other label.
"""

from __future__ import annotations

Table = dict[str, list[tuple[str, ...]]]


def _pairs(text: str, both_ways: bool = True) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        sides = [[w.strip() for w in side.split(",")] for side in line.split("|")]
        for i, side in enumerate(sides):
            for j, other in enumerate(sides):
                if i != j and (both_ways or i < j):
                    for word in side:
                        table.setdefault(word, []).extend(w for w in other if w not in table.get(word, []))
    return table


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

CONTENT_SYNONYMS = _pairs(
    """
    man | guy, gentleman
    woman | lady
    child | kid
    children | kids
    boy | young boy
    men | guys
    women | ladies
    people | persons
    bike | bicycle
    bikes | bicycles
    car | automobile
    cars | automobiles
    couch | sofa
    tv | television
    phone | telephone
    photo | photograph, picture
    photos | photographs, pictures
    street | road
    shop | store
    shops | stores
    film | movie
    films | movies
    plane | airplane, aircraft
    boat | small ship
    hat | head covering
    sidewalk | pavement
    forest | woods
    ocean | sea
    beach | seashore
    stone | rock
    doctor | physician
    lawyer | attorney
    teacher | instructor
    pupil | student
    author | writer
    city | town
    country | nation
    countries | nations
    war | armed conflict
    battle | fight
    job | occupation
    company | firm
    companies | firms
    area | region
    areas | regions
    house | home
    building | structure
    buildings | structures
    law | statute
    method | approach
    result | outcome
    results | outcomes
    purpose | aim, goal
    start | begin
    starts | begins
    end | finish
    ends | finishes
    buy | purchase
    bought | purchased
    sell | market
    help | assist, aid
    helped | assisted, aided
    show | display
    shows | displays
    showed | displayed
    build | construct
    built | constructed
    need | require
    needs | requires
    use | employ, make use of
    used | employed, made use of
    uses | employs, makes use of
    get | obtain
    got | obtained
    choose | select, pick
    chose | selected, picked
    chosen | selected, picked
    call | name
    called | named
    created | made
    founded | established, set up
    wrote | authored, penned
    died | passed away
    watches | looks at
    watching | looking at
    holding | carrying
    holds | carries
    jumping | leaping
    jumps | leaps
    running | sprinting
    smiling | grinning
    speaking | talking
    shouting | yelling
    walking | strolling
    big | large
    small | little
    beautiful | lovely, pretty
    fast | quick, rapid
    quickly | rapidly, fast
    slowly | at a slow pace
    happy | glad, joyful
    angry | mad
    important | significant
    famous | well-known, renowned
    rich | wealthy
    old | elderly, aged
    difficult | hard
    easy | simple
    entire | whole
    main | principal, primary
    wrong | incorrect
    correct | right
    strange | odd, weird
    empty | vacant
    sick | ill
    begin | start
    many | lots of
    also | as well, too
    such as | like, for example
    in order to | to
    due to | because of, owing to
    located | situated
    approximately | about, around
    according to | as stated by
    known as | called
    regarded as | considered
    became | turned into
    received | got, was given
    won | gained, secured
    about | concerning
    however | nevertheless
    therefore | thus, hence
    including | among them
    various | different
    was born in | came into the world in
    per year | a year, annually
    the united states | the us, the usa, america
    the united kingdom | the uk, britain
    young | youthful
    man in | man wearing
    woman in | woman wearing
    standing in | standing inside
    takes place | happens, occurs
    took place | happened, occurred
    a group of people | several people
    """
)
for _bad in ("one", "mad", "hard", "right", "fast", "market", "mean", "made", "like", "to", "as", "us", "home", "hold",
             "about", "gained", "around", "a year", "in", "carrying", "carries", "talking", "construct", "use",
             "different", "begin", "starts", "ends", "end", "aged", "small ship", "head covering", "young boy",
             "elderly", "employed", "employs", "employ", "by the side of", "name", "named", "fight",
             "too", "mark", "pick", "hence", "thus", "got", "among them", "for example", "simple",
             "several people", "structure", "structures", "whole", "turned into", "display", "displays"):  # fmt: skip
    CONTENT_SYNONYMS.pop(_bad, None)
for _table, _words in (
    ("temporal", ("in", "now", "following", "during the year", "today")),
    ("numeric", ("double", "over", "under", "below", "two", "rose", "fell", "grew", "declined", "million", "about")),
    ("quantifier", ("some", "the two", "just", "about", "around", "each", "both", "normally", "many times")),
    ("spatial", ("on", "outside", "out of", "across", "north", "opposite", "around", "into", "northern")),
    ("negation", ("as", "since", "because", "not any more", "did not", "would not", "rare", "however", "can not",
                  "wrong", "no longer", "alive", "did not include", "cannot", "does not have", "do not have",
                  "not there", "not once", "nevertheless", "unable to", "unfinished")),
):  # fmt: skip
    for _word in _words:
        SYNONYMS[_table].pop(_word, None)
for _word in ("up", "may", "in", "march", "past", "through", "right", "off", "closed", "following", "spring"):
    for _changes in CHANGES.values():
        if _word != "in":
            _changes.pop(_word, None)
CHANGES["quantifier"].pop("few", None)
CHANGES["quantifier"].pop("no", None)

ANTONYMS = _pairs(
    """
    big, large | small, tiny
    tall | short
    long | short
    old | young, new
    hot | cold
    warm | cool
    wet | dry
    rich | poor
    fast | slow
    strong | weak
    heavy | light
    high | low
    wide | narrow
    hard | soft
    clean | dirty
    empty | full
    dark | bright
    early | late
    happy | sad
    good | bad
    cheap | expensive
    easy | difficult
    loud | quiet
    public | private
    male | female
    major | minor
    local | foreign
    modern | traditional
    thick | thin
    smooth | rough
    simple | complex
    native | foreign
    deep | shallow
    famous | unknown
    """
)
CLASSES: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split())
    for line in """
    red blue green yellow black white brown orange purple pink grey gray silver golden
    wooden plastic metal glass stone leather cotton paper brick steel
    small large tiny huge big
    striped plaid spotted checkered plain
    dog cat horse cow sheep bird elephant giraffe zebra bear monkey goat pig duck
    dogs cats horses cows birds elephants giraffes zebras bears sheep goats
    car bus truck train motorcycle bicycle bike van boat plane taxi tractor scooter
    cars buses trucks trains motorcycles bicycles bikes vans boats planes
    shirt jacket coat hat dress sweater skirt vest tie scarf helmet hoodie
    apple banana orange sandwich pizza cake carrot cookie salad burger
    apples bananas oranges sandwiches carrots cookies cakes
    table chair bench couch bed desk shelf sofa stool
    guitar piano violin drum trumpet saxophone flute accordion
    football soccer basketball baseball tennis volleyball hockey rugby golf
    man woman boy girl
    men women boys girls
    beach park forest street field desert mountain lake river city village kitchen garden
    son daughter brother sister mother father uncle aunt
    french german english italian spanish chinese japanese russian american british indian dutch
    walking running jumping sitting standing sleeping dancing swimming climbing kneeling
    walks runs jumps sits stands sleeps dances swims climbs
    eating cooking selling buying carrying throwing holding washing painting pushing pulling
    king queen prince emperor president bishop general mayor
    novel poem play film song album opera
    museum school hospital church library university station airport hotel castle
    gold silver copper iron lead zinc
    actor singer painter writer poet musician architect engineer lawyer doctor
    won lost
    north south east west
    """.strip().splitlines()
)
COHYPONYMS: dict[str, tuple[str, ...]] = {}
for _line in CLASSES:
    for _word in _line:
        COHYPONYMS.setdefault(_word, tuple(w for w in _line if w != _word))
