"""A model's results for the items of one split, and the vectors to retrieve items by.

Letters: N items, K labels, D dimension of the shared space.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from huse.evaluation.classification import Floats, Integers
from huse.taxonomy import Bools

MODALITIES = ("image", "text")
DIRECTIONS = tuple(f"{query}_to_{found}" for query in MODALITIES for found in MODALITIES)


@dataclass(frozen=True)
class SplitResults:
    """The model's results for the items of one split, all in the same row order.

    An item without a picture, or without a name, has a row of NaN in that modality, and counts where it needs none.

    Attributes:
        embeddings: `image` and `text`, each N × D float32 of unit norm.
        scores: `image` and `text`, each N × K float32, rows that add up to 1.
        classes: N class numbers.
    """

    embeddings: dict[str, Floats]
    scores: dict[str, Floats]
    classes: Integers

    @classmethod
    def of(
        cls, embeddings: dict[str, Floats], scores: dict[str, Floats], classes: Integers, there: Mapping[str, Bools]
    ) -> "SplitResults":
        """Build it from arrays with any rows where there is no picture, or no name; `there` says where there is one."""

        def marked(those: dict[str, Floats]) -> dict[str, Floats]:
            return {
                name: values if there[name].all() else np.where(there[name][:, None], values, np.float32(np.nan))
                for name, values in those.items()
            }

        return cls(marked(embeddings), marked(scores), classes)

    @cached_property
    def there(self) -> dict[str, Bools]:
        """Which of N items have a picture, `image`, and which a name, `text`."""
        return {name: present(self.embeddings[name]) for name in MODALITIES}

    def rows(self, rows: Integers) -> "SplitResults":
        """Return the results of some rows."""
        return SplitResults(
            {name: values[rows] for name, values in self.embeddings.items()},
            {name: values[rows] for name, values in self.scores.items()},
            self.classes[rows],
        )


def sampled(count: int, most: int | None) -> Bools:
    """Return which of N items are queries: all, or `most` of them, evenly spaced, where there are more."""
    chosen = np.zeros(count, dtype=bool)
    chosen[np.arange(count) if most is None or most >= count else np.arange(most) * count // most] = True
    return chosen


def present(rows: Floats) -> Bools:
    """Return which of N rows are of something that is there: not NaN."""
    there: Bools = ~np.isnan(rows[:, 0])
    return there


def points(results: SplitResults, share: float) -> dict[str, Floats]:
    """Return the vectors to retrieve items by: embeddings, class probabilities, or both.

    The cosine of the square roots of two distributions is their Bhattacharyya coefficient: semantic matching, the
    baseline for any shared space. With both, the cosine is the weighted mean of the embeddings' cosine and that
    coefficient.

    Args:
        results: of a split.
        share: weight of the probabilities: 0 for embeddings alone, 1 for probabilities alone.

    Returns:
        `image` and `text`, each N × (D + K) float32 of unit norm; N × D where `share` is 0, N × K where it is 1.
    """
    parts = {
        name: (
            *((np.sqrt(1 - share) * results.embeddings[name],) if share < 1 else ()),
            *((np.sqrt(share) * np.sqrt(results.scores[name]),) if share > 0 else ()),
        )
        for name in MODALITIES
    }
    return {name: np.concatenate(those, axis=1, dtype=np.float32) for name, those in parts.items()}
