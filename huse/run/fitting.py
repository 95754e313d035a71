"""From parameters and artefacts to a trained network.

Part of the edge: what the stage `train` and the comparison of methods share.

Letters: N products, F features, K labels, C classes, D dimension of the shared space.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from huse.engine.devices import resolve_dtype
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.labels.graph import class_distances
from huse.labels.vectors import tree_distances, unit_sphere_vectors
from huse.model.contract import MODALITIES
from huse.model.methods import Classes, Method, find_method
from huse.model.network import Architecture, Network
from huse.run import paths
from huse.run.artifacts import fingerprint_products, halves, read_array, read_labels, read_table, read_vectors
from huse.run.params.train import TrainParams
from huse.run.place import Run
from huse.taxonomy import ClassTree
from huse.training.data import TrainingData
from huse.training.targets import class_targets, class_vectors, fit_label_vectors, margin

# The code that the result of a training depends on: all that this module and the loop import, directly or not.
ROOMS = ("engine", "labels", "model", "run", "training")
MODULES = (
    "errors",
    "files",
    "kinds",
    "metrics",
    "mixup",
    "nesting",
    "object_copies",
    "progress",
    "settings",
    "storage",
    "taxonomy",
    "weights",
)
TRAINING_CODE = (*(f"huse/{room}" for room in ROOMS), *(f"huse/{module}.py" for module in MODULES))

BLOCK = 8192  # products at a time, where all of them at once would take memory
CHANGED_COSINE = 0.01  # of label vectors that do not fit the shared space; a greater change is remarked on


@dataclass(frozen=True)
class Artefacts:
    """What the stages before training have made, in row order.

    Attributes:
        products: the table of the catalogue.
        images: (V + 1) × N × F float32 image vectors.
        texts: N × F' float32 text vectors.
        labels: the content of labels.json.
        adjacency: K × K float32.
        label_vectors: K × E float32.
    """

    products: pd.DataFrame
    images: npt.NDArray[np.float32]
    texts: npt.NDArray[np.float32]
    labels: dict[str, Any]
    adjacency: npt.NDArray[np.float32]
    label_vectors: npt.NDArray[np.float32]

    @classmethod
    def read(cls, here: Run) -> "Artefacts":
        """Read them, and check them against each other.

        Raises:
            InputError: one is missing, or made from other products.
        """
        products = read_table(here / paths.PRODUCTS, ["row", "image", "name", "classes", "class_index", "split"])
        labels = read_labels(here / paths.LABELS, products=products)
        count = len(labels["labels"])
        return cls(
            products,
            read_vectors(here / paths.IMAGE_VECTORS, products=products, views=True),
            read_vectors(here / paths.TEXT_VECTORS, products=products),
            labels,
            read_array(here / paths.ADJACENCY, shape=(count, count)),
            read_array(here / paths.LABEL_VECTORS, shape=(count, None)),
        )

    def fingerprints(self, here: Run) -> dict[str, str]:
        """Return what the content of every artefact is known by; `here` is where they were read."""
        arrays = paths.IMAGE_VECTORS, paths.TEXT_VECTORS, paths.ADJACENCY, paths.LABEL_VECTORS
        files = {str(path): fingerprint_file(here / path) for path in (*arrays, paths.LABELS)}
        return {"products": fingerprint_products(self.products), **files}


@dataclass(frozen=True)
class Fitting:
    """All that one training run needs: a fresh network whose scalers are fitted, and the data on its device."""

    network: Network
    data: TrainingData
    method: Method
    settings: TrainParams


def prepare_fitting(artefacts: Artefacts, params: TrainParams, seed: int, device: torch.device) -> Fitting:
    """Make the network, its weights from the seed, and all that it is to be trained with.

    Raises:
        InputError: the method is unknown, or parameters do not make sense with it.
    """
    method = check_method(params, artefacts.labels["scheme"])
    tree, class_labels = ClassTree.of(artefacts.labels["classes"]), artefacts.labels["class_labels"]
    targets = class_targets(class_labels, len(artefacts.labels["labels"]))
    if params.graph.distances == "tree":
        distances = tree_distances(tree.hops)
    else:
        distances = class_distances(artefacts.adjacency, class_labels)
    label_vectors = None
    if method.class_vectors:
        vectors = unit_sphere_vectors(tree) if params.class_vectors == "tree" else artefacts.label_vectors
        label_vectors, changed = fit_label_vectors(vectors, params.dimension)
        if changed > CHANGED_COSINE:
            logging.warning(
                "%d class vectors do not fit into %d dimensions without a change: cosines change by up to %.3f",
                *(len(label_vectors), params.dimension, changed),
            )
    classes = Classes(
        targets,
        torch.from_numpy(distances),
        None if label_vectors is None else class_vectors(label_vectors, targets),
        torch.from_numpy(tree.levels),
    )
    products, there = artefacts.products, halves(artefacts.products)
    data = TrainingData.of(
        artefacts.images,
        artefacts.texts,
        products=products["class_index"].to_numpy(np.int64),
        split=products["split"].to_numpy(),
        classes=classes,
        similarity=tree.similarity,
        names=products["image"].where(there["image"], products["name"]).tolist(),
        present=np.stack([there[modality] for modality in MODALITIES]),
    )
    check_pairs(params.method, products[products["split"] == "train"])
    torch.manual_seed(seed)
    trains_head = method.head in ("shared", "separate")
    settings = params.changed(
        head=params.head if trains_head else "cosine",
        dtype=resolve_dtype(params.dtype, device),
        graph=params.graph.changed(zeta=margin(classes.distances, params.graph.zeta, params.graph.zeta_quantile)),
    )
    network = Network(
        Architecture(
            image_features=data.images.shape[2],
            text_features=data.texts.shape[1],
            labels=targets.shape[1],
            separate_heads=method.head == "separate",
            settings=settings,
        )
    )
    for modality, views in zip(MODALITIES, (data.images, data.texts[None]), strict=True):
        train = data.having(modality, data.train)
        if len(train):
            network.tower(modality).fit_scaler(
                (view[rows] for view in views for rows in torch.split(train, BLOCK)),
                scaling=settings.text_scaling if modality == "text" else "each",
            )
    if method.head == "label_vectors" and label_vectors is not None:
        network.fix_head(label_vectors)
    elif method.head == "class_means":
        network.fix_head(network.heads[0].weight)  # type: ignore[arg-type]
    return Fitting(network.to(device), data.to(device), method, settings)


def can_learn(name: str, train: pd.DataFrame) -> bool:
    """Whether training products have what a method learns from: some learn from a picture with a name alone."""
    return not find_method(name).pairs_only or bool(np.logical_and(*halves(train).values()).any())


def check_pairs(name: str, train: pd.DataFrame) -> None:
    """Refuse a method that learns from pairs alone where no training product has both a picture and a name.

    Raises:
        InputError: says so.
    """
    if not can_learn(name, train):
        raise InputError(
            f"params.yaml: train.method {name}: it learns from products with both a picture and a name, and no "
            "training product has both. Choose another method."
        )


def check_method(params: TrainParams, scheme: str) -> Method:
    """Return the method, and refuse parameters that make no sense with it or with the scheme of the labels.

    Raises:
        InputError: there is no such method; or names the parameters that do not fit it, and says why.
    """
    method = find_method(params.method)
    name = f"params.yaml: train.method {params.method}"
    if method.class_vectors and params.relu_last:
        raise InputError(
            f"{name}: relu_last keeps embeddings from negative numbers, which class vectors have. Set it to false."
        )
    if method.linear_head_only and params.head != "linear":
        raise InputError(
            f"{name}: its loss holds the logits themselves against 0 and 1, which a scaled cosine head cannot reach. "
            "Set train.head to linear."
        )
    if method.head == "label_vectors" and params.class_vectors == "tree" and scheme == "levels":
        raise InputError(
            f"{name}: it scores labels by their vectors, and the tree has vectors of classes alone, not of the labels "
            "of label_graph.scheme levels. Set train.class_vectors to labels, or the scheme to leaf."
        )
    if method.head in ("label_vectors", "class_means") and params.mixup > 0:
        raise InputError(f"{name}: mixup mixes what is classified, and it classifies nothing. Set train.mixup to 0.")
    return method
