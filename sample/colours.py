"""Colours and patterns of products, backdrops and props."""

from dataclasses import dataclass

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Colour:
    """A colour as shops sell it.

    Attributes:
        names: what shops call it, the plainest first.
        rgb: 0 to 255 each.
    """

    names: tuple[str, ...]
    rgb: RGB


BLACK = Colour(("black", "noir", "jet"), (34, 33, 36))
WHITE = Colour(("white", "optic white", "snow"), (240, 240, 238))
IVORY = Colour(("ivory", "cream", "écru"), (236, 226, 203))
GREY = Colour(("grey", "slate", "gris"), (132, 134, 138))
NAVY = Colour(("navy", "midnight blue", "ink"), (34, 44, 88))
BLUE = Colour(("blue", "cobalt", "bleu"), (48, 92, 190))
SKY = Colour(("light blue", "sky", "powder blue"), (150, 190, 224))
RED = Colour(("red", "rouge", "scarlet"), (196, 30, 44))
BERRY = Colour(("berry", "burgundy", "bordeaux"), (112, 24, 52))
CORAL = Colour(("coral", "papaya"), (236, 104, 88))
PINK = Colour(("pink", "rosé", "blush"), (234, 158, 178))
FUCHSIA = Colour(("fuchsia", "magenta"), (206, 40, 128))
ORANGE = Colour(("orange", "tangerine"), (232, 130, 40))
MUSTARD = Colour(("mustard", "ochre", "saffron"), (206, 162, 50))
GREEN = Colour(("green", "emerald", "bottle green"), (32, 112, 74))
OLIVE = Colour(("olive", "khaki", "moss"), (110, 112, 66))
MINT = Colour(("mint", "pistachio"), (168, 212, 182))
TEAL = Colour(("teal", "petrol"), (28, 112, 122))
PURPLE = Colour(("purple", "aubergine", "violet"), (96, 52, 124))
LILAC = Colour(("lilac", "lavender"), (188, 168, 216))
TAN = Colour(("tan", "cognac", "caramel"), (176, 116, 66))
BROWN = Colour(("brown", "chocolate", "café"), (88, 56, 40))
BEIGE = Colour(("beige", "sand", "nude"), (214, 188, 158))

COLOURS = (
    BLACK, WHITE, IVORY, GREY, NAVY, BLUE, SKY, RED, BERRY, CORAL, PINK, FUCHSIA, ORANGE, MUSTARD, GREEN, OLIVE,
    MINT, TEAL, PURPLE, LILAC, TAN, BROWN, BEIGE,
)  # fmt: skip

USUAL: dict[str, tuple[Colour, ...]] = {
    "lipsticks": (RED, BERRY, CORAL, PINK, FUCHSIA, BEIGE, BROWN, ORANGE, PURPLE),
    "mascaras": (BLACK, BROWN, NAVY, PURPLE, BLACK),
    "compacts": (BEIGE, PINK, IVORY, CORAL, TAN, BROWN),
    "perfumes": (BEIGE, PINK, MUSTARD, LILAC, SKY, MINT, ORANGE),
    "creams": (WHITE, IVORY, SKY, PINK, MINT),
    "serums": (TAN, WHITE, MINT, MUSTARD, SKY),
    "trousers": (BLACK, NAVY, BEIGE, GREY, BLUE, OLIVE),
    "shirts": (WHITE, SKY, BLUE, PINK, NAVY),
    "ankle boots": (BLACK, BROWN, TAN, BERRY),
    "chelsea boots": (BLACK, BROWN, TAN, NAVY),
    "candles": (IVORY, WHITE, BEIGE, PINK),
}
"""Preferred colours of a class; two products in three take theirs from here."""

METALS: tuple[tuple[str, RGB], ...] = (
    ("gold", (212, 172, 84)),
    ("silver", (190, 194, 200)),
    ("rose gold", (218, 160, 140)),
    ("gunmetal", (92, 94, 102)),
)

BACKDROPS: tuple[RGB, ...] = (
    (250, 250, 250), (245, 244, 242), (242, 243, 245), (245, 240, 234), (235, 239, 243), (243, 235, 236),
    (234, 240, 234), (228, 226, 222),
)  # fmt: skip
"""From the white of a studio to a grey wall; the first ones are taken more often."""

PROPS: tuple[RGB, ...] = (
    (212, 220, 206), (226, 214, 200), (208, 214, 224), (222, 208, 210), (190, 198, 184), (232, 226, 212),
)  # fmt: skip

PLAIN = ("beauty", "jewellery")  # top classes without patterns

PATTERNS: dict[str, tuple[float, tuple[str, ...]]] = {
    "plain": (12.0, ("", "", "", "plain", "matte")),
    "stripes": (1.4, ("striped", "stripe", "Breton-stripe")),
    "pinstripes": (0.7, ("pinstriped", "fine-stripe")),
    "dots": (1.0, ("polka-dot", "dotted", "à pois")),
    "checks": (1.0, ("checked", "gingham", "plaid")),
    "zigzag": (0.5, ("zigzag", "chevron")),
    "blotches": (0.7, ("leopard-print", "floral-print", "printed")),
    "halves": (0.7, ("two-tone", "colour-block")),
}
"""Patterns: how often a product that can be patterned has them, and their names in shops."""
