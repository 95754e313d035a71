"""The class tree of the sample: three levels, and how often each leaf occurs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Leaf:
    """A leaf class.

    Attributes:
        top: first level, such as ``clothing``.
        middle: second level.
        name: third level; unique in the tree.
        weight: products of this class in one deal of `DECK`; the spread of the weights is the long tail.
    """

    top: str
    middle: str
    name: str
    weight: int

    @property
    def path(self) -> str:
        """The class path as the catalogue writes it, coarse to fine."""
        return f"{self.top}<{self.middle}<{self.name}"


LEAVES = (
    Leaf("clothing", "tops", "t-shirts", 24),
    Leaf("clothing", "tops", "shirts", 16),
    Leaf("clothing", "tops", "sweaters", 7),
    Leaf("clothing", "dresses", "day dresses", 8),
    Leaf("clothing", "dresses", "evening dresses", 5),
    Leaf("clothing", "bottoms", "trousers", 9),
    Leaf("clothing", "bottoms", "skirts", 3),
    Leaf("clothing", "bottoms", "shorts", 3),
    Leaf("clothing", "outerwear", "jackets", 5),
    Leaf("clothing", "outerwear", "coats", 4),
    Leaf("shoes", "flats", "sneakers", 13),
    Leaf("shoes", "heels", "pumps", 8),
    Leaf("shoes", "boots", "ankle boots", 4),
    Leaf("shoes", "boots", "chelsea boots", 3),
    Leaf("bags", "day bags", "shoulder bags", 7),
    Leaf("bags", "carry bags", "totes", 5),
    Leaf("bags", "carry bags", "shoppers", 3),
    Leaf("bags", "evening bags", "clutches", 4),
    Leaf("beauty", "makeup", "lipsticks", 10),
    Leaf("beauty", "makeup", "mascaras", 3),
    Leaf("beauty", "makeup", "compacts", 3),
    Leaf("beauty", "fragrance", "perfumes", 5),
    Leaf("beauty", "skincare", "creams", 3),
    Leaf("beauty", "skincare", "serums", 3),
    Leaf("jewellery", "neck and ears", "earrings", 8),
    Leaf("jewellery", "neck and ears", "necklaces", 4),
    Leaf("jewellery", "wrist", "watches", 3),
    Leaf("jewellery", "wrist", "cufflinks", 3),
    Leaf("home", "living", "cushions", 3),
    Leaf("home", "living", "candles", 3),
    Leaf("home", "table", "mugs", 3),
    Leaf("home", "table", "vases", 3),
)

DECK = tuple(leaf for leaf in LEAVES for _ in range(leaf.weight))
"""Every leaf as often as its weight; dealt without replacement, so that every class occurs."""
