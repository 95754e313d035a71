"""Optimizers and learning-rate schedules by name."""

import math
from collections.abc import Iterable
from typing import Literal

from torch import nn, optim

OptimizerName = Literal["adamw", "rmsprop"]
Schedule = Literal["constant", "cosine"]


def make_optimizer(
    name: OptimizerName,
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
) -> optim.Optimizer:
    """Return the optimizer.

    Args:
        name: ``adamw``, or ``rmsprop`` as the paper's (momentum; squares smoothed by 0.9, the value of the
            framework the paper was most likely written in, instead of PyTorch's 0.99).
        parameters: to optimise.
        learning_rate: at the start of the schedule.
        weight_decay: of adamw.
        momentum: of rmsprop.
    """
    if name == "adamw":
        return optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)
    return optim.RMSprop(parameters, lr=learning_rate, momentum=momentum, alpha=0.9)


def schedule_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return the factor on the learning rate at `step`, counted from 0, of `steps`."""
    return 1.0 if schedule == "constant" else 0.5 * (1 + math.cos(math.pi * step / steps))
