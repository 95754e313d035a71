"""Canonical correlation analysis (Hotelling 1936; for retrieval Rasiwasia et al. 2010), the oldest shared space.

Linear maps of picture and text vectors, whose values correlate as highly as they can. They see which picture has which
name, and no class. Items are found by the cosine of their maps.

Letters: N items of a split, R of all three splits, F features, P principal components, M canonical ones, K labels.
"""

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from huse.evaluation.classification import Floats, Integers
from huse.evaluation.results import MODALITIES, SplitResults
from huse.evaluation.retrieval import map_over_directions
from huse.evaluation.summary import Catalogue, Measured, measure_baseline
from huse.evaluation.zero_shot import EQUAL, unit

MOST = 64  # P at most: with as many features as items, everything correlates
EACH = 4  # training items a component, at least
COMPONENTS = (2, 4, 8, 16, 32)  # M to choose from
LEAST = 1e-9  # variance of a principal component as a share of the first; below it, it is rounding


def canonical(vectors: Mapping[str, Floats], train: Integers) -> dict[str, Floats] | None:
    """Return the maps of all items, the most correlated components first.

    Args:
        vectors: `image` and `text`, R × F float32.
        train: the items to learn from, each with both.

    Returns:
        `image` and `text`, R × M float32; None where there is nothing to correlate.
    """
    most = min(MOST, len(train) // EACH)
    if min(most, *(of.shape[1] for of in vectors.values())) < COMPONENTS[0]:
        return None
    parts = {}
    for name, of in vectors.items():
        analysis = PCA(min(most, of.shape[1]), svd_solver="covariance_eigh")
        with np.errstate(invalid="ignore"):  # of constant features alone, the share of a variance of 0
            analysis.fit(of[train])
        varies = analysis.explained_variance_ > LEAST * analysis.explained_variance_[0]
        parts[name] = analysis.transform(of)[:, varies].astype(np.float64)
    count = min(COMPONENTS[-1], *(of.shape[1] for of in parts.values()))
    if count < COMPONENTS[0]:
        return None
    with warnings.catch_warnings():  # of late components, which correlate by chance, and are not chosen
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message=".*residual is constant")
        fitted = CCA(count).fit(*(parts[name][train] for name in MODALITIES))
    maps = fitted.transform(*(parts[name] for name in MODALITIES))
    return {name: of.astype(np.float32) for name, of in zip(MODALITIES, maps, strict=True)}


def choose_components(maps: Mapping[str, Floats], validation: Integers, classes: Integers, catalogue: Catalogue) -> int:
    """Return the M of `COMPONENTS` with the highest mean mAP over the directions on validation; the least of equals.

    Args:
        maps: of `canonical`; rows of NaN are not there.
        validation: V of its items.
        classes: V class numbers.
        catalogue: the classes.
    """
    most = maps["image"].shape[1]

    def found(count: int) -> float:
        places = {name: unit(of[validation, :count]) for name, of in maps.items()}
        return map_over_directions(catalogue.retrieve(places, classes))

    return max((count for count in COMPONENTS if count <= most), key=found)


def measure_correlation(
    maps: Mapping[str, Floats], rows: Integers, classes: Integers, catalogue: Catalogue, labels: int
) -> Measured:
    """Measure the items of a split by their maps; they have no scores.

    Args:
        maps: of `canonical`, cut to M components; rows of NaN are not there.
        rows: N of the R rows.
        classes: N class numbers.
        catalogue: the classes.
        labels: K.
    """
    none = np.full((len(rows), labels), np.nan, np.float32)
    places = {name: unit(of[rows]) for name, of in maps.items()}
    return measure_baseline(SplitResults(places, dict.fromkeys(MODALITIES, none), classes), catalogue, EQUAL)
