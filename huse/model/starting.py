"""The weights of a trained network as a start for training on a catalogue that has grown.

Letters: K labels.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from huse.model.network import Network


def known_labels(
    classes: Mapping[str, Sequence[int]], earlier: Mapping[str, Sequence[int]]
) -> tuple[dict[int, int], list[str]]:
    """Find the labels that an earlier network has.

    Args:
        classes: class path → numbers of its labels, coarse to fine.
        earlier: the same of the earlier network. Both label classes by the same scheme.

    Returns:
        Number of a label → its number in the earlier network, of all labels of classes that both have; and the class
        paths that the earlier network does not have, sorted.

    Raises:
        ValueError: a class has another number of labels, so the schemes differ.
    """
    places: dict[int, int] = {}
    for path in classes.keys() & earlier.keys():
        places |= zip(classes[path], earlier[path], strict=True)
    return places, sorted(classes.keys() - earlier.keys())


@torch.no_grad()
def start_from(network: Network, earlier: Network, places: Mapping[int, int]) -> None:
    """Copy what an earlier network has learned: towers with their scalers, and of the heads the labels that it knows.

    Other labels keep their random weights. A head that does not learn keeps all its own: they are vectors of labels,
    which a class tree that has grown may have changed.

    Args:
        network: to change.
        earlier: with the same settings and lengths of vectors.
        places: see `known_labels`.
    """
    own, others = network.state_dict(), earlier.state_dict()
    labels = network.architecture.labels
    fixed = {name for name, values in network.named_parameters() if not values.requires_grad}
    new, old = (torch.tensor(list(each), dtype=torch.long) for each in (places.keys(), places.values()))
    for name, values in own.items():
        of_labels = name.startswith("heads.") and values.ndim and len(values) == labels
        if name == "class_means" or of_labels:
            if name not in fixed:
                values[new] = others[name][old].to(values)
        else:
            values.copy_(others[name])


def misfit(network: Network, earlier: Network) -> str:
    """Return how an earlier network differs in what its weights mean, but for the number of labels; empty: it fits."""
    own, others = network.architecture, earlier.architecture
    for name in ("image_features", "text_features", "separate_heads"):
        if getattr(own, name) != getattr(others, name):
            return f"{name} {getattr(others, name)}, here {getattr(own, name)}"
    for name in ("relu_last", "text_scaling"):  # which no shape tells
        if getattr(own.settings, name) != getattr(others.settings, name):
            return f"{name} {getattr(others.settings, name)}, here {getattr(own.settings, name)}"
    shapes = [{name: _shape(values) for name, values in each.state_dict().items()} for each in (network, earlier)]
    different = sorted(name for name in {*shapes[0], *shapes[1]} if shapes[0].get(name) != shapes[1].get(name))
    return f"other shapes of {', '.join(different)}" if different else ""


def _shape(values: Tensor) -> tuple[int, ...]:
    return tuple(values.shape[1:]) if values.ndim else ()
