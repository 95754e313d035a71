"""The training loop: random batches, all loss terms at every step, the best state on validation.

Letters: N items, V views of a picture beside the plain one, F features, K labels, C classes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, optim

from huse.errors import InputError
from huse.model.losses import region_shares
from huse.model.methods import Batch, Terms, Weights, find_method
from huse.model.network import Network
from huse.progress import progress
from huse.training.optimizers import OptimizerName, Schedule, make_optimizer, schedule_factor
from huse.training.targets import class_targets


@dataclass(frozen=True)
class TrainingData:
    """What the loop needs to know of the products, in row order.

    Attributes:
        images: (V + 1) × N × F float32 image vectors; the plain ones come first.
        texts: N × F' float32 text vectors.
        classes: N int64 class numbers.
        train: int64 rows of the training split.
        validation: int64 rows of the validation split.
        targets: C × K float32, each class's distribution over the labels.
        distances: C × C float32, the distance that products of two classes should have.
    """

    images: Tensor
    texts: Tensor
    classes: Tensor
    train: Tensor
    validation: Tensor
    targets: Tensor
    distances: Tensor

    @classmethod
    def of(
        cls,
        images: npt.NDArray[np.float32],
        texts: npt.NDArray[np.float32],
        *,
        classes: npt.NDArray[np.int64],
        split: npt.NDArray[Any],
        class_labels: Sequence[Sequence[int]],
        distances: npt.NDArray[np.float32],
    ) -> "TrainingData":
        """Put together arrays in row order, as the artefacts hold them.

        Args:
            images: (V + 1) × N × F.
            texts: N × F'.
            classes: N class numbers.
            split: N names: train, validation or test.
            class_labels: C lists of label numbers; the labels are numbered without gaps.
            distances: C × C.
        """
        return cls(
            images=torch.from_numpy(images),
            texts=torch.from_numpy(texts),
            classes=torch.tensor(classes),
            train=torch.from_numpy(np.flatnonzero(split == "train")),
            validation=torch.from_numpy(np.flatnonzero(split == "validation")),
            targets=class_targets(class_labels, 1 + max(max(members) for members in class_labels)),
            distances=torch.from_numpy(distances),
        )

    def to(self, device: torch.device) -> "TrainingData":
        """Return the same on `device`."""
        return TrainingData(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True)
class Settings:
    """How to optimise; see ``train`` in params.yaml for units and effects."""

    method: str
    weights: Weights
    optimizer: OptimizerName
    learning_rate: float
    schedule: Schedule
    weight_decay: float
    momentum: float
    batch_size: int
    steps: int
    validate_every: int


@dataclass(frozen=True)
class Trained:
    """What training gives, beside the network, which is left in its best state.

    Attributes:
        curves: one dict each `validate_every` steps: step, the mean of each loss term since the last one,
            accuracies on validation.
        best_step: the step whose state was kept.
        regions: shares of pairs in the regions of sigma, see `region_shares`, at the last step.
    """

    curves: list[dict[str, float]]
    best_step: int
    regions: dict[str, dict[str, float]]


def batches(rows: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield random batches of rows without end: each pass visits the rows in a new order, and drops the rest.

    Args:
        rows: int64 row numbers.
        batch_size: rows a batch; all of them where there are fewer.
        generator: on the CPU; alone decides the order.
    """
    size = min(batch_size, len(rows))
    while True:
        order = torch.randperm(len(rows), generator=generator).to(rows.device)
        for start in range(0, len(rows) - size + 1, size):
            yield rows[order[start : start + size]]


def validation_accuracy(network: Network, data: TrainingData) -> tuple[float, float]:
    """Return the accuracy of images and of texts on the validation split.

    A row counts as the share of its label mass that lies on as many highest scores as it has labels: in the
    scheme `leaf`, 1 if the highest score is its class's. Not a number where a score is not finite.
    """
    targets = data.targets[data.classes[data.validation]]
    counts = (targets > 0).sum(dim=1)
    accuracies = []
    for tower, vectors in ((network.image_tower, data.images[0]), (network.text_tower, data.texts)):
        _, scores = network.embed(tower, vectors[data.validation])
        ranks = scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        accuracy = (targets * (ranks < counts[:, None])).sum(dim=1).mean()
        accuracies.append(float(accuracy) if torch.isfinite(scores).all() else math.nan)
    return accuracies[0], accuracies[1]


