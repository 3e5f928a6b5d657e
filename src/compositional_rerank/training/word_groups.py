"""Words of one kind, by hand: one in another's place changes what a sentence says.

Words joined by ``/`` say about the same, spaces in them are ``_``; words of different groups of a line
exclude each other, or nearly so, in one place of a caption.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LINES = """
    on_top_of/atop next_to/beside/alongside/adjacent_to under/beneath/underneath/below behind in_front_of
    inside outside above
    on under behind next_to above near
    in outside_of next_to behind on_top_of
    near/close_to far_from/far_away_from across_from/opposite around on_top_of above inside
    before after during
    into out_of past
    standing sitting/seated lying/lying_down kneeling crouching/squatting walking/strolling running/sprinting
    jumping/leaping climbing swimming dancing skiing surfing skating cycling sailing fishing hiking diving
    walks runs jumps sits stands sleeps dances swims climbs flies
    eating cooking selling/vending buying/purchasing washing/cleaning cutting/slicing serving smelling
    holding/gripping carrying throwing/tossing catching kicking hitting/striking pushing/shoving
    reading writing painting drawing photographing
    watching/observing ignoring following/trailing chasing/running_after feeding petting/stroking
    talking_to/speaking_to/chatting_with waving_at pointing_at laughing_at looking_at/gazing_at listening_to
    riding driving fixing/repairing washing pushing
    eats cooks sells buys carries throws holds washes paints pushes pulls drinks kicks
    smiling frowning crying yawning shouting/yelling laughing singing
    red/crimson blue green yellow orange purple/violet pink brown black white grey/gray beige/tan
    wooden metal plastic glass stone brick leather paper concrete ceramic
    big/large/huge small/little/tiny
    tall short
    long short
    young old/elderly middle-aged
    round/circular square triangular oval rectangular
    open closed/shut
    empty full/filled
    dirty/filthy clean/spotless
    wet/soaked dry
    happy/cheerful sad/unhappy angry/furious bored
    striped spotted/dotted checkered/plaid plain floral/flowered
    sunny cloudy/overcast rainy snowy foggy
    crowded/busy deserted/empty
    fresh rotten frozen fried grilled raw baked sliced
    bright dark/dim
    hot cold
    one two/2 three/3 four/4 five/5 six/6 seven/7
    left right
    indoors outdoors
    dog cat horse cow sheep bird elephant giraffe zebra bear monkey goat pig duck rabbit
    dogs cats horses cows birds elephants giraffes zebras bears sheep goats ducks rabbits
    car bus truck/lorry train motorcycle/motorbike bicycle/bike van boat plane/airplane tractor
    skateboard surfboard snowboard sled kayak canoe sailboat ferry helicopter
    shirt jacket/coat hat/cap dress sweater/jumper skirt vest tie scarf helmet apron
    jeans shorts trousers/pants swimsuit uniform suit
    shoes/sneakers boots sandals gloves socks glasses goggles
    apple banana orange sandwich pizza cake carrot cookie salad burger/hamburger donut/doughnut
    soup pasta/spaghetti rice bread cheese chicken fish beans broccoli
    coffee tea milk beer wine juice lemonade
    table chair bench couch/sofa bed desk shelf stool
    fork spoon knife plate bowl cup/mug bottle jug/pitcher pan pot kettle
    laptop phone/cellphone camera television/tv radio keyboard clock lamp printer
    book newspaper magazine letter map notebook
    umbrella suitcase backpack purse/handbag basket box bucket ladder
    towel blanket pillow curtain rug mirror vase candle
    ball frisbee kite racket bat balloon rope
    guitar piano violin drum trumpet saxophone flute accordion
    football/soccer basketball baseball tennis volleyball hockey rugby golf cricket
    man woman boy girl baby
    men women boys girls children/kids
    player referee coach fan
    policeman firefighter waiter chef nurse soldier farmer fisherman clown surfer cyclist
    beach park forest/woods street/road field/meadow desert mountain lake river
    kitchen bathroom bedroom garden garage office classroom balcony
    bridge tower fountain statue tent barn church castle
    fence wall tree bush rock pond
    grass snow sand mud gravel concrete
    floor ceiling roof
    morning afternoon evening night
    spring summer autumn winter
    north south east west
    doctor/physician lawyer/attorney teacher engineer singer painter poet architect
    museum school hospital library university airport hotel restaurant supermarket
    always/invariably often/frequently sometimes/occasionally rarely/seldom never
    all_of_the/every_one_of_the most_of_the/the_majority_of_the some_of_the few_of_the none_of_the
    increases decreases
    increased decreased/declined
    more_than less_than exactly
    at_least at_most/up_to
    older younger
    bigger/larger smaller
    faster/quicker slower
    cheaper dearer/more_expensive
    better worse
    allowed/permitted forbidden/prohibited
    accepted rejected/refused
    bought/purchased sold
    borrowed lent
    won lost
    arrived departed
    remembered forgot
    with without
    can cannot
    possible impossible
    likely/probable unlikely/improbable
"""


class Exchange(NamedTuple):
    """A word of a text that has others of its kind: its characters, what says the same, what does not."""

    start: int
    stop: int
    same: tuple[str, ...]
    others: tuple[str, ...]


def exchanges(text: str) -> list[Exchange]:
    """Words of a text that have a group here, in their order.

    Example:
        >>> [(one.same, one.others[:2]) for one in exchanges("A huge tent.")][0]
        (('big', 'large'), ('small', 'little'))
    """
    words = list(_WORD.finditer(text))
    found = []
    for place, first in enumerate(words):
        for phrase in _BEGINNINGS.get(first.group().lower(), ()):
            last = place + phrase.count(" ")
            if last < len(words) and text[first.start() : words[last].end()].lower() == phrase:
                places = first.start(), words[last].end()
                found += [Exchange(*places, same, others) for same, others in _GROUPS[phrase]]
                break
    return found


def _groups() -> dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]:
    found: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for line in _LINES.split("\n"):
        groups = [group.replace("_", " ").split("/") for group in line.split()]
        for place, group in enumerate(groups):
            others = tuple(word for other in (*groups[:place], *groups[place + 1 :]) for word in other)
            for word in group:
                found.setdefault(word, []).append((tuple(one for one in group if one != word), others))
    return found


_GROUPS = _groups()
_BEGINNINGS: dict[str, list[str]] = {}  # first word -> phrases, the longest first
for _phrase in sorted(_GROUPS, key=len, reverse=True):
    _BEGINNINGS.setdefault(_phrase.split()[0], []).append(_phrase)
_WORD = re.compile(r"[\w'-]+")
