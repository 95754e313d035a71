"""The two-tower network with its shared classification layer, and its form on disk.

Letters: N items, D dimension of the shared space, K labels.
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from huse.errors import InputError
from huse.model.contract import Floats, Modality
from huse.model.towers import CosineHead, Scale, Scaling, Tower
from huse.settings import Settings
from huse.weights import write_state_dict

WEIGHTS, CONFIG = "towers.safetensors", "towers.json"  # in the folder of a model


class NetworkSettings(Settings):
    """Settings of the towers and the head."""

    dimension: int = Field(default=512, ge=2, le=65536, description="of the shared space")
    width: int = Field(default=512, ge=1, le=65536, description="of a hidden layer")
    image_layers: int = Field(
        default=5, ge=1, le=256, description="linear layers of the image tower, the last one included"
    )
    text_layers: int = Field(default=2, ge=1, le=256, description="the same of the text tower")
    text_scaling: Scaling = Field(
        default="together",
        description="of text vectors: each value by its own deviation, or all together, so that small ones stay small",
    )
    input_dropout: float = Field(default=0, ge=0, lt=1, description="of the values of image and text vectors")
    dropout: float = Field(default=0.15, ge=0, lt=1, description="after every hidden layer")
    relu_last: bool = Field(
        default=False, description="a ReLU after the last layer too; embeddings are then at most 1 apart"
    )
    head: Literal["linear", "cosine"] = Field(
        default="cosine",
        description="cosine: scaled cosine classifier; linear: as in the paper, needs many more steps",
    )
    scale: Scale = Field(default=16, description="of the cosine classifier; learned: from 16 on")
    class_pull: float = Field(
        default=0,
        ge=0,
        le=1,
        description="share by which finished embeddings move to the centred means of their predicted classes; 0: off",
    )

    @model_validator(mode="after")
    def _scale_fits(self) -> Self:
        if isinstance(self.scale, float | int) and not 0 < self.scale <= 1000:
            raise ValueError("scale: expected a number above 0 and at most 1000, or learned")
        return self


class Architecture(Settings):
    """What determines the shapes of the network.

    Attributes:
        image_features: length of an image vector.
        text_features: length of a text vector.
        labels: K.
        separate_heads: whether each modality has a classification layer of its own.
        settings: of the towers and the head.
    """

    image_features: int
    text_features: int
    labels: int
    separate_heads: bool
    settings: NetworkSettings


class Network(nn.Module):
    """An image tower, a text tower and one classification layer for both (HUSE figure 2), or one for each."""

    class_means: Tensor | None  # K × D, centred; only with a class pull

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        shape, settings = architecture, architecture.settings
        self.architecture = architecture
        features = {
            "image": (shape.image_features, settings.image_layers),
            "text": (shape.text_features, settings.text_layers),
        }
        self.towers = nn.ModuleDict(
            {
                modality: Tower(
                    *of,
                    settings.width,
                    settings.dimension,
                    settings.dropout,
                    input_dropout=settings.input_dropout,
                    relu_last=settings.relu_last,
                )
                for modality, of in features.items()
            }
        )
        size = settings.dimension, shape.labels
        self.heads = nn.ModuleList(
            nn.Linear(*size) if settings.head == "linear" else CosineHead(*size, settings.scale)
            for _ in range(2 if shape.separate_heads else 1)
        )
        self.register_buffer(
            "class_means", torch.zeros(shape.labels, settings.dimension) if settings.class_pull else None
        )

    @property
    def dimension(self) -> int:
        """D."""
        return self.architecture.settings.dimension

    @property
    def labels(self) -> int:
        """K."""
        return self.architecture.labels

    def features(self, modality: Modality) -> int:
        """Return the length of a modality's vectors."""
        return self.architecture.image_features if modality == "image" else self.architecture.text_features

    def tower(self, modality: Modality) -> Tower:
        """Return the tower of a modality."""
        tower: Tower = self.towers[modality]  # type: ignore[assignment]
        return tower

    def logits(self, modality: Modality, embeddings: Tensor) -> Tensor:
        """Map N × D embeddings to N × K logits."""
        logits: Tensor = self.heads[-1 if modality == "text" else 0](embeddings)
        return logits

    @torch.inference_mode()
    def embed(self, modality: Modality, vectors: Tensor, block: int = 8192) -> tuple[Tensor, Tensor]:
        """Map N × F float32 vectors to the shared space and to class scores, without dropout, `block` rows at a time.

        With a `class_pull` of c, the tower's output u moves towards its predicted classes: u' ∝ (1 - c) u + c Σ_k p_k
        (m_k - m), with p the scores, m_k the mean embedding of a label's training products, and m the mean of m_k over
        these products. Retrieval by class probabilities is hard to beat among known classes (Liu et al. 2017), but
        cannot order products within a class, or classes among themselves. The pull brings that knowledge into the
        space, where the graph has arranged the class means. They are centred, since what all share says nothing: it
        would make products of which little is known alike. The losses see u.

        Returns:
            N × D float32 of unit norm, and N × K float32, the softmax of the logits.
        """
        embeddings, scores = self._embed(modality, vectors, block)
        return self.pulled(embeddings, scores), scores

    def pulled(self, embeddings: Tensor, scores: Tensor) -> Tensor:
        """Move N × D embeddings towards the classes that N × K scores predict; without a class pull they stay."""
        if self.class_means is None:
            return embeddings
        pulled = torch.lerp(embeddings, scores @ self.class_means, self.architecture.settings.class_pull)
        return functional.normalize(pulled, dim=1)

    def embed_arrays(self, modality: Modality, vectors: Floats) -> tuple[Floats, Floats]:
        """Do what `embed` does, from arrays to arrays; see `huse.model.contract.Towers`."""
        device = next(self.parameters()).device
        writable = np.require(vectors, requirements="W")  # else torch warns; a copy of those that came from elsewhere
        embeddings, scores = self.embed(modality, torch.from_numpy(writable).to(device))
        return embeddings.cpu().numpy(), scores.cpu().numpy()

    def _embed(self, modality: Modality, vectors: Tensor, block: int = 8192) -> tuple[Tensor, Tensor]:
        training = self.training
        self.eval()
        tower = self.tower(modality)
        embeddings = torch.cat([tower(part) for part in torch.split(vectors, block)])
        scores = functional.softmax(self.logits(modality, embeddings), dim=1)
        self.train(training)
        return embeddings, scores

    @torch.no_grad()
    def fit_class_means(
        self, images: Tensor, texts: Tensor, targets: Tensor, *, score: bool, present: Tensor | None = None
    ) -> None:
        """Compute each label's mean embedding, centred for the `class_pull`, which has no effect before.

        Args:
            images: N × F float32 vectors of training products.
            texts: N × F' float32 of the same.
            targets: N × K float32, each a distribution over the labels; a label's mean is weighted by it. Both
                modalities count alike.
            score: also score labels by the cosine with these means, for methods without a trained classification layer.
            present: 2 × N bool, which products have an image and which a text; None: all have both.
        """
        both = [self._embed("image", images)[0], self._embed("text", texts)[0]]
        if present is not None:
            both = [embeddings * there[:, None] for embeddings, there in zip(both, present, strict=True)]
        embeddings = both[0] + both[1]
        means = functional.normalize(targets.T @ embeddings, dim=1)
        if score:
            self.fix_head(means)
        if self.class_means is not None:
            self.class_means.copy_(means - targets.mean(dim=0) @ means)

    def fix_head(self, vectors: Tensor) -> None:
        """Score labels by the cosine with these fixed K × D vectors instead of a trained layer."""
        (head,) = self.heads
        if not isinstance(head, CosineHead):
            raise TypeError(f"expected a cosine head, found {type(head).__name__}")
        head.fix(vectors)

    def save(self, weights: Path, config: Path, about: dict[str, Any]) -> None:
        """Write the weights as safetensors, and as JSON the architecture and what else a reader needs."""
        write_state_dict(self.state_dict(), weights)
        content = {"architecture": self.architecture.model_dump(), **about}
        config.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def save_in(self, folder: Path) -> None:
        """See `huse.model.contract.Towers`."""
        self.save(folder / WEIGHTS, folder / CONFIG, {})

    @classmethod
    def load_from(cls, folder: Path) -> Self:
        """See `huse.model.contract.Towers`."""
        return cls.load(folder / WEIGHTS, folder / CONFIG)

    @classmethod
    def load(cls, weights: Path, config: Path) -> Self:
        """Read a network that `save` wrote.

        Raises:
            InputError: a file is missing or damaged, or the two do not fit.
        """
        try:
            shape = json.loads(config.read_text(encoding="utf-8"))["architecture"]
            network = cls(Architecture.model_validate(shape))
            network.load_state_dict(load_file(weights))
        except OSError as error:
            raise InputError(f"{error.filename}: not found. Run `dvc repro train` to make the model.") from error
        except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            first = " ".join(line.strip() for line in str(error).splitlines()[:2])
            remedy = "Run `dvc repro`, or copy the folder again."
            raise InputError(f"{weights}, {config}: not a model of this kind ({first}). {remedy}") from error
        return network.eval()
