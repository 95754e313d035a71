"""Optimizers and learning-rate schedules by name."""

import math
from collections.abc import Iterable
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn, optim

from huse.settings import Settings

OptimizerName = Literal["adamw", "rmsprop", "rmsprop_tf"]
Schedule = Literal["constant", "cosine"]

RMSPROP_DECAY = 0.9  # TensorFlow's; PyTorch's own default is 0.99
TF_EPSILON = 1e-10


class OptimizerSettings(Settings):
    """Settings of the optimizer and its learning rate."""

    optimizer: OptimizerName = Field(default="adamw", description="adamw; rmsprop: PyTorch's; rmsprop_tf: TensorFlow's")
    learning_rate: float = Field(default=0.001, gt=0, le=1000, description="the highest of the schedule")
    schedule: Schedule = Field(default="cosine", description="constant, or cosine down to 0")
    warm_up: int = Field(default=0, ge=0, description="first steps, over which the rate grows from 0")
    weight_decay: float = Field(default=0.01, ge=0, description="adamw")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="rmsprop, rmsprop_tf")


class RMSPropTF(optim.Optimizer):
    """RMSProp with momentum as in TensorFlow 1, which the paper's code most likely used.

    v ← 0.9 v + 0.1 g², from v = 1; m ← momentum · m + rate · g / √(v + 1e-10); w ← w - m. PyTorch's differs in four
    ways: v begins at 0, so the first steps are long; ε is 1e-8, outside the root; v is smoothed by 0.99; and the rate
    multiplies m when m is used, not when it is accumulated, which matters if the rate changes.
    """

    def __init__(self, parameters: Any, learning_rate: float, momentum: float) -> None:
        super().__init__(parameters, {"lr": learning_rate, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients: list[Tensor] = [parameter.grad for parameter in parameters]
            for parameter in parameters:
                if not self.state[parameter]:
                    self.state[parameter] = {
                        "mean_square": torch.ones_like(parameter),
                        "momentum": torch.zeros_like(parameter),
                    }
            squares = [self.state[parameter]["mean_square"] for parameter in parameters]
            momenta = [self.state[parameter]["momentum"] for parameter in parameters]
            torch._foreach_mul_(squares, RMSPROP_DECAY)
            torch._foreach_addcmul_(squares, gradients, gradients, value=1 - RMSPROP_DECAY)
            roots = torch._foreach_sqrt(torch._foreach_add(squares, TF_EPSILON))
            torch._foreach_mul_(momenta, group["momentum"])
            torch._foreach_addcdiv_(momenta, torch._foreach_mul(gradients, group["lr"]), roots)
            torch._foreach_sub_(parameters, momenta)


def make_optimizer(settings: OptimizerSettings, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """Return the optimizer of the parameters that learn.

    On a GPU its steps can be recorded as a CUDA graph if the learning rate is a tensor there. ``rmsprop`` is PyTorch's
    with squares smoothed by 0.9; for ``rmsprop_tf`` see `RMSPropTF`. Weight decay acts on matrices only, not on biases
    and scales.
    """
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    on_gpu = any(parameter.is_cuda for parameter in learning)
    rate = settings.learning_rate
    if settings.optimizer == "rmsprop":
        return optim.RMSprop(learning, lr=rate, momentum=settings.momentum, alpha=RMSPROP_DECAY, capturable=on_gpu)
    if settings.optimizer == "rmsprop_tf":
        return RMSPropTF(learning, rate, settings.momentum)
    matrices = [parameter for parameter in learning if parameter.dim() > 1]
    others = [parameter for parameter in learning if parameter.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return optim.AdamW([group for group in groups if group["params"]], lr=rate, fused=True, capturable=on_gpu)


def schedule_factor(schedule: Schedule, step: int, steps: int, warm_up: int = 0) -> float:
    """Return the factor on the learning rate at `step`, from 0, of `steps`; it grows linearly over the warm-up."""
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    if schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
