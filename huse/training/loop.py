"""The training loop: batches, all loss terms at every step, the best state on validation.

Letters: N products in a batch, K labels, C classes.
"""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from huse.devices import DTYPES
from huse.errors import InputError
from huse.model.losses.graph import region_shares
from huse.model.methods import Batch, Losses, Method, Terms
from huse.model.network import Network
from huse.progress import progress
from huse.torch_state import named, optimizer_state, random_state, restore_optimizer, restore_random, under
from huse.training.data import TrainingData
from huse.training.optimizers import OptimizerName, Schedule, make_optimizer, schedule_factor
from huse.training.sampling import Sampler, Sampling
from huse.training.validation import Criterion, score, validate

CHECKPOINT_SECONDS = 10.0

Point = dict[str, float]  # the figures of an interval, by name
VALIDATION = "validation/"  # begins the names of those on the validation split


class Checkpoint(Protocol):
    """Keeps the state of a run; see `huse.checkpoints.Checkpoint`."""

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return what was saved last, or None."""

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Keep a state."""


@dataclass(frozen=True)
class Settings:
    """How to optimise; see ``train`` in params.yaml for units and effects."""

    optimizer: OptimizerName
    learning_rate: float
    schedule: Schedule
    warm_up: int
    weight_decay: float
    momentum: float
    sampler: Sampler
    batch_size: int
    steps: int
    mixup: float
    ema: float
    validate_every: int
    patience: int | None
    criterion: Criterion
    dtype: str


@dataclass
class Trained:
    """What training gives, beside the network, which is left in its best state.

    Attributes:
        curves: one dict an interval: step, the mean of the loss and of each of its terms since the last one, the
            figures on validation, and the shares of pairs in the regions of sigma at its last step.
        best_step: the step whose state was kept.
        resumed_at: steps that an earlier process had taken.
    """

    curves: list[Point] = field(default_factory=list)
    best_step: int = 0
    resumed_at: int = 0

    def best(self) -> Point:
        """Return the figures of the best step."""
        return next(point for point in self.curves if point["step"] == self.best_step)


def forward(
    network: Network, data: TrainingData, rows: Tensor, views: Tensor, mixture: tuple[float, Tensor] | None
) -> Batch:
    """Pass products through towers and head, and where they are to be mixed, their mixtures too.

    Args:
        network: on the data's device.
        data: of the catalogue.
        rows: n row numbers.
        views: of each product's picture, n.
        mixture: share and partners, see `huse.training.sampling.Sampling.mixture`. Mixed vectors and targets are what
            is classified; losses on pairs see the products as they are.
    """
    vectors = {"image": data.images[views, rows], "text": data.texts[rows]}
    targets = data.targets(rows)
    images, texts = network.tower("image")(vectors["image"]), network.tower("text")(vectors["text"])
    classified = {"image": images, "text": texts}
    if mixture is not None:
        share, partners = mixture
        targets = torch.lerp(targets[partners], targets, share)
        classified = {
            modality: network.tower(modality)(torch.lerp(value[partners], value, share))  # type: ignore[arg-type]
            for modality, value in vectors.items()
        }
    logits = network.logits("image", classified["image"]), network.logits("text", classified["text"])
    return Batch(images, texts, logits, targets, data.products[rows], data.classes)