class _Record:
    """Keeps the curves and the best state while training goes on."""

    def __init__(self) -> None:
        self.curves: list[dict[str, float]] = []
        self.best_step = 0
        self.best_state: dict[str, Tensor] = {}
        self._best_score = -1.0
        self._sums: dict[str, Tensor] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Add the losses of one step."""
        self._sums = {name: self._sums.get(name, 0) + value.detach() for name, value in values.items()}

    def close_interval(self, step: int, network: Network, data: TrainingData) -> dict[str, float]:
        """Validate, append a point to the curves, and keep the state if it is the best so far.

        Raises:
            InputError: the last update has left a network whose scores are not finite.
        """
        since = step - (self.curves[-1]["step"] if self.curves else 0)
        image, text = validation_accuracy(network, data)
        if math.isnan(image + text):
            raise InputError(f"training stopped at step {step}: scores are not finite. Lower train.learning_rate.")
        point = {"step": step, **{name: float(total / since) for name, total in self._sums.items()}}
        point |= {"validation_image_accuracy": image, "validation_text_accuracy": text}
        self.curves.append(point)
        self._sums = {}
        if image + text > self._best_score:
            self._best_score, self.best_step = image + text, step
            self.best_state = {name: value.clone() for name, value in network.state_dict().items()}
        return point


def train(network: Network, data: TrainingData, settings: Settings, seed: int, images: Sequence[str]) -> Trained:
    """Train `network` in place and leave it in the state that is best on validation.

    Best is the highest mean of image and text accuracy on the validation split (the paper's criterion, 4.2),
    the earliest where several are equal.

    Args:
        network: freshly initialised, its scalers fitted; on the device to use.
        data: on the same device.
        settings: how to optimise.
        seed: of the order of the batches and of dropout.
        images: N picture names, for messages.

    Raises:
        InputError: a loss is not finite; names the step, the term and the pictures of the batch.
    """
    method = find_method(settings.method)
    torch.manual_seed(seed)
    stream = batches(data.train, settings.batch_size, torch.Generator().manual_seed(seed))
    views = torch.Generator().manual_seed(seed)
    optimizer = make_optimizer(
        settings.optimizer,
        network.parameters(),
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
    )
    schedule = optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: schedule_factor(settings.schedule, step, settings.steps)
    )
    record = _Record()
    network.train()
    with progress(total=settings.steps, description="train", unit="step") as bar:
        for step in range(1, settings.steps + 1):
            rows = next(stream)
            batch = forward(network, data, rows, draw_views(len(data.images), len(rows), views))
            terms = method(batch, settings.weights)
            loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
            if not torch.isfinite(loss):
                raise InputError(_not_finite(step, terms, [images[row] for row in rows[:5].tolist()]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            record.add({"loss": loss, **{name: value for name, (_, value) in terms.items()}})
            bar.update(1)
            if step % settings.validate_every == 0 or step == settings.steps:
                point = record.close_interval(step, network, data)
                shown = {name.removeprefix("validation_"): value for name, value in point.items()}
                bar.set_postfix(**shown)
    regions = region_shares(batch.embeddings, batch.wanted, settings.weights.zeta)
    network.load_state_dict(record.best_state)
    return Trained(record.curves, record.best_step, regions)


def draw_views(count: int, rows: int, generator: torch.Generator) -> Tensor:
    """Draw a view for each row of a batch, all as likely, the plain one among them.

    Args:
        count: V + 1.
        rows: of the batch.
        generator: on the CPU; alone decides.
    """
    return torch.randint(count, (rows,), generator=generator)


def forward(network: Network, data: TrainingData, rows: Tensor, views: Tensor) -> Batch:
    """Pass the pictures and names of `rows`, each picture in its view, through towers and head."""
    pictures = data.images[views.to(rows.device), rows]
    images, texts = network.image_tower(pictures), network.text_tower(data.texts[rows])
    embeddings = torch.cat([images, texts])
    classes = data.classes[rows].repeat(2)
    return Batch(
        embeddings=embeddings,
        logits=network.head(embeddings),
        targets=data.targets[classes],
        wanted=data.distances[classes][:, classes],
    )


def _not_finite(step: int, terms: Terms, images: Sequence[str]) -> str:
    broken = [f"{name} = {value.item()}" for name, (_, value) in terms.items() if not torch.isfinite(value)]
    return (
        f"training stopped at step {step}: {', '.join(broken) or 'the sum of the losses'} is not finite "
        f"(batch of {', '.join(images)}, …). Lower train.learning_rate, or look into these products' vectors."
    )
