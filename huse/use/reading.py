"""What a model has read of products: whatever is asked of it follows without encoding anything again.

Letters: N products, D dimension of the shared space, K labels, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from huse.descent import Points, choose_points
from huse.encoders.contract import ItemError
from huse.errors import InputError
from huse.fusion import class_probabilities, mean_direction
from huse.model.contract import Modality
from huse.taxonomy import ClassTree
from huse.use.decisions import ClassProbability, Decision, best, decisions, ranked
from huse.use.scores import Classes, Fusion

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rules:
    """How the scores of labels become probabilities of classes and decisions.

    Attributes:
        classes: that the model knows.
        fusion: of the scores of both modalities.
        points: for pictures alone, names alone and both, where to stop in the class tree for a precision.
        tree: of the classes.
    """

    classes: Classes
    fusion: Fusion
    points: Points
    tree: ClassTree

    def probabilities(self, image: Floats | None, text: Floats | None) -> Floats:
        """Return N × C float32 of N × K scores; NaN where a product has none in either."""
        return class_probabilities(self.fusion.scores(image, text), self.classes.labels)


@dataclass(frozen=True)
class Reading:
    """N products as a model has read them; `Model.read` makes one, and a slice of it is one of these products.

    Attributes:
        parts: by modality that was given, N × D embeddings and N × K scores, float32; NaN where a product has none.
        failed: N bools, whether all pictures or all names of a product cannot be used.
        errors: of the pictures and names that cannot be used, by the numbers of their products.
        rules: how scores become probabilities.
    """

    parts: Mapping[Modality, tuple[Floats, Floats]]
    failed: npt.NDArray[np.bool_]
    errors: Sequence[ItemError]
    rules: Rules

    def __len__(self) -> int:
        """N."""
        return len(self.failed)

    def __getitem__(self, rows: slice) -> "Reading":
        """Return what was read of some products that follow one another."""
        start, stop, _ = rows.indices(len(self))
        return replace(
            self,
            parts={name: (embeddings[rows], scores[rows]) for name, (embeddings, scores) in self.parts.items()},
            failed=self.failed[rows],
            errors=[error.after(-start) for error in self.errors if start <= error.number < stop],
        )

    def embeddings(self) -> Floats:
        """Return N × D float32, unit norm; of picture and name, their mean direction. NaN where either failed."""
        embeddings = [embeddings for embeddings, _ in self.parts.values()]
        if len(embeddings) == 1:
            return embeddings[0]
        combined = mean_direction(np.concatenate(embeddings), np.tile(np.arange(len(self)), 2))
        combined[self.failed] = np.nan
        return combined

    def probabilities(self) -> Floats:
        """Return N × C float32, rows that add up to 1. NaN where picture or name failed."""
        probabilities = self.rules.probabilities(*self._scores())
        probabilities[self.failed] = np.nan
        return probabilities

    def classify(self, top: int = 5) -> list[list[ClassProbability]]:
        """Return the most probable classes of every product; see `Model.classify`."""
        if top < 1:
            raise InputError(f"top: expected at least 1, found {top}.")
        return ranked(self.probabilities(), self.rules.classes.paths, top)

    def decide(self, precision: float | None = None) -> list[Decision]:
        """Decide on the class of every product by all of it that can be used; see `Model.decide`."""
        chosen = None if precision is None else choose_points(self.rules.points, precision)
        remarks: dict[int, list[str]] = {}
        for error in self.errors:
            what = "name" if error.kind == "text" else error.kind
            remarks.setdefault(error.number, []).append(f"{what} left out, {error.reason}")
        image, text = self._scores()
        nothing, paths = [""] * len(self), self.rules.classes.paths
        return decisions(
            self.rules.probabilities(image, text),
            nothing if image is None else best(self.rules.probabilities(image, None), paths),
            nothing if text is None else best(self.rules.probabilities(None, text), paths),
            tree=self.rules.tree,
            chosen=chosen,
            remarks=remarks,
        )

    def _scores(self) -> tuple[Floats | None, Floats | None]:
        image, text = self.parts.get("image"), self.parts.get("text")
        return None if image is None else image[1], None if text is None else text[1]
