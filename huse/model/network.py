"""The two-tower network with its shared classification layer, and its form on disk.

Letters: N items, D dimension of the shared space, K labels.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from huse.errors import InputError
from huse.model.towers import HeadKind, Tower, make_head


@dataclass(frozen=True)
class Architecture:
    """All that fixes the shapes of the network.

    Attributes:
        image_features: length of an image vector.
        text_features: length of a text vector.
        labels: K.
        dimension: D.
        width: of a hidden layer.
        image_layers: linear layers of the image tower.
        text_layers: linear layers of the text tower.
        dropout: probability after every hidden layer.
        head: ``linear`` or ``cosine``.
        scale: of the cosine head.
    """

    image_features: int
    text_features: int
    labels: int
    dimension: int
    width: int
    image_layers: int
    text_layers: int
    dropout: float
    head: HeadKind
    scale: float


class Network(nn.Module):
    """Image tower, text tower and one classification layer for both (HUSE figure 2)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        shape = architecture
        self.architecture = shape
        self.image_tower = Tower(shape.image_features, shape.image_layers, shape.width, shape.dimension, shape.dropout)
        self.text_tower = Tower(shape.text_features, shape.text_layers, shape.width, shape.dimension, shape.dropout)
        self.head = make_head(shape.head, shape.dimension, shape.labels, shape.scale)

    @torch.inference_mode()
    def embed(self, tower: Tower, vectors: Tensor, block: int = 8192) -> tuple[Tensor, Tensor]:
        """Map vectors to the shared space and to class scores, without dropout.

        Args:
            tower: `image_tower` or `text_tower`.
            vectors: N × F float32.
            block: rows at a time.

        Returns:
            N × D float32 of unit norm, and N × K float32, the softmax of the logits.
        """
        training = self.training
        self.eval()
        embeddings = torch.cat([tower(part) for part in torch.split(vectors, block)])
        scores = functional.softmax(self.head(embeddings), dim=1)
        self.train(training)
        return embeddings, scores

    def save(self, weights: Path, config: Path, about: dict[str, Any]) -> None:
        """Write the weights as safetensors and the architecture, with all else that is known, as JSON.

        Args:
            weights: the ``.safetensors``.
            config: the ``.json``.
            about: what a reader of the model needs beside its shapes, such as the names of the labels.
        """
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, weights)
        content = {"architecture": asdict(self.architecture), **about}
        config.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, weights: Path, config: Path) -> Self:
        """Read a network that `save` wrote.

        Raises:
            InputError: a file is missing or damaged, or they do not fit each other.
        """
        try:
            network = cls(Architecture(**json.loads(config.read_text(encoding="utf-8"))["architecture"]))
            network.load_state_dict(load_file(weights))
        except OSError as error:
            raise InputError(f"{error.filename}: not found. Run `dvc repro train` to make the model.") from error
        except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise InputError(f"{weights}, {config}: not a model of this kind ({error}).") from error
        return network.eval()
