"""What the model decides for a product: its class, and how far down the class tree that is sure.

Letters: N products, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from huse.descent import Kinds, Point, descend, hedge, kinds_of
from huse.taxonomy import LEVEL_SEPARATOR, ClassTree

Floats = npt.NDArray[np.float32]


class ClassProbability(NamedTuple):
    """A class and its probability."""

    class_path: str
    probability: float


@dataclass(frozen=True)
class Decision:
    """What the model makes of a product; empty texts and None where it has nothing to go by.

    Attributes:
        class_path: the most probable class by all that the product has.
        probability: of it.
        second: the next class; empty where the model has only one.
        second_probability: of it.
        by_picture: the most probable class by the pictures alone.
        by_name: by the names alone.
        node: how far down the tree the model is sure, such as ``shoes`` of ``shoes<boots``; empty: nowhere. Where no
            precision is asked for, the class.
        node_probability: the sum over the classes at and below the node.
        remarks: which pictures or names were left out, and why, one each.
    """

    class_path: str = ""
    probability: float | None = None
    second: str = ""
    second_probability: float | None = None
    by_picture: str = ""
    by_name: str = ""
    node: str = ""
    node_probability: float | None = None
    remarks: tuple[str, ...] = ()

    @property
    def agree(self) -> bool | None:
        """Whether picture and name say the same class; None where one of them says none."""
        return self.by_picture == self.by_name if self.by_picture and self.by_name else None


def ranked(probabilities: Floats, paths: list[str], top: int) -> list[list[ClassProbability]]:
    """Return the `top` most probable classes of each of N × C rows, the most probable first; none of a row of NaN."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [
        [] if np.isnan(row).any() else [ClassProbability(paths[place], float(row[place])) for place in places]
        for row, places in zip(probabilities, order, strict=True)
    ]


def decisions(
    probabilities: Floats,
    by_picture: list[str],
    by_name: list[str],
    *,
    tree: ClassTree,
    chosen: Mapping[str, Point | None] | None,
    remarks: Mapping[int, list[str]],
) -> list[Decision]:
    """Return the decision on each of N products.

    Args:
        probabilities: N × C by all that a product has; NaN where it has nothing.
        by_picture: N class paths by the pictures alone; empty where there is none.
        by_name: the same by the names.
        tree: of the C classes.
        chosen: thresholds, by what a product has; see `huse.descent.hedge`. None: the node is the class.
        remarks: by number of the product.
    """
    kinds = kinds_of(np.array(by_picture) != "", np.array(by_name) != "")
    known = np.flatnonzero(~np.isnan(probabilities[:, 0]))
    fused = dict(zip(known.tolist(), _by_all(probabilities[known], kinds[known], tree, chosen), strict=True))
    return [
        Decision(
            **fused.get(number, {}),
            by_picture=by_picture[number],
            by_name=by_name[number],
            remarks=tuple(remarks.get(number, ())),
        )
        for number in range(len(probabilities))
    ]


def _by_all(
    probabilities: Floats, kinds: Kinds, tree: ClassTree, chosen: Mapping[str, Point | None] | None
) -> list[dict[str, Any]]:
    """Return the fields of a `Decision` that N × C probabilities tell, for each of N products."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    descent = descend(probabilities, tree)
    depths = descent.classes * 0 if chosen is None else hedge(descent, kinds, chosen)
    decided = []
    for row, places, way, sums, depth in zip(
        probabilities, order, descent.classes, descent.probabilities, depths.tolist(), strict=True
    ):
        fields = {"class_path": _path(tree, places[0]), "probability": float(row[places[0]])}
        if len(tree) > 1:
            fields |= {"second": _path(tree, places[1]), "second_probability": float(row[places[1]])}
        if chosen is None:
            fields |= {"node": fields["class_path"], "node_probability": fields["probability"]}
        elif depth:
            node = LEVEL_SEPARATOR.join(tree.paths[way][:depth])
            fields |= {"node": node, "node_probability": float(sums[depth - 1])}
        decided.append(fields)
    return decided


def best(probabilities: Floats, paths: list[str]) -> list[str]:
    """Return the most probable class of each of N × C rows; empty for a row of NaN."""
    known = ~np.isnan(probabilities[:, 0])
    return [paths[row.argmax()] if is_known else "" for row, is_known in zip(probabilities, known, strict=True)]


def _path(tree: ClassTree, place: int) -> str:
    return LEVEL_SEPARATOR.join(tree.paths[place])
