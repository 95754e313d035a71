"""The row of the comparison that trains no towers: logistic regressions on the same vectors.

It stands apart from `running`, because trained results do not depend on the code that reads names.
"""

import numpy as np

from huse.evaluation import intervals
from huse.evaluation.baselines import measure_baselines
from huse.evaluation.splits import EvaluationSettings
from huse.evaluation.summary import Catalogue
from huse.evaluation.tables import items_table, queries_table
from huse.labels.graph import class_distances
from huse.run.baselines import baseline_inputs
from huse.run.fitting import Artefacts
from huse.run.place import Run
from huse.taxonomy import ClassTree


def measure_regression(here: Run) -> intervals.Run | None:
    """Measure the baselines on the artefacts that are there; None where `evaluate.baselines` is 0.

    Returns:
        The tables of the test split.
    """
    most = here.section(EvaluationSettings, "evaluate").baselines
    if most == 0:
        return None
    artefacts = Artefacts.read(here)
    products, labels = artefacts.products, artefacts.labels["class_labels"]
    catalogue = Catalogue(
        labels, ClassTree.of(artefacts.labels["classes"]), class_distances(artefacts.adjacency, labels)
    )
    inputs = baseline_inputs(products, artefacts.images[0], artefacts.texts, most=most)
    _, test = measure_baselines(inputs, catalogue, len(artefacts.labels["labels"]))
    rows = np.flatnonzero(products["split"] == "test")
    items = items_table(test.measured, rows, products["group"].to_numpy()[rows])
    queries = queries_table(test.measured, rows).drop(columns=["neighbours", "similarities"])
    return intervals.Run(items, queries)
