"""Training: steps beside their bare matrix products, and loss terms beside loops and pytorch-metric-learning."""

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from benchmarks.harness import Work
from benchmarks.sides.peers import adamine, contrast, triplets
from huse.engine.devices import DTYPES, resolve_device
from huse.engine.group import ALONE, Group
from huse.engine.launching import launch
from huse.labels.graph import class_distances
from huse.model.losses.graph import graph_loss
from huse.model.methods import Classes, find_method
from huse.model.network import Architecture, Network
from huse.run.params.train import TrainParams
from huse.run.place import Run
from huse.training import step
from huse.training.data import TrainingData
from huse.training.loop import train
from huse.training.targets import class_targets

SIZE = 512  # of input features, hidden layers and shared space
IMAGE_LAYERS, TEXT_LAYERS = 5, 2
CLASSES = 50
LEVELS = (5, 12, CLASSES)  # names of each level of the classes' paths, 67 labels like the notebook's
ZETA, MARGIN, TEMPERATURE = 0.5, 0.2, 0.1

NO_CHECKPOINT: Any = SimpleNamespace(load=lambda: None, save=lambda tensors, state: None)


def steps(
    dtype: str,
    batch_size: int,
    count: int,
    *,
    device: str = "cpu",
    recorded: bool = True,
    shards: int = 1,
    group: Group = ALONE,
) -> Work:
    """Train HUSE for `count` steps, all pairs in the graph loss; on a GPU recorded as a CUDA graph, or not."""
    if not recorded:
        step.WARM_UP = count
    on = resolve_device(device)
    generator = torch.Generator().manual_seed(0)
    products = 2 * batch_size + 20
    table = torch.rand(CLASSES, CLASSES, generator=generator)
    classes = Classes((targets := torch.eye(CLASSES)), ((table + table.T) / 2).fill_diagonal_(0), None, targets.long())
    data = TrainingData(
        images=torch.randn(1, products, SIZE, generator=generator),
        texts=torch.randn(products, SIZE, generator=generator),
        products=torch.randint(CLASSES, (products,), generator=generator),
        train=torch.arange(products - 20),
        validation=torch.arange(products - 20, products),
        classes=classes,
        similarity=torch.eye(CLASSES),
        names=[str(row) for row in range(products)],
    )
    torch.manual_seed(0)
    run = {"dtype": dtype, "batch_size": batch_size, "steps": count, "validate_every": count, "shards": shards}
    size = {"dimension": SIZE, "width": SIZE, "image_layers": IMAGE_LAYERS, "text_layers": TEXT_LAYERS}
    plain = {"dropout": 0.15, "relu_last": False, "head": "cosine", "scale": 16, "class_pull": 0}
    params = Run.find().section(TrainParams, "train")
    params = params.changed(**run, **size, **plain, graph=params.graph.changed(zeta=ZETA))
    shape = Architecture(image_features=SIZE, text_features=SIZE, labels=CLASSES, separate_heads=False, settings=params)
    network, data = Network(shape).to(on), data.to(on)

    def work() -> npt.ArrayLike:
        given = network, data, find_method("huse"), params, params
        trained = train(*given, seed=0, checkpoint=NO_CHECKPOINT, group=group)
        return [trained.curves[-1]["loss"]]

    return work


def shared(batch_size: int, count: int, shards: int, processes: int) -> Work:
    """Return the CPU seconds of the first of several processes in such steps."""

    def work() -> npt.ArrayLike:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "seconds")
            numbers = map(str, (batch_size, count, shards))
            if launch([sys.executable, "-m", "benchmarks.sides.shared", str(file), *numbers], processes):
                raise RuntimeError("a process failed; it says why")
            return [float(file.read_text(encoding="utf-8"))]

    return work


def kernel_seconds(dtype: str, batch_size: int, count: int) -> Work:
    """Return the seconds of GPU work in such steps, kernel by kernel."""
    train_steps = steps(dtype, batch_size, count, device="cuda")

    def work() -> npt.ArrayLike:
        with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiled:
            train_steps()
        microseconds: float = sum(event.self_device_time_total for event in profiled.key_averages())
        return [microseconds / 1e6]

    return work


def matrix_products(dtype: str, batch_size: int, count: int, device: str = "cpu") -> Work:
    """Do the matrix products of `count` such steps and nothing else.

    For every layer, and the head, one forward and two backward, except that the first layers' input needs no gradient;
    for the graph loss the M × M cosines, and their gradient times the embeddings, once, since it is symmetric.
    """
    on, low, rows = resolve_device(device), DTYPES[dtype], 2 * batch_size

    def make(*shape: int) -> Tensor:
        return torch.randn(*shape, device=on).to(low)

    layers = []  # input, weights, gradient of the output, whether the input needs one
    for depth in (IMAGE_LAYERS, TEXT_LAYERS):
        layers += [
            (make(batch_size, SIZE), make(SIZE, SIZE), make(batch_size, SIZE), layer > 0) for layer in range(depth)
        ]
    layers.append((make(rows, SIZE), make(SIZE, CLASSES), make(rows, CLASSES), True))
    embeddings, pairs = make(rows, SIZE), make(rows, rows)

    def work() -> npt.ArrayLike:
        for _ in range(count):
            for inputs, weights, gradient, needed in layers:
                inputs @ weights
                inputs.T @ gradient
                if needed:
                    gradient @ weights.T
            embeddings @ embeddings.T
            pairs @ embeddings
        if on.type == "cuda":
            torch.cuda.synchronize()
        return [0.0]

    return work


