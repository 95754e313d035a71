"""A product of the sample: its class, its looks, and what its pictures and name share."""

from collections.abc import Iterator
from dataclasses import dataclass

from sample.chance import Purpose, generator, pick, pick_weighted
from sample.colours import COLOURS, METALS, PATTERNS, PLAIN, RGB, USUAL, Colour
from sample.geometry import Traits
from sample.tree import DECK, Leaf

USUAL_COLOUR_SHARE = 0.66
VIEW_SHARES = ((1, 0.3), (2, 0.4), (3, 0.3))  # pictures of a product, and how often


@dataclass(frozen=True)
class Product:
    """A product.

    Attributes:
        number: counts from 0.
        second: the colour of its pattern and trims.
        metal: word and RGB of its metal parts.
        pattern: a key of `PATTERNS`.
        pitch: repeats of the pattern over the frame of the product.
        traits: 4 numbers from 0 to 1 that shape it.
        views: how many pictures it has, 1 to 3.
    """

    number: int
    leaf: Leaf
    colour: Colour
    second: Colour
    metal: tuple[str, RGB]
    pattern: str
    pitch: float
    traits: Traits
    views: int


def deal(seed: int) -> Iterator[Leaf]:
    """Yield the classes of products, without end."""
    turn = 0
    while True:
        for card in generator(Purpose.DEAL, seed, turn).permutation(len(DECK)):
            yield DECK[card]
        turn += 1


def make_product(seed: int, number: int, leaf: Leaf) -> Product:
    """Return the product, which depends only on the seed, the number and the class."""
    random = generator(Purpose.PRODUCT, seed, number)
    usual = random.random() < USUAL_COLOUR_SHARE
    colour = pick(random, USUAL.get(leaf.name, COLOURS) if usual else COLOURS)
    others = tuple(other for other in COLOURS if other != colour)
    pattern = pick_weighted(random, [(name, often) for name, (often, _) in PATTERNS.items()])
    return Product(
        number=number,
        leaf=leaf,
        colour=colour,
        second=pick(random, others),
        metal=pick(random, METALS),
        pattern="plain" if leaf.top in PLAIN else pattern,
        pitch=random.uniform(3, 6),
        traits=tuple(random.random(4).tolist()),
        views=pick_weighted(random, VIEW_SHARES),
    )
