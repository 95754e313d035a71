"""A small world of three classes, and how a network of it is trained."""

import numpy as np
import pytest
import torch

from huse.model.methods import (
    AdaMine,
    Classes,
    Cme,
    Contrast,
    Devise,
    Dscmr,
    Graph,
    Hie,
    Losses,
    Triplet,
)
from huse.model.network import Architecture, Network
from huse.training.data import TrainingData
from huse.training.loop import Settings
from huse.training.targets import class_targets, class_vectors

LOSSES = Losses(
    alpha=1,
    beta=10,
    gamma=1,
    graph=Graph("stress", "or", 0.5, "all", "all"),
    triplet=Triplet(0.1, "semi_hard"),
    cme=Cme(0.98, 0.01, 0.1),
    adamine=AdaMine(0.3, 0.1),
    devise=Devise("hinge", 0.1),
    hie=Hie(0.1),
    dscmr=Dscmr(0.001, 0.1),
    contrast=Contrast(0.3, 0.1, 0.5),
)
SETTINGS = Settings(
    optimizer="adamw", learning_rate=0.003, schedule="cosine", warm_up=0, weight_decay=0.01, momentum=0.9,
    sampler="random", batch_size=32, steps=120, mixup=0, ema=0, validate_every=40, patience=None,
    criterion="accuracy", dtype="float32",
)  # fmt: skip


class MemoryCheckpoint:
    """Keeps states in a list."""

    def __init__(self):
        self.saved = []

    def load(self):
        return self.saved[-1] if self.saved else None

    def save(self, tensors, state):
        self.saved.append(({name: value.clone() for name, value in tensors.items()}, dict(state)))


@pytest.fixture
def data():
    """Three classes as clouds around three points, in both modalities."""
    random = np.random.default_rng(0)
    products = np.arange(120) % 3
    images = random.normal(size=(3, 6))[products] * 2 + random.normal(size=(120, 6))
    texts = random.normal(size=(3, 5))[products] * 2 + random.normal(size=(120, 5))
    targets = class_targets([[0], [1], [2]], 3)
    return TrainingData.of(
        images.astype(np.float32)[None],
        texts.astype(np.float32),
        products=products,
        split=np.array(["train"] * 80 + ["validation"] * 40),
        classes=Classes(
            targets,
            torch.tensor([[0, 0.3, 0.9], [0.3, 0, 0.9], [0.9, 0.9, 0]]),
            class_vectors(torch.eye(3, 8), targets),
            torch.tensor([[0, 0, 1], [0, 1, 2]]),
        ),
        similarity=np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]),
        names=[f"{number}.jpg" for number in range(120)],
    )


@pytest.fixture
def make_network():
    """Make a network of that world."""

    def make(seed=1, labels=3, head="cosine", separate_heads=False, class_pull=0.0):
        torch.manual_seed(seed)
        return Network(
            Architecture(
                image_features=6,
                text_features=5,
                labels=labels,
                dimension=8,
                width=16,
                image_layers=3,
                text_layers=2,
                dropout=0.1,
                relu_last=False,
                head=head,
                scale=16,
                separate_heads=separate_heads,
                class_pull=class_pull,
            )
        )

    return make
