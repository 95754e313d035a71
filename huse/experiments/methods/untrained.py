"""The rows of the comparison that train no towers: the baselines on the same vectors.

They stand apart from `running`, because trained results do not depend on the code that reads names.
"""

import numpy as np

from huse.evaluation import intervals
from huse.evaluation.baselines import measure_baselines
from huse.evaluation.splits import EvaluationSettings
from huse.evaluation.tables import items_table, queries_table
from huse.run.baselines import baseline_inputs, read_pair
from huse.run.fitting import Artefacts
from huse.run.place import Run
from huse.run.relations import relations


def measure_untrained(here: Run) -> dict[str, intervals.Run]:
    """Measure the baselines on the artefacts that are there; none where `evaluate.baselines` is 0.

    Returns:
        The tables of the test split, by prefix of `huse.evaluation.intervals.BASELINES`.
    """
    params = here.section(EvaluationSettings, "evaluate")
    if params.baselines == 0:
        return {}
    artefacts = Artefacts.read(here)
    products = artefacts.products
    catalogue = relations(here, params, artefacts.labels, artefacts.adjacency)
    images, texts = artefacts.images[0], artefacts.texts
    inputs = baseline_inputs(products, images, texts, most=params.baselines, pair=read_pair(here, images, texts))
    _, test = measure_baselines(inputs, catalogue, len(artefacts.labels["labels"]))
    rows = np.flatnonzero(products["split"] == "test")
    groups = products["group"].to_numpy()[rows]
    return {
        prefix: intervals.Run(
            items_table(one, rows, groups), queries_table(one, rows).drop(columns=["neighbours", "similarities"])
        )
        for prefix, one in test.by_prefix.items()
    }
