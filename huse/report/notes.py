"""What a reader must know so as not to misread a number."""

from collections.abc import Mapping
from typing import Any

import numpy as np

FEW = 10  # test items; the accuracy of a class with fewer says little
Z = 1.96  # of a 95 % interval


def tree_settings(params: Mapping[str, Any]) -> list[str]:
    """Return the settings by which training knew the class tree, on which AHP and HP are measured.

    Args:
        params: the sections of params.yaml.
    """
    train, graph = params["train"], params.get("label_graph", {})
    method, about = train["method"], train.get("graph", {})
    found = []
    if method in ("huse", "huse_eq10", "huse_plus") and train.get("beta") != 0:
        if about.get("distances") == "tree":
            found.append("train.graph.distances: tree")
        elif graph.get("encoder") == "tree":
            found.append("label_graph.encoder: tree")
    if method == "huse_plus" and train.get("contrast", {}).get("weight") != 0:
        found.append("train.method: huse_plus")
    if method in ("devise", "hie", "huse_p"):
        if train.get("class_vectors") == "tree":
            found.append("train.class_vectors: tree")
        elif graph.get("encoder") == "tree":
            found.append("label_graph.encoder: tree")
    return found


def wilson(right: float, items: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of few items, `right` of them (Wilson 1927).

    Unlike the share and its standard error, it has a width where all or none are right.
    """
    share, spread = right / items, Z**2 / items
    middle = (share + spread / 2) / (1 + spread)
    half = Z * float(np.sqrt(share * (1 - share) / items + spread / (4 * items))) / (1 + spread)
    return max(middle - half, 0.0), min(middle + half, 1.0)
