"""Training: steps beside their bare matrix products, and loss terms beside loops and pytorch-metric-learning."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy.typing as npt
import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import TripletMarginMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer
from torch import Tensor
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from benchmarks.harness import Work
from huse.devices import DTYPES, resolve_device
from huse.fitting import make_losses
from huse.model.losses.contrastive import supervised_contrastive_loss
from huse.model.losses.graph import graph_loss
from huse.model.losses.triplets import adamine_loss, triplet_loss
from huse.model.methods import Classes, find_method
from huse.model.network import Architecture, Network
from huse.params.reader import read_section
from huse.params.train import TrainParams
from huse.training import step
from huse.training.data import TrainingData
from huse.training.loop import Settings, train

SIZE = 512  # of everything: input features, hidden layers, shared space
IMAGE_LAYERS, TEXT_LAYERS = 5, 2
CLASSES = 50
ZETA, MARGIN, TEMPERATURE = 0.5, 0.2, 0.1

Loss = Callable[[Tensor, Tensor], Tensor]


class _NoCheckpoint:
    def load(self) -> None:
        """There is nothing to go on with."""

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Keep nothing."""


def steps(dtype: str, batch_size: int, count: int, device: str = "cpu", recorded: bool = True) -> Work:
    """Train HUSE for `count` steps, all pairs in the graph loss; on a GPU recorded as a CUDA graph, or not."""
    if not recorded:
        step.WARM_UP = count
    on = resolve_device(device)
    params = read_section(TrainParams, "train")
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
        names=[str(row) for row in range(products)],
    )
    torch.manual_seed(0)
    shape = Architecture(
        image_features=SIZE,
        text_features=SIZE,
        labels=CLASSES,
        dimension=SIZE,
        width=SIZE,
        image_layers=IMAGE_LAYERS,
        text_layers=TEXT_LAYERS,
        dropout=0.15,
        relu_last=False,
        head="cosine",
        scale=16.0,
        separate_heads=False,
        class_pull=0.0,
    )
    network, data = Network(shape).to(on), data.to(on)
    values = params.model_dump(include=set(Settings.__dataclass_fields__))
    run = {"dtype": dtype, "batch_size": batch_size, "steps": count, "validate_every": count}
    settings, losses = Settings(**{**values, **run}), make_losses(params, ZETA)

    def work() -> npt.ArrayLike:
        trained = train(network, data, find_method("huse"), losses, settings, seed=0, checkpoint=_NoCheckpoint())
        return [trained.curves[-1]["loss"]]

    return work


def kernel_seconds(dtype: str, batch_size: int, count: int) -> Work:
    """Return the seconds that a GPU works in such steps, one kernel after the other."""
    train_steps = steps(dtype, batch_size, count, "cuda")

    def work() -> npt.ArrayLike:
        with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiled:
            train_steps()
        microseconds: float = sum(event.self_device_time_total for event in profiled.key_averages())
        return [microseconds / 1e6]

    return work


def matrix_products(dtype: str, batch_size: int, count: int, device: str = "cpu") -> Work:
    """Do the matrix products of `count` such steps and nothing else.

    Of every layer one forward and two backward, but for the first ones, whose input needs no gradient; of the head the
    same; of the graph loss the M × M cosines, and their gradient times the embeddings, once, as it is symmetric.
    """
    low, rows = DTYPES[dtype], 2 * batch_size

    def make(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device).to(low)

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
        if device == "cuda":
            torch.cuda.synchronize()
        return [0.0]

    return work


