"""Trains a backbone on the catalogue's own pictures, to tell their classes apart (transfer learning).

First a new linear classifier learns over the frozen backbone; then also the backbone's last block or all of it, earlier
blocks in smaller steps. All randomness follows from the seed, the epoch and the picture, so an interrupted run
continues as if uninterrupted.

Letters: N pictures, S pixels a side of the network's input, D values a vector, C classes.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from huse.engine.devices import DTYPES
from huse.engine.torch_state import Checkpoint, named, under
from huse.errors import InputError
from huse.mixup import draw_mixture
from huse.progress import progress
from huse.settings import Settings
from huse.storage import Place
from huse.vision.backbones import Backbone
from huse.vision.geometry import Pixels
from huse.vision.known import copied_pictures
from huse.vision.learner import Learner
from huse.vision.preparing import PLAIN, Preparation, Task, digest_pictures, prepare

CURVE = ["epoch", "loss", "validation_loss", "validation_accuracy"]  # names of the metrics of an epoch

CHECKPOINT_SECONDS = 60.0
MIXTURES = 1  # a random stream apart from that of the order of pictures
WARM_UP = 0.1  # share of the backbone's steps in which its rate grows from 0


class FinetuneSettings(Settings):
    """How a backbone is trained on the catalogue's own pictures."""

    epochs: int = Field(
        default=5,
        ge=0,
        description="passes over the training pictures, at most; 0: off, the weights stay as they are",
    )
    head_epochs: int = Field(
        default=0,
        ge=0,
        description="first epochs, in which the backbone is frozen: 1 for pretrained weights, 0 for random ones",
    )
    layers: Literal["last_block", "all"] = Field(
        default="all", description="what learns afterwards: all layers, or only the last_block"
    )
    size: int | None = Field(
        default=None,
        ge=32,
        le=1024,
        description="pixels a side of the training pictures; null: backbone.size",
    )
    learning_rate: float = Field(
        default=0.001,
        gt=0,
        le=10,
        description="AdamW's, of the classifier; the backbone's rate grows from 0 and falls along a cosine",
    )
    layer_decay: float = Field(
        default=1,
        gt=0,
        le=1,
        description="rate of each block as a share of the next block's; 0.8 with pretrained weights",
    )
    weight_decay: float = Field(default=0.05, ge=0, description="AdamW's")
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="share of the target that is spread over all classes"
    )
    mixup: float = Field(
        default=0,
        ge=0,
        le=10,
        description="pictures and their classes are mixed in shares drawn from Beta(mixup, mixup); 0: off",
    )
    batch_size: int = Field(default=32, ge=2, description="pictures")
    patience: int = Field(default=3, ge=1, description="stop after so many epochs without a better validation accuracy")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description="of the arithmetic: float32, bfloat16; auto: bfloat16 where the hardware supports it",
    )


@dataclass(frozen=True)
class Pictures:
    """The pictures to train and validate on.

    Attributes:
        train: pictures of the training split, in row order; their views are those of the epochs, from 1 on.
        validation: pictures of the validation split, plain.
        train_classes: int64, of `train`.
        validation_classes: int64, of `validation`.
        classes: C.
    """

    train: Sequence[Task]
    validation: Sequence[Task]
    train_classes: npt.NDArray[np.int64]
    validation_classes: npt.NDArray[np.int64]
    classes: int

    @classmethod
    def of(cls, paths: Sequence[Place], split: npt.NDArray[Any], classes: npt.NDArray[np.int64]) -> "Pictures":
        """Build it from the catalogue; pictures of the test split are not opened.

        Objects of a store are copied to this machine, since every epoch reads them.

        Args:
            paths: N files, or objects.
            split: N names: train, validation or test.
            classes: N class numbers, without gaps.

        Raises:
            InputError: a picture cannot be read.
        """
        tasks = {}
        for name in ("train", "validation"):
            files = copied_pictures([path for path, own in zip(paths, split, strict=True) if own == name])
            tasks[name] = [
                Task(path, digest, (PLAIN,)) for path, digest in zip(files, digest_pictures(files), strict=True)
            ]
        train, validation = classes[split == "train"], classes[split == "validation"]
        return cls(tasks["train"], tasks["validation"], train, validation, int(classes.max()) + 1)


