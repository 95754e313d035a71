"""An encoder of labels by their place in the class tree.

Letters: N labels, F features, one for each node that tells labels apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import CONFIG, read_config, write_config
from huse.errors import InputError
from huse.taxonomy import Node


@dataclass(frozen=True)
class TreeEncoder:
    """Vectors ψ with ‖ψ_k - ψ_l‖² = 2 A_kl, with A the hops between two labels divided by the largest.

    One feature a node: √(2 / largest hops) if the node is the label's or lies above it, else 0. Every edge between two
    nodes adds the same to the squared distance, so it is exact at any depth. If all labels are equally deep, the
    vectors have unit length and ψ_k · ψ_l = 1 - A_kl, as in Barz & Denzler 2019 (arXiv 1809.09924) up to a rotation;
    with unequal depths no vectors have these inner products. Nodes above all labels change no distance and are left
    out.

    A label at several nodes has the mean of their vectors. Its A is the smallest distance, which vectors cannot express
    in general; theirs is at most the mean over the pairs of nodes.

    Attributes:
        places: the nodes of each label, in an order that decides the order of the features.
        largest_hops: between two of the labels, at least 1.
    """

    family: ClassVar[str] = "tree"

    places: Mapping[str, Sequence[Node]]
    largest_hops: int

    @property
    def dimension(self) -> int:
        """F."""
        return len(self._features)

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {"family": self.family, "dimension": self.dimension, "largest_hops": self.largest_hops}

    @cached_property
    def _features(self) -> dict[Node, int]:
        """The number of each node's feature."""
        nodes = [node for places in self.places.values() for node in places]
        shared = 0  # levels shared by all labels, at which none ends
        while len({node[: shared + 1] for node in nodes}) == 1 and all(len(node) > shared + 1 for node in nodes):
            shared += 1
        above = (node[:depth] for node in nodes for depth in range(shared + 1, len(node) + 1))
        return {node: number for number, node in enumerate(dict.fromkeys(above))}

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode labels.

        Returns:
            N × F float32, none zero; different labels of the tree have different vectors.

        Raises:
            InputError: a label is not in the tree; names the first.
        """
        vectors = np.zeros((len(items), self.dimension), np.float32)
        for row, label in enumerate(items):
            if label not in self.places:
                raise InputError(f"{label!r}: expected a label of the class tree. Only labels that it has get vectors.")
            for node in self.places[label]:
                above = (node[:depth] for depth in range(1, len(node) + 1))
                vectors[row, [self._features[each] for each in above if each in self._features]] += 1
            vectors[row] *= np.sqrt(2 / self.largest_hops, dtype=np.float32)
            vectors[row] /= np.float32(len(self.places[label]))
        return vectors

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        write_config(folder, {**self.config, "places": self.places})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("largest_hops", "places"))
        try:
            places = {label: [tuple(node) for node in nodes] for label, nodes in config["places"].items()}
            return cls(places, int(config["largest_hops"]))
        except (AttributeError, TypeError, ValueError):
            raise InputError(f"{folder / CONFIG}: does not describe a class tree. Copy the folder again.") from None
