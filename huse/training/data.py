"""The data that training needs.

Letters: N products, V views of a picture beside the plain one, F features, K labels, C classes, L levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from huse.model.contract import MODALITIES, Modality
from huse.model.methods import Classes


@dataclass(frozen=True)
class TrainingData:
    """The products, in row order.

    Attributes:
        images: (V + 1) × N × F float32 image vectors, those of the plain pictures first.
        texts: N × F' float32 text vectors.
        products: N int64 class numbers.
        train: int64 rows of the training split.
        validation: int64 rows of the validation split.
        classes: what is known of the classes.
        similarity: C × C float32, how near classes are in their tree; see `ClassTree.similarity`.
        names: N names of the pictures, for messages.
        present: 2 × N bool, which products have a picture and which a name; None: all of the training and validation
            split have both.
    """

    images: Tensor
    texts: Tensor
    products: Tensor
    train: Tensor
    validation: Tensor
    classes: Classes
    similarity: Tensor
    names: Sequence[str]
    present: Tensor | None = None

    @classmethod
    def of(
        cls,
        images: npt.NDArray[np.float32],
        texts: npt.NDArray[np.float32],
        *,
        products: npt.NDArray[np.int64],
        split: npt.NDArray[Any],
        classes: Classes,
        similarity: npt.NDArray[np.float64],
        names: Sequence[str],
        present: npt.NDArray[np.bool_] | None = None,
    ) -> "TrainingData":
        """Build it from the arrays of the artefacts, in row order; `split`: N names: train, validation or test."""
        used = (split == "train") | (split == "validation")
        whole = present is None or bool(present[:, used].all())
        return cls(
            images=torch.from_numpy(images),
            texts=torch.from_numpy(texts),
            products=torch.tensor(products),
            train=torch.from_numpy(np.flatnonzero(split == "train")),
            validation=torch.from_numpy(np.flatnonzero(split == "validation")),
            classes=classes,
            similarity=torch.from_numpy(similarity).float(),
            names=names,
            present=None if whole else torch.tensor(present),
        )

    def to(self, device: torch.device) -> "TrainingData":
        """Return the same on `device`."""
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor | Classes)
        }
        return replace(self, **moved)

    def having(self, modality: Modality, rows: Tensor) -> Tensor:
        """Return those of some rows whose product has a picture, or a name."""
        return rows if self.present is None else rows[self.present[MODALITIES.index(modality), rows]]

    def targets(self, rows: Tensor) -> Tensor:
        """Return the label distributions of some rows, n × K float32."""
        return self.classes.targets[self.products[rows]]
