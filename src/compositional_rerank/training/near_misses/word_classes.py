"""Synonyms, antonyms and co-hyponyms of content words, by hand."""

from __future__ import annotations


def pairs(text: str, both_ways: bool = True) -> dict[str, list[str]]:
    """Read ``word, word | word`` lines: every word maps to the words of the other sides."""
    table: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        sides = [[w.strip() for w in side.split(",")] for side in line.split("|")]
        for i, side in enumerate(sides):
            for j, other in enumerate(sides):
                if i != j and (both_ways or i < j):
                    for word in side:
                        table.setdefault(word, []).extend(w for w in other if w not in table.get(word, []))
    return table


CONTENT_SYNONYMS = pairs(
    """
    man | guy, gentleman
    woman | lady
    child | kid
    children | kids
    boy | young boy
    men | guys
    women | ladies
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
    doctor | physician
    lawyer | attorney
    teacher | instructor
    pupil | student
    author | writer
    country | nation
    countries | nations
    area | region
    areas | regions
    house | home
    building | structure
    buildings | structures
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
    shows | displays
    showed | displayed
    build | construct
    built | constructed
    needs | requires
    use | employ, make use of
    used | employed, made use of
    uses | employs, makes use of
    get | obtain
    got | obtained
    choose | select, pick
    chose | selected, picked
    chosen | selected, picked
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
    in order to | to
    due to | because of, owing to
    located | situated
    approximately | about, around
    according to | as stated by
    known as | called
    regarded as | considered
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
    man in | man wearing
    woman in | woman wearing
    standing in | standing inside
    takes place | happens, occurs
    took place | happened, occurred
    a group of people | several people
    """
)
for _bad in (
    "one",
    "mad",
    "hard",
    "right",
    "fast",
    "market",
    "mean",
    "made",
    "like",
    "to",
    "as",
    "us",
    "home",
    "hold",
    "about",
    "gained",
    "around",
    "a year",
    "in",
    "carrying",
    "carries",
    "talking",
    "construct",
    "use",
    "different",
    "begin",
    "starts",
    "ends",
    "end",
    "aged",
    "small ship",
    "head covering",
    "young boy",
    "elderly",
    "employed",
    "employs",
    "employ",
    "by the side of",
    "name",
    "named",
    "fight",
    "too",
    "mark",
    "pick",
    "hence",
    "thus",
    "got",
    "among them",
    "for example",
    "simple",
    "several people",
    "structure",
    "structures",
    "whole",
    "turned into",
    "display",
    "displays",
):
    CONTENT_SYNONYMS.pop(_bad, None)

ANTONYMS = pairs(
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
