"""Towers and heads in ONNX files, run by onnxruntime. Nothing here imports torch.

Letters: N items, F values of a vector, D dimension of the shared space, K labels.
"""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from huse.engine.onnx import open_graph, run_graph
from huse.errors import InputError
from huse.model.contract import MODALITIES, Floats, Modality

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CONFIG = "towers.json"
GRAPHS: dict[Modality, str] = {modality: f"{modality}_tower.onnx" for modality in MODALITIES}
VECTORS, EMBEDDINGS, SCORES = "vectors", "embeddings", "scores"  # input and outputs of a graph
BLOCK = 8192  # rows at a time


@dataclass(frozen=True)
class OnnxTowers:
    """Two graphs in a folder; each is read at its first use.

    Attributes:
        folder: of the graphs.
        dimension: D.
        labels: K.
        lengths: F of each modality.
    """

    folder: Path
    dimension: int
    labels: int
    lengths: dict[Modality, int]
    _open: "dict[Modality, InferenceSession]" = field(default_factory=dict, repr=False, compare=False)

    def features(self, modality: Modality) -> int:
        """Return F."""
        return self.lengths[modality]

    def embed_arrays(self, modality: Modality, vectors: Floats) -> tuple[Floats, Floats]:
        """See `huse.model.contract.Towers`."""
        if modality not in self._open:
            self._open[modality] = open_graph(self.folder / GRAPHS[modality])
        graph = self._open[modality]
        parts = [
            run_graph(graph, **{VECTORS: vectors[start : start + BLOCK]}) for start in range(0, len(vectors), BLOCK)
        ]
        embeddings, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        return embeddings, scores

    def save_in(self, folder: Path) -> None:
        """See `huse.model.contract.Towers`."""
        for graph in GRAPHS.values():
            shutil.copyfile(self.folder / graph, folder / graph)
        write_shape(folder, {"dimension": self.dimension, "labels": self.labels, "features": self.lengths})

    @classmethod
    def load_from(cls, folder: Path) -> Self:
        """See `huse.model.contract.Towers`."""
        try:
            shape = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            lengths = {modality: int(shape["features"][modality]) for modality in MODALITIES}
            return cls(folder, int(shape["dimension"]), int(shape["labels"]), lengths)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{folder / CONFIG}: does not describe towers in ONNX ({error}). Copy the folder again."
            ) from None


def write_shape(folder: Path, shape: dict[str, Any]) -> None:
    """Write what is known of the graphs without reading them: `dimension`, `labels`, `features` by modality."""
    (folder / CONFIG).write_text(json.dumps(shape, indent=2) + "\n", encoding="utf-8")
