"""Words of one kind, by hand: one stands for another in contents-changed near-misses.

Words joined by ``/`` mean about the same and never stand for one another.
"""

from __future__ import annotations

CLASSES: tuple[tuple[tuple[str, ...], ...], ...] = tuple(
    tuple(tuple(word.split("/")) for word in line.split())
    for line in """
    red blue green yellow black white brown orange purple pink grey/gray silver golden
    wooden plastic metal/steel glass stone leather cotton paper brick
    small/tiny/little large/huge/big
    striped plaid/checkered spotted plain
    dog/puppy cat/kitten horse/pony cow sheep bird elephant giraffe zebra bear monkey goat pig duck rabbit
    dogs cats horses cows birds elephants giraffes zebras bears sheep goats ducks rabbits
    lion tiger wolf fox camel kangaroo penguin parrot owl eagle seagull swan turtle lizard snake frog squirrel
    car bus truck/lorry train motorcycle/motorbike bicycle/bike van boat plane/airplane/aeroplane tractor
    cars buses trucks trains motorcycles/motorbikes bicycles/bikes vans boats planes/airplanes scooters
    skateboard surfboard snowboard sled kayak canoe sailboat ferry helicopter tram ambulance
    shirt jacket/coat hat/cap dress sweater/jumper skirt vest tie scarf helmet apron
    jeans shorts trousers/pants pyjamas leggings swimsuit uniform suit
    shoes/sneakers boots sandals gloves socks glasses goggles earrings slippers
    apple banana orange sandwich pizza cake carrot cookie salad burger/hamburger donut/doughnut muffin
    apples bananas oranges sandwiches carrots cookies cakes donuts/doughnuts grapes potatoes onions
    soup pasta/spaghetti rice bread cheese bacon chicken fish beans broccoli ham omelette
    coffee tea milk beer wine juice water lemonade
    table chair bench couch/sofa bed desk shelf stool wardrobe
    tables chairs benches couches/sofas beds desks shelves
    fork spoon knife plate bowl cup/mug bottle jug/pitcher pan pot kettle
    stove/oven refrigerator/fridge microwave toaster sink dishwasher bathtub toilet shower
    laptop phone/cellphone camera television/tv radio keyboard clock lamp printer remote
    book newspaper magazine letter map notebook
    umbrella suitcase backpack purse/handbag basket box bucket ladder wheelchair
    towel blanket pillow curtain rug mirror vase candle painting
    ball frisbee kite racket bat balloon rope whistle
    guitar piano violin drum trumpet saxophone flute accordion
    football/soccer basketball baseball tennis volleyball hockey rugby golf cricket
    man woman boy girl baby
    men women boys girls babies
    child adult
    player referee coach fan
    policeman firefighter waiter chef/cook nurse soldier farmer fisherman clown skier surfer cyclist
    beach park forest/woods street/road field/meadow desert mountain lake river city village
    kitchen bathroom bedroom garden garage office classroom hallway balcony
    bridge tower fountain statue tent barn church castle lighthouse windmill
    fence wall tree bush flower rock pond
    trees bushes flowers rocks buildings mountains clouds
    floor ceiling roof window door
    grass snow sand mud gravel concrete
    head arm leg hand shoulder back neck foot
    son daughter brother sister mother father uncle aunt
    french german english italian spanish chinese japanese russian american british indian dutch
    walking/strolling running/jogging jumping/leaping sitting/seated standing sleeping/asleep dancing swimming
    walks runs jumps sits stands sleeps dances swims climbs flies
    skiing surfing skating cycling sailing fishing climbing kneeling crouching
    eating cooking selling buying carrying throwing holding washing painting pushing pulling drinking kicking
    eats cooks sells buys carries throws holds washes paints pushes pulls drinks kicks
    smiling crying yawning shouting/yelling laughing waving singing
    king queen prince emperor president bishop general mayor
    novel poem play film song album opera
    museum school hospital library university station airport hotel restaurant supermarket
    gold copper iron lead zinc
    actor singer painter writer poet musician architect engineer lawyer doctor
    spring summer autumn winter
    won lost
    north south east west
    """.strip().splitlines()
)
COHYPONYMS: dict[str, tuple[str, ...]] = {}
for _line in CLASSES:
    for _words in _line:
        for _word in _words:
            _others = tuple(other for words in _line if words is not _words for other in words)
            COHYPONYMS.setdefault(_word, _others)