def _batch(products: int, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Return embeddings of both modalities, class numbers, and distances of classes."""
    generator = torch.Generator().manual_seed(0)
    unit = functional.normalize(torch.randn(2 * products, SIZE, generator=generator), dim=1)
    table = torch.rand(CLASSES, CLASSES, generator=generator)
    classes = torch.randint(CLASSES, (products,), generator=generator)
    return unit.to(device).requires_grad_(), classes.to(device), ((table + table.T) / 2).fill_diagonal_(0).to(device)


def _value_and_gradient(unit: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """Return part of the gradient of the embeddings, and the loss."""
    unit.grad = None
    value = loss(unit)
    value.backward()  # type: ignore[no-untyped-call]
    assert unit.grad is not None
    return torch.cat([unit.grad[:4, :4].flatten(), value.detach()[None]])


def _graph_loss(classes: Tensor, table: Tensor) -> Callable[[Tensor], Tensor]:
    return partial(graph_loss, classes=classes, distances=table, sigma="or", zeta=ZETA)


def graph(products: int) -> Work:
    """Compute the graph loss of a batch, forward and backward."""
    unit, classes, table = _batch(products)
    loss = _graph_loss(classes, table)
    return lambda: _value_and_gradient(unit, loss).numpy()


def graph_on_gpu(products: int) -> Work:
    """Compute the same on a GPU, recorded as a CUDA graph, as in a training step."""
    unit, classes, table = _batch(products, "cuda")
    loss = _graph_loss(classes, table)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        _value_and_gradient(unit, loss)
    torch.cuda.synchronize()
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        values = _value_and_gradient(unit, loss)

    def work() -> npt.ArrayLike:
        recorded.replay()
        found: npt.ArrayLike = values.cpu().numpy()
        return found

    return work


def graph_loops(products: int, device: str = "cpu") -> Work:
    """Compute it in nested loops over products and modalities."""
    unit, classes, table = _batch(products, device)

    def loss(unit: Tensor) -> Tensor:
        terms = []
        for one in range(products):
            for other in range(products):
                for row in (one, products + one):
                    for column in (other, products + other):
                        wanted, distance = table[classes[one], classes[other]], 1 - unit[row] @ unit[column]
                        if row != column and (wanted < ZETA or distance < ZETA):
                            terms.append((distance - wanted).square())
        return torch.stack(terms).sum() / (2 * products * (2 * products - 1))

    return lambda: _value_and_gradient(unit, loss).cpu().numpy()


def _labels() -> tuple[list[int], list[list[int]], Tensor]:
    """Return the level of each label, the labels of each class, and distances of labels."""
    level_of = [level for level, names in enumerate(LEVELS) for _ in range(names)]
    starts = [level_of.index(level) for level in range(len(LEVELS))]
    class_labels = [
        [start + number % names for start, names in zip(starts, LEVELS, strict=True)] for number in range(CLASSES)
    ]
    table = torch.rand(len(level_of), len(level_of), generator=torch.Generator().manual_seed(1))
    return level_of, class_labels, ((table + table.T) / 2).fill_diagonal_(0)


def graph_of_labels(products: int) -> Work:
    """Compute the graph loss of a batch; class distances, means over levels, are computed before, as in training."""
    unit, classes, _ = _batch(products)
    _, class_labels, distances = _labels()
    loss = _graph_loss(classes, torch.from_numpy(class_distances(distances.numpy(), class_labels)))
    return lambda: _value_and_gradient(unit, loss).numpy()


def graph_label_loops(products: int) -> Work:
    """Compute the same in four nested loops, over products and over the labels of both."""
    unit, classes, _ = _batch(products)
    level_of, class_labels, distances = _labels()
    labels = range(len(level_of))
    has = (class_targets(class_labels, len(level_of)) > 0)[classes]

    def loss(unit: Tensor) -> Tensor:
        total = unit.new_zeros(())
        for one in range(products):
            for other in range(products):
                wanted = unit.new_zeros(())
                for first in labels:
                    for second in labels:
                        if has[one, first] and has[other, second] and level_of[first] == level_of[second]:
                            wanted = wanted + distances[first, second] / len(LEVELS)
                apart = 1 - unit[one::products] @ unit[other::products].T  # picture and name of one, of the other
                acts = (wanted < ZETA) | (apart < ZETA)
                if one == other:
                    acts = acts & ~torch.eye(2, dtype=torch.bool)
                total = total + ((apart - wanted).square() * acts).sum()
        return total / (2 * products * (2 * products - 1))

    return lambda: _value_and_gradient(unit, loss).numpy()


TERMS = {"triplets": triplets(MARGIN), "adamine": adamine(MARGIN), "contrast": contrast(TEMPERATURE)}


def term(name: str, products: int) -> Work:
    """Compute one of our loss terms, forward and backward, normalising the embeddings as the peers do."""
    rows, classes, _ = _batch(products)
    loss, _ = TERMS[name]
    return lambda: _value_and_gradient(rows, lambda rows: loss(functional.normalize(rows, dim=1), classes)).numpy()


def peer(name: str, products: int) -> Work:
    """Compute the same by pytorch-metric-learning."""
    rows, classes, _ = _batch(products)
    _, loss = TERMS[name]
    return lambda: _value_and_gradient(rows, lambda rows: loss(rows, classes)).numpy()