def _batch(products: int, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Return raw embeddings of both modalities, class numbers, and distances of classes."""
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(2 * products, SIZE, generator=generator).to(device).requires_grad_()
    table = torch.rand(CLASSES, CLASSES, generator=generator)
    classes = torch.randint(CLASSES, (products,), generator=generator)
    return raw, classes.to(device), ((table + table.T) / 2).fill_diagonal_(0).to(device)


def _value_and_gradient(raw: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """Return some of the gradient of the embeddings, and the loss."""
    raw.grad = None
    value = loss(functional.normalize(raw, dim=1))
    value.backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None
    return torch.cat([raw.grad[:4, :4].flatten(), value.detach()[None]])


def graph(products: int) -> Work:
    """Compute the graph loss of a batch, forward and backward."""
    raw, classes, table = _batch(products)
    loss = partial(graph_loss, classes=classes, distances=table, sigma="or", zeta=ZETA)
    return lambda: _value_and_gradient(raw, loss).numpy()


def graph_on_gpu(products: int) -> Work:
    """Compute the same on a GPU, recorded as a CUDA graph, as a training step has it."""
    raw, classes, table = _batch(products, "cuda")
    loss = partial(graph_loss, classes=classes, distances=table, sigma="or", zeta=ZETA)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        _value_and_gradient(raw, loss)
    torch.cuda.synchronize()
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        values = _value_and_gradient(raw, loss)

    def work() -> npt.ArrayLike:
        recorded.replay()
        found: npt.ArrayLike = values.cpu().numpy()
        return found

    return work


def graph_loops(products: int, device: str = "cpu") -> Work:
    """Compute it in nested loops over products and modalities, as the notebook that this project replaces did."""
    raw, classes, table = _batch(products, device)

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

    return lambda: _value_and_gradient(raw, loss).cpu().numpy()


def _peer_triplets() -> Loss:
    cosine = CosineSimilarity()
    miner = TripletMarginMiner(margin=MARGIN, distance=cosine, type_of_triplets="semihard")
    loss = TripletMarginLoss(margin=MARGIN, distance=cosine, reducer=AvgNonZeroReducer())
    return lambda unit, classes: loss(unit, classes.repeat(2), miner(unit, classes.repeat(2)))


def _peer_adamine() -> Loss:
    """AdaMine's triplets of products: those of classes draw a partner at random, and have no peer."""
    loss = TripletMarginLoss(margin=MARGIN, distance=CosineSimilarity(), reducer=AvgNonZeroReducer())

    def both(unit: Tensor, classes: Tensor) -> Tensor:
        (images, texts), own = unit.chunk(2), torch.arange(len(classes))
        ways = ((images, texts), (texts, images))
        terms = [loss(one, own, ref_emb=other, ref_labels=own.clone()) for one, other in ways]
        return torch.stack(terms).sum() / 4

    return both


def _peer_contrast() -> Loss:
    loss = SupConLoss(temperature=TEMPERATURE, distance=CosineSimilarity())
    return lambda unit, classes: loss(unit, classes.repeat(2))


def _adamine(unit: Tensor, classes: Tensor) -> Tensor:
    images, texts = unit.chunk(2)
    return adamine_loss(images, texts, classes, MARGIN, semantic=0.0)


OURS: dict[str, Loss] = {
    "triplets": lambda unit, classes: triplet_loss(unit, classes.repeat(2), MARGIN, "all_semi_hard"),
    "adamine": _adamine,
    "contrast": lambda unit, classes: supervised_contrastive_loss(unit, classes.repeat(2), TEMPERATURE),
}
PEERS: dict[str, Callable[[], Loss]] = {
    "triplets": _peer_triplets,
    "adamine": _peer_adamine,
    "contrast": _peer_contrast,
}


def term(name: str, products: int) -> Work:
    """Compute one of our loss terms, forward and backward."""
    raw, classes, _ = _batch(products)
    return lambda: _value_and_gradient(raw, lambda unit: OURS[name](unit, classes)).numpy()


def peer(name: str, products: int) -> Work:
    """Compute the same by pytorch-metric-learning."""
    raw, classes, _ = _batch(products)
    loss = PEERS[name]()
    return lambda: _value_and_gradient(raw, lambda unit: loss(unit, classes)).numpy()
