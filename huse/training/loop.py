"""The training loop: batches, all loss terms at every step, the best state on validation.

Letters: N products in a batch, K labels, C classes.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from huse.engine.devices import reproducible
from huse.engine.group import ALONE, Group
from huse.engine.torch_state import (
    Checkpoint,
    fingerprint,
    named,
    optimizer_state,
    random_state,
    restore_optimizer,
    restore_random,
    under,
)
from huse.errors import InputError
from huse.model.losses.graph import region_shares
from huse.model.methods import Batch, Losses, Method
from huse.model.network import Network
from huse.progress import Progress, progress
from huse.training.data import TrainingData
from huse.training.optimizers import OptimizerSettings, make_optimizer, schedule_factor
from huse.training.sampling import Sampling, SamplingSettings
from huse.training.shards import Shards
from huse.training.step import Inputs, Recorded, Step
from huse.training.validation import Criterion, score, validate

CHECKPOINT_SECONDS = 10.0
WATCHED_STEPS = 32  # on a GPU, between two checks that all losses are finite: each waits for all pending work

Point = dict[str, float]  # the metrics of an interval by name
VALIDATION = "validation/"  # prefix of the metrics of the validation split


class LoopSettings(SamplingSettings, OptimizerSettings):
    """How to optimise."""

    ema: float = Field(
        default=0,
        ge=0,
        lt=1,
        description="share of the averaged weights kept at each step, such as 0.99; 0: no averaging",
    )
    dtype: Literal["float32", "bfloat16", "auto"] = Field(
        default="float32",
        description="of the arithmetic: float32, bfloat16; auto: bfloat16 where the hardware supports it",
    )
    shards: int = Field(
        default=1,
        ge=1,
        description=(
            "parts of a batch that pass the towers apart, so that processes can share them; changes rounding, and what "
            "dropout drops"
        ),
    )
    steps: int = Field(default=600, ge=1, description="batches")
    validate_every: int = Field(default=50, ge=1, description="steps; the best state on validation is kept")
    patience: int | None = Field(
        default=None, ge=1, description="stop after so many validations without a better one; null: never"
    )
    criterion: Criterion = Field(
        default="accuracy",
        description=(
            "what is best: accuracy (of image and text); recall_at_1, average_precision, ahp; all: their mean"
        ),
    )

    @model_validator(mode="after")
    def _warm_up_fits(self) -> Self:
        if self.warm_up >= self.steps:
            raise ValueError("warm_up: expected fewer than steps")
        return self

    @model_validator(mode="after")
    def _shards_fit(self) -> Self:
        if self.shards > self.batch_size:
            raise ValueError("shards: expected at most batch_size")
        return self


@dataclass
class Trained:
    """The result of training, beside the network, which is left in its best state.

    Attributes:
        curves: one dict an interval: step, the means of the loss and its terms over the interval, the metrics of
            validation, and the shares of pairs in the regions of sigma at the last step.
        best_step: the step whose state was kept.
        resumed_at: steps taken by an earlier process.
    """

    curves: list[Point] = field(default_factory=list)
    best_step: int = 0
    resumed_at: int = 0

    def best(self) -> Point:
        """Return the metrics of the best step."""
        return next(point for point in self.curves if point["step"] == self.best_step)


class _Run:
    """A training run: what learns, and its progress."""

    def __init__(
        self,
        network: Network,
        data: TrainingData,
        method: Method,
        losses: Losses,
        settings: LoopSettings,
        *,
        seed: int,
        group: Group,
    ) -> None:
        self.network, self.data, self.method, self.losses, self.settings = network, data, method, losses, settings
        self.group, self.device = group, data.texts.device
        self.sampling = Sampling(data.products[data.train].cpu().numpy(), settings.batch_size, settings.sampler, seed)
        optimizer = make_optimizer(settings, network.parameters())
        self.stepper = Step(
            *(network, data, method, losses, optimizer),
            dtype=settings.dtype,
            ema=settings.ema,
            shards=Shards(settings.shards, group),
        )
        on_gpu = self.device.type == "cuda"
        recorded = on_gpu and method.recordable and settings.shards == 1
        self.take = Recorded(self.stepper, self.device) if recorded else self.stepper
        self.unseen: list[tuple[int, Tensor, Tensor]] = []  # step from 0, its losses, and which embeddings are finite
        self.watched = WATCHED_STEPS if on_gpu else 1
        self.step = 0
        self.sums: dict[str, Tensor] = {}
        self.result = Trained()
        self.best: dict[str, Tensor] = {}
        self.best_score = -math.inf

    def learn(self) -> None:
        """Take one step.

        Raises:
            InputError: a loss is not finite; names the step, the term and the pictures. On a GPU this comes some steps
                later.
        """
        taken = self.take(self._inputs(self.step))
        self.unseen.append((self.step, taken.losses.clone(), taken.finite.clone()))
        self.step += 1
        for name, value in zip(("loss", *self.stepper.terms), taken.losses, strict=True):
            self.sums[name] = self.sums.get(name, 0) + value
        if len(self.unseen) >= self.watched or self.ends_interval():
            self.check()
        if self.ends_interval():
            self._close_interval(taken.batch)

    def _inputs(self, step: int) -> Inputs:
        """Draw the inputs of a step."""
        settings, sampling = self.settings, self.sampling
        rate = settings.learning_rate * schedule_factor(settings.schedule, step, settings.steps, settings.warm_up)
        rows, views = sampling.rows(step), sampling.views(step, len(self.data.images))
        mixture = sampling.mixture(step, settings.mixup)
        mixed = () if mixture is None else (mixture[0], torch.from_numpy(mixture[1]))
        seeds = None if settings.shards == 1 else sampling.seeds(step, settings.shards)
        return Inputs(torch.from_numpy(rows), torch.from_numpy(views), rate, seeds, *mixed)

    def check(self) -> None:
        """Raise an error at the first unseen step whose loss is not finite; waits for a GPU."""
        seen, self.unseen = self.unseen, []
        fine = torch.stack([losses for _, losses, _ in seen]).isfinite().all(dim=1).tolist() if seen else []
        if not all(fine):
            step, losses, finite = seen[fine.index(False)]
            rows = self.data.train[torch.from_numpy(self.sampling.rows(step)).to(self.device)]
            names = [self.data.names[row] for row in rows.tolist()]
            raise InputError(_not_finite(step + 1, self.stepper.terms, losses, finite, names))

    def ends_interval(self) -> bool:
        """Whether the last step was the last one of an interval."""
        return self.step % self.settings.validate_every == 0 or self.step == self.settings.steps

    def _close_interval(self, batch: Batch) -> None:
        """Validate, append a point to the curves, and keep the state if it is the best so far."""
        since = self.step - (int(self.result.curves[-1]["step"]) if self.result.curves else 0)
        network = self.network if self.stepper.average is None else self.stepper.average
        self.group.agree(
            fingerprint(network.state_dict()),
            f"after step {self.step} they have other weights: they round otherwise. Use machines of one kind, with the "
            "same versions.",
        )
        by_means = self.method.head == "class_means"
        if by_means or network.architecture.settings.class_pull:
            data, train = self.data, self.data.train
            network.fit_class_means(
                *(data.images[0, train], data.texts[train], data.targets(train)),
                score=by_means,
                present=None if data.present is None else data.present[:, train],
            )
        metrics = validate(network, self.data)
        if not all(math.isfinite(value) for value in metrics.values()):
            raise InputError(f"training stopped at step {self.step}: scores are not finite. Lower train.learning_rate.")
        # In the order of the terms, which a checkpoint does not keep.
        means = {name: float(self.sums[name] / since) for name in ("loss", *self.stepper.terms)}
        point = {"step": self.step, **means}
        point |= {f"{VALIDATION}{name}": value for name, value in metrics.items()}
        if self.method.graph:
            margin, embeddings = self.losses.graph.margin, batch.embeddings.detach()
            blocks = region_shares(embeddings, batch.products, batch.classes.distances, margin, present=batch.embedded)
            point |= {f"regions/{block}/{name}": share for block, of in blocks.items() for name, share in of.items()}
        self.sums = {}
        self.result.curves.append(point)
        value = score(metrics, self.settings.criterion)
        if value > self.best_score:
            self.best_score, self.result.best_step = value, self.step
            self.best = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def is_done(self) -> bool:
        """Whether all steps are done, or the patience is used up."""
        waited = self.step - self.result.best_step if self.result.curves else 0
        patience = self.settings.patience
        return self.step >= self.settings.steps or (
            patience is not None and waited >= patience * self.settings.validate_every
        )

    def save(self, checkpoint: Checkpoint) -> None:
        """Save all that the rest of the run depends on; the first process alone does."""
        if not self.group.leads:
            return
        self.check()
        tensors = {
            **named("network", self.network.state_dict()),
            **named("optimizer", optimizer_state(self.stepper.optimizer)),
            **named("random", random_state(self.device)),
            **named("sums", self.sums),
            **named("best", self.best),
        }
        if self.stepper.average is not None:
            tensors |= named("average", self.stepper.average.state_dict())
        state = {"curves": self.result.curves, "best_step": self.result.best_step}
        checkpoint.save(tensors, {"step": self.step, "best_score": self.best_score, **state})

    def resume(self, checkpoint: Checkpoint) -> bool:
        """Continue from a checkpoint, if there is one; the first process's."""
        found = self.group.share(checkpoint.load() if self.group.leads else None)
        if found is None:
            return False
        tensors, state = found
        self.network.load_state_dict(under("network", tensors))
        restore_optimizer(self.stepper.optimizer, under("optimizer", tensors))
        restore_random(self.device, under("random", tensors))
        if self.stepper.average is not None:
            self.stepper.average.load_state_dict(under("average", tensors))
        self.stepper.is_first = False
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
    settings: LoopSettings,
    *,
    seed: int,
    checkpoint: Checkpoint,
    report: Callable[[Point], None] = lambda point: None,
    bar: Progress[None] | None = None,
    group: Group = ALONE,
) -> Trained:
    """Train `network` in place and leave it in the state that is best on validation, the earliest of equally good ones.

    The network is initialised, its scalers fitted, and its head fixed if the method does not train it; it is on the
    data's device. Everything random follows from the seed. The checkpoint stores the state from time to time, and
    training continues from the state that it holds. `report` gets the metrics of every interval; when a run continues,
    the earlier ones first. `bar` counts the steps; None: one of its own does, and shows the metrics.

    In a group, every process is given the same, and ends with the same network. The first one's checkpoint is used, and
    its `report` called.

    Raises:
        InputError: a loss, or a score on validation, is not finite.
    """
    torch.manual_seed(seed)
    run = _Run(network, data, method, losses, settings, seed=seed, group=group)
    if run.resume(checkpoint):
        logging.info("training goes on after step %d of %d", run.step, settings.steps)
    for point in run.result.curves if group.leads else ():
        report(point)
    network.train()
    saved = time.monotonic()
    counts = bar or progress(total=settings.steps, done=run.step, description="train", unit="step")
    with reproducible(), nullcontext() if bar else counts:
        while not run.is_done():
            run.learn()
            if group.leads:
                counts.update()
            if group.leads and run.ends_interval():
                point = run.result.curves[-1]
                report(point)
                shown = {name.removeprefix(VALIDATION): value for name, value in point.items() if VALIDATION in name}
                if bar is None:
                    counts.set_postfix(loss=point["loss"], **shown)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                run.save(checkpoint)
                saved = time.monotonic()
    network.load_state_dict(run.best)
    network.eval()
    return run.result


def _not_finite(step: int, terms: Sequence[str], losses: Tensor, finite: Tensor, names: list[str]) -> str:
    """Say which term is not finite, and for which pictures: those with embeddings that are not, else the batch."""
    values = dict(zip(terms, losses[1:].tolist(), strict=True))
    broken = [f"{name} = {value}" for name, value in values.items() if not math.isfinite(value)]
    at = [name for name, fine in zip(names, finite.tolist(), strict=True) if not fine]
    where = f"at the embeddings of {_some(at)}" if at else f"batch of {_some(names)}"
    return (
        f"training stopped at step {step}: {', '.join(broken) or 'the sum of the losses'} is not finite ({where}). "
        "Lower train.learning_rate, or look into these products' vectors."
    )


def _some(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
