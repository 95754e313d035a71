"""The shared space on a plane.

Letters: N items, S of them sampled, D dimension of the shared space.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from huse.report.names import shorten

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

MOST_ITEMS = 900  # each is two marks
PERPLEXITY = 30.0
ABOVE = 0.75  # share of a group's marks below its name
LETTER, LINE = 0.0075, 0.035  # width of a letter and height of a line, of a wide map
LONGEST, MOST_NAMES = 30, 40  # letters of a name, names
FEWEST = 3  # rows; with fewer, there is no layout


def sample_items(classes: Integers, most: int, seed: int) -> Integers:
    """Draw items so that every class keeps about its share, and as many classes as possible stay.

    Args:
        classes: N class numbers.
        most: items to draw at most.
        seed: of the draw.

    Returns:
        Row numbers, ascending; all of them where there are no more than `most`.
    """
    if len(classes) <= most:
        return np.arange(len(classes))
    order = np.random.default_rng(seed).permutation(len(classes))
    # An item's place within its class, as a share of the class; low shares of every class come first.
    drawn = pd.Series(classes[order])
    by_class = drawn.groupby(drawn)
    share = by_class.cumcount() / by_class.transform("size")
    chosen: Integers = np.sort(order[np.lexsort((order, share))[:most]])
    return chosen


def lay_out(images: Floats, texts: Floats, seed: int) -> tuple[Floats, Floats]:
    """Place the embeddings of S items on a plane by t-SNE on cosine distances (van der Maaten & Hinton 2008).

    Both modalities are laid out together. One thread computes it: with several, sums and so the map would differ
    between runs.

    Args:
        images: S × D float32, unit norm.
        texts: S × D float32, unit norm.
        seed: of the solver.

    Returns:
        Places of images and of texts, S × 2 float32 each, in [0, 1]; zeros for fewer than 3 embeddings.
    """
    rows = np.concatenate([images, texts])
    if len(rows) < FEWEST:
        return np.zeros((len(images), 2), np.float32), np.zeros((len(texts), 2), np.float32)
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    with threadpool_limits(limits=1):
        places = TSNE(metric="cosine", init="random", perplexity=perplexity, random_state=seed).fit_transform(rows)
    low, high = places.min(axis=0), places.max(axis=0)
    unit = ((places - low) / np.maximum(high - low, 1e-9)).astype(np.float32)
    return unit[: len(images)], unit[len(images) :]


def name_places(
    places: Floats, names: Sequence[str], letter: float = LETTER, line: float = LINE
) -> list[tuple[str, float, float]]:
    """Place the names of groups above most of their members, larger groups first, without overlap.

    Args:
        places: S × 2 float32 in [0, 1].
        names: the group of each of S members.
        letter: width of a letter; two names stand apart across by half of both.
        line: height of a line; two names that are so far apart down may stand above each other.

    Returns:
        Name, x and y of each placed name, `MOST_NAMES` at most; long names are shortened.
    """
    members: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        members.setdefault(name, []).append(index)
    chosen: list[tuple[str, float, float]] = []
    for name in sorted(members, key=lambda name: (-len(members[name]), name)):
        own, shown = places[members[name]], shorten(name, LONGEST)
        x, y = float(np.median(own[:, 0])), float(np.quantile(own[:, 1], ABOVE))
        apart = all(
            abs(x - at) >= letter * (len(shown) + len(other) + 1) / 2 or abs(y - down) >= line
            for other, at, down in chosen
        )
        if apart and len(chosen) < MOST_NAMES:
            chosen.append((shown, x, y))
    return chosen
