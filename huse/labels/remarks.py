"""What a user should know about the labels and their graph before training on them."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from huse.labels.graph import Distances, count_duplicates, duplicate_labels, pairs
from huse.labels.schemes import Labels
from huse.taxonomy import LEVEL_SEPARATOR, split_path

# A graph with a smaller largest distance carries hardly any information.
FLAT_DISTANCE = 0.05

# Nor does one whose 5th and 95th percentiles differ by less than this share of the median,
FLAT_SPREAD = 0.1

# if there are enough labels to speak of a spread.
FLAT_LABELS = 3

# With a lower rank correlation, graph and class tree are unrelated.
LOW_CORRELATION = 0.1


def remarks(
    labels: Labels,
    classes: Sequence[str],
    adjacency: Distances,
    tree_spearman: float | None,
    *,
    from_tree: bool,
    shown: int = 5,
) -> list[str]:
    """Return what is doubtful about labels and their graph, and what to do about it.

    Args:
        labels: K labels.
        classes: C class paths.
        adjacency: K × K float32, K ≥ 2.
        tree_spearman: see `huse.labels.summary.correlation_with_tree`.
        from_tree: the distances are those of the class tree, not of texts.
        shown: labels or classes to name in a remark.

    Returns:
        One text a remark, without a full stop; empty where nothing is doubtful.
    """
    found = [_flat(labels, classes, adjacency, from_tree), _against_tree(labels, tree_spearman, from_tree)]
    duplicates = count_duplicates(adjacency)
    if duplicates:
        first = [" = ".join(pair) for pair in duplicate_labels(adjacency, labels.labels, most=shown)]
        found.append(f"pairs of labels at distance 0, {_name(first, duplicates)}")
    if labels.scheme == "levels":
        # The classifier's target is uniform over a class's labels, whatever their order and number.
        alike = _alike(classes, (frozenset(numbers) for numbers in labels.class_labels), shown)
        if alike:
            found.append(
                f"classes with the same labels, which the classifier cannot tell apart, {alike}. "
                "label_graph.scheme: leaf keeps them apart"
            )
    alike = _alike(classes, map(_plain, classes), shown)
    if alike:
        found.append(f"classes that differ only in case or white space, {alike}. They are learnt as different ones")
    return [remark for remark in found if remark]


def _flat(labels: Labels, classes: Sequence[str], adjacency: Distances, from_tree: bool) -> str | None:
    largest = float(adjacency.max())
    deep = any(LEVEL_SEPARATOR in path for path in classes)
    if from_tree:
        # In a broad tree most pairs are equally far apart, and it still tells which are near.
        if len(adjacency) < FLAT_LABELS or deep:
            return None
        return (
            "all labels are equally far apart, because the classes have one level and no tree above it. "
            "label_graph.encoder: word_vectors or infersent gives a graph that says more"
        )
    other = ", or label_graph.encoder: tree," if deep else ""
    remedy = f"Other word vectors (from more text){other} give a graph that says more"
    if largest < FLAT_DISTANCE:
        return f"the labels hardly differ: no two are farther apart than {largest:.3f}. {remedy}"
    low, median, high = np.quantile(pairs(adjacency), [0.05, 0.5, 0.95]).tolist()
    if len(labels.labels) >= FLAT_LABELS and high - low < FLAT_SPREAD * median:
        return (
            f"all labels are about equally far apart: 90 % of the distances lie between {low:.3f} and {high:.3f}. "
            f"{remedy}"
        )
    return None


def _against_tree(labels: Labels, tree_spearman: float | None, from_tree: bool) -> str | None:
    if tree_spearman is None or tree_spearman >= LOW_CORRELATION:
        return None
    if from_tree:
        remedy = "label_graph.scheme: leaf gives every class its one place in the tree"
    elif labels.scheme == "leaf":
        remedy = "Try other word vectors, label_graph.label_text: mean or path, or label_graph.encoder: tree"
    else:
        remedy = "Try other word vectors, label_graph.encoder: tree or label_graph.scheme: leaf"
    return (
        f"the graph contradicts the class tree: the rank correlation of its distances with the steps between "
        f"classes in the tree is {tree_spearman:.2f} (1: the same order, 0: unrelated), so that classes of one "
        f"branch are no nearer than others. {remedy}"
    )


def _alike(classes: Sequence[str], keys: Iterable[Hashable], shown: int) -> str:
    """Name the classes that share a key; empty if none do."""
    groups: defaultdict[Hashable, list[str]] = defaultdict(list)
    for path, key in zip(classes, keys, strict=True):
        groups[key].append(path)
    several = [group for group in groups.values() if len(group) > 1]
    if not several:
        return ""
    # A single group can be large too.
    first = [" = ".join(group[:shown]) + (" = …" if len(group) > shown else "") for group in several[:shown]]
    return _name(first, len(several))


def _name(first: Sequence[str], count: int) -> str:
    return f"{count} in all: {', '.join(first)}{', …' if count > len(first) else ''}"


def _plain(path: str) -> tuple[str, ...]:
    """Return a class path without differences of case and white space."""
    return tuple(" ".join(level.split()).casefold() for level in split_path(path))
