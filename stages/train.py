"""Trains the two towers and the shared classification layer (HUSE 3 and 4.2).

Reads the products, data/vectors/image.npy ((V + 1) × N × F float32) and text.npy (N × F' float32), the label graph
(data/labels/adjacency.npy, K × K float32, and labels.json).

Writes data/model/model.safetensors and config.json; the embeddings of all rows, data/embeddings/image.npy
and text.npy (N × D float32, unit norm), and their class scores scores_image.npy and scores_text.npy
(N × K float32, softmax); metrics/train.json and metrics/losses.csv, the loss curves.
"""

import time
from dataclasses import fields

import numpy as np
import pandas as pd
import torch

from huse import paths
from huse.artifacts import Outputs, fingerprint_products, read_array, read_labels, read_table, read_vectors, read_views
from huse.devices import resolve_device
from huse.labels.graph import class_distances
from huse.model.methods import Weights
from huse.model.network import Architecture, Network
from huse.params.machine import MachineParams
from huse.params.reader import read_section, read_seed
from huse.params.train import TrainParams
from huse.training.loop import Settings, TrainingData, train
from huse.training.targets import margin
from stages.runner import run


def main() -> str:
    """Run the stage."""
    params, seed = read_section(TrainParams, "train"), read_seed()
    products = read_table(paths.PRODUCTS, ["row", "image", "name", "classes", "class_index", "split"])
    labels = read_labels(paths.LABELS, products=products)
    count = len(labels["labels"])
    adjacency = read_array(paths.ADJACENCY, shape=(count, count))
    distances = class_distances(adjacency, labels["class_labels"])
    data = TrainingData.of(
        read_views(paths.IMAGE_VECTORS, products=products),
        read_vectors(paths.TEXT_VECTORS, products=products),
        classes=products["class_index"].to_numpy(np.int64),
        split=products["split"].to_numpy(),
        class_labels=labels["class_labels"],
        distances=distances,
    )
    zeta = margin(data.distances, params.graph.zeta, params.graph.zeta_quantile)
    graph = params.graph
    weights = Weights(params.alpha, params.beta, params.gamma, graph.sigma, zeta, graph.pairs)
    settings = Settings(weights=weights, **params.model_dump(include={field.name for field in fields(Settings)}))
    torch.manual_seed(seed)
    shape = params.model_dump(include={field.name for field in fields(Architecture)})
    network = Network(Architecture(data.images.shape[2], data.texts.shape[1], labels=count, **shape))
    network.image_tower.fit_scaler(data.images[:, data.train].flatten(0, 1))
    network.text_tower.fit_scaler(data.texts[data.train])
    device = resolve_device(read_section(MachineParams, "machine").device)
    data, network = data.to(device), network.to(device)
    start = time.perf_counter()
    trained = train(network, data, settings, seed, products["image"].tolist())
    rate = params.steps / (time.perf_counter() - start)
    best = next(point for point in trained.curves if point["step"] == trained.best_step)

    rows, values = fingerprint_products(products), params.model_dump()
    with Outputs() as outputs:
        about = {"labels": labels, "params": values, "seed": seed, "rows": rows}
        network.save(outputs.path(paths.MODEL), outputs.path(paths.MODEL_CONFIG), about)
        for tower, vectors, embeddings_path, scores_path in (
            (network.image_tower, data.images[0], paths.IMAGE_EMBEDDINGS, paths.IMAGE_SCORES),
            (network.text_tower, data.texts, paths.TEXT_EMBEDDINGS, paths.TEXT_SCORES),
        ):
            embeddings, scores = network.embed(tower, vectors)
            outputs.vectors(embeddings_path, embeddings.cpu().numpy(), rows=rows, parameters=values)
            outputs.vectors(scores_path, scores.cpu().numpy(), rows=rows, parameters=values)
        outputs.table(paths.LOSS_CURVES, pd.DataFrame(trained.curves).round(6))
        regions = {"zeta": zeta, "regions": trained.regions}
        outputs.json(paths.TRAIN_METRICS, {"best_step": trained.best_step, "best": best, "graph": regions})
    size = min(params.batch_size, len(data.train))
    image, text = best["validation_image_accuracy"], best["validation_text_accuracy"]
    return (
        f"train: {len(data.train)} products, {params.steps} steps of {size}, {rate:.0f} steps/s, best at "
        f"{trained.best_step}: image {image:.3f}, text {text:.3f} on validation"
    )


if __name__ == "__main__":
    run(main)
