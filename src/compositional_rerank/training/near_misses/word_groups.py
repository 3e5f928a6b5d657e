"""Words of one kind, by hand: one stands for another in contents-changed near-misses."""

from __future__ import annotations

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
