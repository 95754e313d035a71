"""What a model needs of its towers and heads, whatever library computes them. Nothing here imports torch.

Letters: N items, F values of a vector, D dimension of the shared space, K labels.
"""

from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
import numpy.typing as npt

Modality = Literal["image", "text"]
MODALITIES: tuple[Modality, Modality] = ("image", "text")

Floats = npt.NDArray[np.float32]


class Towers(Protocol):
    """An image tower, a text tower, and what scores labels by their embeddings."""

    @property
    def dimension(self) -> int:
        """D."""

    @property
    def labels(self) -> int:
        """K."""

    def features(self, modality: Modality) -> int:
        """Return F."""

    def embed_arrays(self, modality: Modality, vectors: Floats) -> tuple[Floats, Floats]:
        """Map N × F float32 vectors to N × D embeddings of unit norm, and to N × K scores; N is at least 1."""

    def save_in(self, folder: Path) -> None:
        """Write all that `load_from` needs into a folder."""

    @classmethod
    def load_from(cls, folder: Path) -> Self:
        """Read what `save_in` wrote; raises an `InputError` that names a missing or damaged file."""
