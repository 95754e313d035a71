"""The classes of a run and their relations, as the evaluation takes them: part of the edge."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from huse.engine.work import Spread
from huse.engine.work import here as in_this_process
from huse.evaluation.splits import EvaluationSettings
from huse.evaluation.summary import Catalogue
from huse.evaluation.tree_file import read_tree
from huse.labels.graph import class_distances
from huse.run import paths
from huse.run.place import Run
from huse.taxonomy import ClassTree


def relations(
    here: Run,
    settings: EvaluationSettings,
    labels: Mapping[str, Any],
    adjacency: npt.NDArray[np.float32],
    spread: Spread = in_this_process,
) -> Catalogue:
    """Return the classes with the tree that `evaluate.tree` names.

    Args:
        here: what the tree's path is relative to.
        settings: of the evaluation.
        labels: what `huse.run.artifacts.read_labels` returns.
        adjacency: K × K float32, the distances of the labels.
        spread: has blocks of queries ranked.

    Raises:
        InputError: the file of the tree cannot be used.
    """
    paths_tree, file = ClassTree.of(labels["classes"]), here / settings.tree
    tree = paths_tree if file == here / paths.CLASSES else ClassTree(read_tree(file, paths_tree.paths))
    distances = class_distances(adjacency, labels["class_labels"])
    return Catalogue(labels["class_labels"], tree, distances, settings.queries, spread, paths_tree)
