import numpy as np
import pandas as pd
import pytest

from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products

CLASSES = ["a<b", "a<c", "d<e"]


@pytest.fixture
def here(here):
    """A run with the artefacts of 90 products in three classes, to train on in no time."""
    random = np.random.default_rng(0)
    numbers = np.arange(90) % 3
    products = pd.DataFrame(
        {
            "row": range(90),
            "image": [f"{row}.jpg" for row in range(90)],
            "name": [f"thing {row}" for row in range(90)],
            "classes": np.take(CLASSES, numbers),
            "class_index": numbers,
            "split": ["train"] * 48 + ["validation"] * 21 + ["test"] * 21,
            "group": np.arange(90) // 2,
        }
    )
    rows = fingerprint_products(products)
    centres = random.normal(size=(3, 6)) * 2
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, products)
        for path, shape in ((paths.IMAGE_VECTORS, (1, 90, 6)), (paths.TEXT_VECTORS, (90, 6))):
            vectors = centres[numbers] + random.normal(size=shape)
            outputs.vectors(here / path, vectors.astype(np.float32), rows=rows, parameters={})
        labels = {"scheme": "leaf", "labels": CLASSES, "class_labels": [[0], [1], [2]], "classes": CLASSES}
        outputs.json(here / paths.LABELS, labels)
        outputs.described_array(here / paths.ZERO_SHOT, np.zeros((0, 0), np.float32), {"network": None})
        outputs.array(here / paths.ADJACENCY, np.array([[0, 0.2, 0.6], [0.2, 0, 0.7], [0.6, 0.7, 0]], np.float32))
        outputs.array(here / paths.LABEL_VECTORS, random.normal(size=(3, 20)).astype(np.float32))
    return here