@dataclass
class Finetuned:
    """The result of training, beside the backbone, which is left in its best state.

    Attributes:
        curves: one dict an epoch: epoch, the mean loss, loss and accuracy on validation.
        best_epoch: the epoch whose state was kept.
    """

    curves: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0

    def best(self) -> dict[str, float]:
        """Return the metrics of the best epoch."""
        return self.curves[self.best_epoch - 1]


class _Run:
    """A training run: the learner and its progress."""

    def __init__(
        self, learner: Learner, pictures: Pictures, preparation: Preparation, settings: FinetuneSettings
    ) -> None:
        self.learner, self.pictures, self.preparation, self.settings = learner, pictures, preparation, settings
        self.batch_size = min(settings.batch_size, len(pictures.train))
        self.steps_an_epoch = len(pictures.train) // self.batch_size
        self.steps = settings.epochs * self.steps_an_epoch
        self.step = 0
        self.loss_sum = 0.0
        self.result = Finetuned()
        self.best: dict[str, Tensor] = {}

    @property
    def epoch(self) -> int:
        """The epoch of the next step, from 0."""
        return self.step // self.steps_an_epoch

    def rate_share(self) -> float:
        """Return the factor on the learning rates: 1 for the head alone, then a warm-up and half a cosine."""
        head_steps = self.settings.head_epochs * self.steps_an_epoch
        if self.step < head_steps:
            return 1.0
        share = (self.step - head_steps + 1) / (self.steps - head_steps + 1)
        return min(1.0, share / WARM_UP) * (1 + math.cos(math.pi * share)) / 2

    def rows_to_come(self, seed: int) -> npt.NDArray[np.int64]:
        """Return the remaining training pictures of this epoch, in its order."""
        order = np.random.default_rng([seed, self.epoch]).permutation(len(self.pictures.train))
        done = self.step % self.steps_an_epoch
        return order[done * self.batch_size : self.steps_an_epoch * self.batch_size]

    def learn(self, pixels: Pixels, rows: npt.NDArray[np.int64], seed: int) -> float:
        """Take one step and return its loss."""
        mixture = draw_mixture(len(rows), self.settings.mixup, np.random.default_rng([seed, self.step, MIXTURES]))
        loss = self.learner.loss(
            pixels,
            self.pictures.train_classes[rows],
            label_smoothing=self.settings.label_smoothing,
            mixture=mixture,
        )
        value = float(loss.detach())
        if not math.isfinite(value):
            named = ", ".join(str(self.pictures.train[row].path) for row in rows[:5].tolist())
            raise InputError(
                f"fine-tuning stopped at step {self.step + 1}: the loss is not finite (batch of {named}, …). Lower "
                "finetune_backbone.learning_rate."
            )
        self.learner.learn(loss, self.rate_share())
        self.step += 1
        self.loss_sum += value
        return value

    @torch.inference_mode()
    def validate(self, workers: int) -> tuple[float, float]:
        """Return mean cross-entropy and accuracy on the validation pictures."""
        self.learner.network.eval()
        batches = prepare(
            self.pictures.validation, self.preparation, workers=workers, batch_size=self.settings.batch_size
        )
        logits = torch.cat([self.learner.logits(pixels) for pixels in batches]).cpu()
        targets = torch.from_numpy(self.pictures.validation_classes)
        right = (logits.argmax(dim=1) == targets).float()
        return float(functional.cross_entropy(logits, targets)), float(right.mean())

    def last_accuracy(self) -> dict[str, float]:
        """Return the accuracy after the last whole epoch, for display."""
        return {"validation_accuracy": self.result.curves[-1]["validation_accuracy"]} if self.result.curves else {}

    def close_epoch(self, workers: int) -> None:
        """Validate, append a point to the curves, and keep the state if it is the best so far."""
        loss, accuracy = self.validate(workers)
        if not math.isfinite(loss):
            raise InputError(
                f"fine-tuning stopped after epoch {self.epoch}: the loss on validation is not finite. Lower "
                "finetune_backbone.learning_rate."
            )
        point = dict(zip(CURVE, (self.epoch, self.loss_sum / self.steps_an_epoch, loss, accuracy), strict=True))
        self.loss_sum = 0.0
        best = self.result.best() if self.best else None
        self.result.curves.append(point)
        if best is None or (accuracy, -loss) > (best["validation_accuracy"], -best["validation_loss"]):
            self.result.best_epoch = self.epoch
            self.best = self.learner.body_state()

    def is_done(self) -> bool:
        """Whether all epochs are done, or the patience is used up."""
        waited = len(self.result.curves) - max(self.result.best_epoch, self.settings.head_epochs)
        return self.step >= self.steps or waited >= self.settings.patience

    def save(self, checkpoint: Checkpoint) -> None:
        """Save all that the rest of the run depends on."""
        state = {"step": self.step, "loss_sum": self.loss_sum, **vars(self.result)}
        checkpoint.save({**self.learner.state(), **named("best", self.best)}, state)

    def resume(self, checkpoint: Checkpoint) -> bool:
        """Continue from a checkpoint, if there is one."""
        found = checkpoint.load()
        if found is None:
            return False
        tensors, state = found
        self.learner.restore(tensors)
        self.best = {name: value.to(self.learner.device) for name, value in under("best", tensors).items()}
        self.step, self.loss_sum = state["step"], state["loss_sum"]
        self.result = Finetuned(state["curves"], state["best_epoch"])
        return True


