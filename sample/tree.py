"""The class tree of the sample: three levels, how often each leaf occurs, and its shape."""

from collections.abc import Callable
from dataclasses import dataclass

from sample import clothes, leather, small
from sample.geometry import Part, Traits


@dataclass(frozen=True)
class Leaf:
    """A leaf class.

    Attributes:
        top: first level, such as ``clothing``.
        middle: second level.
        name: third level; unique in the tree.
        weight: products of this class in one deal of `DECK`; the spread of the weights is the long tail.
        draw: returns the parts of a product with these traits, back to front.
    """

    top: str
    middle: str
    name: str
    weight: int
    draw: Callable[[Traits], list[Part]]

    @property
    def path(self) -> str:
        """The class path as the catalogue writes it, coarse to fine."""
        return f"{self.top}<{self.middle}<{self.name}"


LEAVES = (
    Leaf("clothing", "tops", "t-shirts", 24, clothes.t_shirt),
    Leaf("clothing", "tops", "shirts", 16, clothes.shirt),
    Leaf("clothing", "tops", "sweaters", 7, clothes.sweater),
    Leaf("clothing", "dresses", "day dresses", 8, clothes.day_dress),
    Leaf("clothing", "dresses", "evening dresses", 5, clothes.evening_dress),
    Leaf("clothing", "bottoms", "trousers", 9, clothes.trousers),
    Leaf("clothing", "bottoms", "skirts", 3, clothes.skirt),
    Leaf("clothing", "bottoms", "shorts", 3, clothes.shorts),
    Leaf("clothing", "outerwear", "jackets", 5, clothes.jacket),
    Leaf("clothing", "outerwear", "coats", 4, clothes.coat),
    Leaf("shoes", "flats", "sneakers", 13, leather.sneaker),
    Leaf("shoes", "heels", "pumps", 8, leather.pump),
    Leaf("shoes", "boots", "ankle boots", 4, leather.ankle_boot),
    Leaf("shoes", "boots", "chelsea boots", 3, leather.chelsea_boot),
    Leaf("bags", "day bags", "shoulder bags", 7, leather.shoulder_bag),
    Leaf("bags", "carry bags", "totes", 5, leather.tote),
    Leaf("bags", "carry bags", "shoppers", 3, leather.shopper),
    Leaf("bags", "evening bags", "clutches", 4, leather.clutch),
    Leaf("beauty", "makeup", "lipsticks", 10, small.lipstick),
    Leaf("beauty", "makeup", "mascaras", 3, small.mascara),
    Leaf("beauty", "makeup", "compacts", 3, small.compact),
    Leaf("beauty", "fragrance", "perfumes", 5, small.perfume),
    Leaf("beauty", "skincare", "creams", 3, small.cream),
    Leaf("beauty", "skincare", "serums", 3, small.serum),
    Leaf("jewellery", "neck and ears", "earrings", 8, small.earrings),
    Leaf("jewellery", "neck and ears", "necklaces", 4, small.necklace),
    Leaf("jewellery", "wrist", "watches", 3, small.watch),
    Leaf("jewellery", "wrist", "cufflinks", 3, small.cufflinks),
    Leaf("home", "living", "cushions", 3, clothes.cushion),
    Leaf("home", "living", "candles", 3, small.candle),
    Leaf("home", "table", "mugs", 3, small.mug),
    Leaf("home", "table", "vases", 3, small.vase),
)

DECK = tuple(leaf for leaf in LEAVES for _ in range(leaf.weight))
"""Every leaf as often as its weight; dealt without replacement, so that every class occurs."""