class _Run:
    """A training run: the network, its optimizer, and where it stands."""

    def __init__(
        self,
        network: Network,
        data: TrainingData,
        method: Method,
        losses: Losses,
        settings: Settings,
        *,
        seed: int,
    ) -> None:
        self.network, self.data, self.method, self.losses, self.settings = network, data, method, losses, settings
        self.device = data.texts.device
        self.sampling = Sampling(data.products[data.train].cpu().numpy(), settings.batch_size, settings.sampler, seed)
        self.optimizer = make_optimizer(
            settings.optimizer,
            network.parameters(),
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            momentum=settings.momentum,
        )
        self.average = (
            AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(settings.ema)) if settings.ema else None  # type: ignore[no-untyped-call]
        )
        self.step = 0
        self.sums: dict[str, Tensor] = {}
        self.result = Trained()
        self.best: dict[str, Tensor] = {}
        self.best_score = -math.inf

    def learn(self) -> None:
        """Take one step.

        Raises:
            InputError: a loss is not finite; names the step, the term and the pictures.
        """
        settings, step = self.settings, self.step
        rows = self.data.train[torch.from_numpy(self.sampling.rows(step)).to(self.device)]
        views = torch.from_numpy(self.sampling.views(step, len(self.data.images))).to(self.device)
        mixture = self.sampling.mixture(step, settings.mixup)
        mixed = None if mixture is None else (mixture[0], torch.from_numpy(mixture[1]).to(self.device))
        dtype = DTYPES[settings.dtype]
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            batch = forward(self.network, self.data, rows, views, mixed)
            terms = self.method.terms(batch, self.losses)
            loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
        if not any(weight for weight, _ in terms.values()):
            raise InputError(f"params.yaml: train: the weights of {', '.join(terms)} are all 0: nothing to learn.")
        if not torch.isfinite(loss):
            raise InputError(_not_finite(step + 1, terms, batch, [self.data.names[row] for row in rows.tolist()]))
        rate = settings.learning_rate * schedule_factor(settings.schedule, step, settings.steps, settings.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.step += 1
        for name, value in {"loss": loss, **{name: value for name, (_, value) in terms.items()}}.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()
        if self.ends_interval():
            self._close_interval(batch)

    def ends_interval(self) -> bool:
        """Whether the last step was the last one of an interval."""
        return self.step % self.settings.validate_every == 0 or self.step == self.settings.steps

    def _close_interval(self, batch: Batch) -> None:
        """Validate, append a point to the curves, and keep the state if it is the best so far."""
        since = self.step - (int(self.result.curves[-1]["step"]) if self.result.curves else 0)
        network: Network = self.network if self.average is None else self.average.module  # type: ignore[assignment]
        by_means = self.method.head == "class_means"
        if by_means or network.architecture.class_pull:
            data, train = self.data, self.data.train
            network.fit_class_means(data.images[0, train], data.texts[train], data.targets(train), score=by_means)
        figures = validate(network, self.data)
        if not all(math.isfinite(value) for value in figures.values()):
            raise InputError(f"training stopped at step {self.step}: scores are not finite. Lower train.learning_rate.")
        point = {"step": self.step, **{name: float(total / since) for name, total in self.sums.items()}}
        point |= {f"{VALIDATION}{name}": value for name, value in figures.items()}
        if self.method.graph:
            point |= self._regions(batch)
        self.sums = {}
        self.result.curves.append(point)
        value = score(figures, self.settings.criterion)
        if value > self.best_score:
            self.best_score, self.result.best_step = value, self.step
            self.best = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def _regions(self, batch: Batch) -> Point:
        shares = region_shares(
            batch.embeddings.detach(), batch.products, batch.classes.distances, self.losses.graph.zeta
        )
        return {f"regions/{block}/{region}": share for block, of in shares.items() for region, share in of.items()}

    def is_done(self) -> bool:
        """Whether all steps are done, or the last intervals brought nothing."""
        waited = self.step - self.result.best_step if self.result.curves else 0
        patience = self.settings.patience
        return self.step >= self.settings.steps or (
            patience is not None and waited >= patience * self.settings.validate_every
        )

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep all that decides how the run goes on."""
        tensors = {
            **named("network", self.network.state_dict()),
            **named("optimizer", optimizer_state(self.optimizer)),
            **named("random", random_state(self.device)),
            **named("sums", self.sums),
            **named("best", self.best),
        }
        if self.average is not None:
            tensors |= named("average", self.average.state_dict())
        state = {"curves": self.result.curves, "best_step": self.result.best_step}
        checkpoint.save(tensors, {"step": self.step, "best_score": self.best_score, **state})

    def resume(self, checkpoint: Checkpoint) -> bool:
        """Go on from a checkpoint, if there is one."""
        found = checkpoint.load()
        if found is None:
            return False
        tensors, state = found
        self.network.load_state_dict(under("network", tensors))
        restore_optimizer(self.optimizer, under("optimizer", tensors))
        restore_random(self.device, under("random", tensors))
        if self.average is not None:
            self.average.load_state_dict(under("average", tensors))
        self.sums, self.best = (
            {name: value.to(self.device) for name, value in under(kind, tensors).items()} for kind in ("sums", "best")
        )
        self.step, self.best_score = state["step"], state["best_score"]
        self.result = Trained(state["curves"], state["best_step"], resumed_at=self.step)
        return True


def train(
    network: Network,
    data: TrainingData,
    method: Method,
    losses: Losses,
    settings: Settings,
    *,
    seed: int,
    checkpoint: Checkpoint,
    report: Callable[[Point], None] = lambda point: None,
) -> Trained:
    """Train `network` in place and leave it in the state that is best on validation.

    Of equally good states the earliest is kept.

    Args:
        network: freshly initialised, its scalers fitted, a head that is not trained fixed; on the device to use.
        data: on the same device.
        method: what is trained.
        losses: weights and settings of its loss terms.
        settings: how to optimise.
        seed: of everything random.
        checkpoint: keeps the state now and then; what it holds is gone on with.
        report: is told the figures of every interval, those of a run that goes on from the beginning.

    Raises:
        InputError: a loss, or a score on validation, is not finite.
    """
    torch.manual_seed(seed)
    run = _Run(network, data, method, losses, settings, seed=seed)
    if run.resume(checkpoint):
        logging.info("training goes on after step %d of %d", run.step, settings.steps)
    for point in run.result.curves:
        report(point)
    network.train()
    saved = time.monotonic()
    with progress(total=settings.steps, done=run.step, description="train", unit="step") as bar:
        while not run.is_done():
            run.learn()
            bar.update()
            if run.ends_interval():
                point = run.result.curves[-1]
                report(point)
                bar.set_postfix(**_shown(point))
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                run.save(checkpoint)
                saved = time.monotonic()
    network.load_state_dict(run.best)
    network.eval()
    return run.result


def _shown(point: Point) -> Point:
    found = {name.removeprefix(VALIDATION): value for name, value in point.items() if name.startswith(VALIDATION)}
    return {"loss": point["loss"], **found}


def _not_finite(step: int, terms: Terms, batch: Batch, names: list[str]) -> str:
    """Say which term is not finite, and at which products: those whose embeddings are not, or else the batch."""
    broken = [f"{name} = {value.item()}" for name, (_, value) in terms.items() if not torch.isfinite(value)]
    finite = torch.isfinite(batch.images).all(dim=1) & torch.isfinite(batch.texts).all(dim=1)
    at = [name for name, fine in zip(names, finite.tolist(), strict=True) if not fine]
    where = f"at the embeddings of {_some(at)}" if at else f"batch of {_some(names)}"
    return (
        f"training stopped at step {step}: {', '.join(broken) or 'the sum of the losses'} is not finite ({where}). "
        "Lower train.learning_rate, or look into these products' vectors."
    )


def _some(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