def finetune(
    backbone: Backbone,
    pictures: Pictures,
    preparation: Preparation,
    settings: FinetuneSettings,
    *,
    device: torch.device,
    workers: int,
    seed: int,
    checkpoint: Checkpoint,
) -> Finetuned:
    """Train a backbone in place and leave it in the state that is best on validation, on the CPU.

    Best is the highest accuracy, then the lowest cross-entropy, then the earliest.

    Args:
        backbone: from `huse.vision.backbones.load_backbone`.
        pictures: of the training and the validation split.
        preparation: how pictures become the network's input; training pictures are augmented anew in every epoch.
        settings: how to train; at least one epoch, and a dtype from `huse.engine.devices.resolve_dtype`: that of the
            arithmetic, the weights stay float32.
        device: see `huse.engine.devices.resolve_device`.
        workers: see `huse.vision.preparing.prepare`.
        seed: of everything random.
        checkpoint: stores the state after every epoch and every minute; training continues from the state that it
            holds.

    Raises:
        InputError: a picture cannot be read, or a loss is not finite.
    """
    torch.manual_seed(seed)
    learner = Learner(
        backbone,
        pictures.classes,
        learning_rate=settings.learning_rate,
        layer_decay=settings.layer_decay,
        weight_decay=settings.weight_decay,
        device=device,
        dtype=DTYPES[settings.dtype],
        seed=seed,
    )
    run = _Run(learner, pictures, preparation, settings)
    if run.resume(checkpoint):
        logging.info("fine-tuning goes on after step %d of %d", run.step, run.steps)
    saved = time.monotonic()
    with progress(total=run.steps, done=run.step, description="fine-tune", unit="step") as bar:
        while not run.is_done():
            learner.set_layers("head" if run.epoch < settings.head_epochs else settings.layers)
            order, start = run.rows_to_come(seed), 0
            tasks = [replace(pictures.train[row], views=(run.epoch + 1,)) for row in order.tolist()]
            for pixels in prepare(tasks, preparation, workers=workers, batch_size=run.batch_size):
                loss = run.learn(pixels, order[start : start + len(pixels)], seed)
                start += len(pixels)
                bar.set_postfix(loss=loss, **run.last_accuracy())
                bar.update()
                if time.monotonic() - saved > CHECKPOINT_SECONDS and start < len(order):
                    run.save(checkpoint)
                    saved = time.monotonic()
            run.close_epoch(workers)
            run.save(checkpoint)
            saved = time.monotonic()
    learner.network.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    backbone.module.load_state_dict(run.best)
    backbone.module.requires_grad_(False).eval()
    return run.result
