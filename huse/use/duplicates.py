"""The same product twice in a shop: by nearly the same picture, by nearly the same name, or by both.

Nothing here asks the model, for which two shirts of one kind are nearly the same. A copy of a picture is a copy part by
part (`huse.vision.miniatures`), and one of a name word by word (`huse.use.same_names`).

Letters: R rows of products.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from huse.errors import InputError
from huse.storage import Place, at
from huse.use.same_names import same_names, says_the_same
from huse.vision.limits import MOST_PIXELS
from huse.vision.miniatures import Bytes, Floats, difference, miniatures, near_pairs

BOTH, PICTURE, NAME = BY = ("picture and name", "picture", "name")  # the surest first


@dataclass(frozen=True)
class Pair:
    """Two products that may be the same one.

    Attributes:
        difference: of their nearest pictures, in steps of 256; None where one has none.
        by: one of `BY`.
    """

    difference: float | None
    by: str

    @property
    def nearness(self) -> float:
        """The difference; that of no pictures is the greatest."""
        return np.inf if self.difference is None else self.difference


@dataclass(frozen=True)
class Group:
    """Products that may be one.

    Attributes:
        products: ids; each of the others makes a pair with the first.
        pairs: of each of the others with the first.
        by: the surest of the pairs.
    """

    products: list[str]
    pairs: list[Pair]

    @property
    def by(self) -> str:
        """The surest of the pairs' reasons."""
        return min((pair.by for pair in self.pairs), key=BY.index)


@dataclass(frozen=True)
class Found:
    """Groups, the surest first, and what could not be compared.

    Attributes:
        groups: the surest first.
        unread: pictures that cannot be read.
    """

    groups: list[Group]
    unread: list[Place]


def find_duplicates(rows: pd.DataFrame, folder: Place, *, steps: float, asked: set[str] | None = None) -> Found:
    """Find products that may be the same one.

    Args:
        rows: R rows with `product`, `image` and `name`; an empty image or name is none.
        folder: that paths of pictures are relative to.
        steps: of 256, by which two pictures may differ; see `huse.vision.miniatures.difference`.
        asked: ids of products; groups without any of them are left out. None: all groups count.

    Raises:
        InputError: `steps` is out of range.
    """
    if not 0 <= steps <= 255:
        raise InputError(f"steps: expected 0 to 255, found {steps:g}.")
    numbers, ids = pd.factorize(rows["product"])
    shown = _shown(rows["image"], numbers)
    paths = [at(folder, image) for image in shown["value"].tolist()]
    minis, failed = miniatures(paths, MOST_PIXELS)
    readable = np.setdiff1d(np.arange(len(paths)), failed)
    seen = _Seen(minis[readable], shown["product"].to_numpy()[readable])
    named = _shown(rows["name"], numbers)
    said = _Said(named["value"].tolist(), named["product"].to_numpy())
    judged = {}
    for one, other in {**dict.fromkeys(seen.pairs(steps)), **dict.fromkeys(said.pairs())}:
        apart, same = seen.between(one, other), said.between(one, other)
        near = apart is not None and apart <= steps
        judged[one, other] = Pair(apart, BOTH if near and same else PICTURE if near else NAME)
    groups = [
        Group([str(ids[head]), *(str(ids[each]) for each, _ in others)], [pair for _, pair in others])
        for head, others in _grouped(judged)
    ]
    if asked is not None:
        groups = [group for group in groups if not asked.isdisjoint(group.products)]
    groups.sort(key=lambda group: (BY.index(group.by), min(pair.nearness for pair in group.pairs)))
    return Found(groups, [paths[number] for number in failed])


def _shown(values: "pd.Series[str]", products: Any) -> pd.DataFrame:
    """Return what different values each product has, with its number."""
    table = pd.DataFrame({"product": products, "value": values.to_numpy()}, dtype=object)
    return table[table["value"] != ""].drop_duplicates(ignore_index=True)


class _Seen:
    """The pictures of products."""

    def __init__(self, minis: Bytes, products: Any) -> None:
        self._minis, self._products = minis, products
        self._of = _places(products)

    def pairs(self, most: float) -> Iterator[tuple[int, int]]:
        found, _ = near_pairs(self._minis, most)
        yield from _of_products(self._products[found])

    def between(self, one: int, other: int) -> float | None:
        some, others = self._of.get(one), self._of.get(other)
        if some is None or others is None:
            return None
        left, right = (each.ravel() for each in np.meshgrid(some, others))
        apart: Floats = difference(self._minis[left], self._minis[right])
        return float(apart.min())


class _Said:
    """The names of products."""

    def __init__(self, names: list[str], products: Any) -> None:
        self._names, self._products = names, products
        self._of = _places(products)

    def pairs(self) -> Iterator[tuple[int, int]]:
        yield from _of_products(self._products[same_names(self._names)])

    def between(self, one: int, other: int) -> bool:
        some, others = self._of.get(one, []), self._of.get(other, [])
        return any(says_the_same(self._names[left], self._names[right]) for left in some for right in others)


def _places(products: Any) -> dict[int, list[int]]:
    places: dict[int, list[int]] = {}
    for place, product in enumerate(products.tolist()):
        places.setdefault(product, []).append(place)
    return places


def _of_products(pairs: Any) -> Iterator[tuple[int, int]]:
    for one, other in pairs.tolist():
        if one != other:
            yield min(one, other), max(one, other)


def _grouped(pairs: dict[tuple[int, int], Pair]) -> Iterator[tuple[int, list[tuple[int, Pair]]]]:
    """Yield products with those near them; each is in one group at most.

    The product with most pairs comes first, of several the earliest. So no chain of small steps joins what differs.
    """
    near: dict[int, dict[int, Pair]] = {}
    for (one, other), pair in pairs.items():
        near.setdefault(one, {})[other] = pair
        near.setdefault(other, {})[one] = pair
    taken: set[int] = set()
    for head in sorted(near, key=lambda each: (-len(near[each]), each)):
        others = sorted(each for each in near[head] if each not in taken)
        if head not in taken and others:
            taken |= {head, *others}
            yield head, [(each, near[head][each]) for each in others]
