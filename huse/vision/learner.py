"""A backbone with a classifier while it learns: frozen layers, learning rates, one step.

Letters: N pictures, S pixels a side of the network's input, D values a vector, C classes.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from huse.engine.torch_state import named, optimizer_state, random_state, restore_optimizer, restore_random, under
from huse.mixup import Mixture
from huse.vision.backbones import BATCH_NORMS, Backbone, blocks, norms_are_placeholders
from huse.vision.geometry import Pixels
from huse.vision.network_input import normalise, upload

Layers = Literal["head", "last_block", "all"]


class _Classifier(nn.Module):
    """The backbone with a linear classifier on its vectors."""

    def __init__(self, body: nn.Module, dimension: int, classes: int, seed: int) -> None:
        super().__init__()
        self.body = body
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Linear(dimension, classes)
        nn.init.zeros_(self.head.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """N × 3 × S × S to N × C logits."""
        logits: Tensor = self.head(self.body(pictures))
        return logits


class Learner:
    """A backbone, a new linear classifier, and AdamW.

    Attributes:
        network: the backbone as `body`, the classifier as `head`, on `device`.
        device: where it is.
    """

    def __init__(
        self,
        backbone: Backbone,
        classes: int,
        *,
        learning_rate: float,
        layer_decay: float,
        weight_decay: float,
        device: torch.device,
        dtype: torch.dtype,
        seed: int,
    ) -> None:
        """Add a classifier to the backbone, which is moved to the device and trained in place.

        Args:
            backbone: any.
            classes: C.
            learning_rate: the greatest of the classifier.
            layer_decay: rate of a block as a share of the next block's.
            weight_decay: of AdamW.
            device: to learn on.
            dtype: of the arithmetic; the weights stay float32.
            seed: of the classifier's weights.
        """
        self.device, self._dtype, self._made_for = device, dtype, backbone.made_for
        self._blocks = blocks(backbone)
        self._frozen_norms = norms_are_placeholders(backbone)
        self.network = _Classifier(backbone.module, backbone.dimension, classes, seed)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = [list(self.network.head.parameters()), *reversed(self._blocks)]
        self._rates = [learning_rate * layer_decay**distance for distance in range(len(groups))]
        self._optimizer = optim.AdamW([{"params": group} for group in groups], weight_decay=weight_decay, fused=True)

    def set_layers(self, layers: Layers) -> None:
        """Choose what learns from now on; norms and dropout of frozen layers work as in evaluation.

        Args:
            layers: the classifier alone (``head``), or with it the backbone's ``last_block``, or ``all`` of it.
        """
        self.network.train(layers != "head")
        learning = {"head": [], "last_block": self._blocks[-1:], "all": self._blocks}[layers]
        self.network.body.requires_grad_(False)
        for block in learning:
            for parameter in block:
                parameter.requires_grad_(True)
        for module in self.network.modules():
            own = [parameter.requires_grad for parameter in module.parameters()]
            if own and not any(own):
                module.eval()  # with the dropout in it, which has no parameters
            if isinstance(module, BATCH_NORMS):
                learns = all(parameter.requires_grad for parameter in module.parameters())
                if self._frozen_norms or not learns:
                    module.eval().requires_grad_(False)

    def logits(self, pixels: Pixels) -> Tensor:
        """Classify pictures.

        Args:
            pixels: n × S × S × 3 uint8.

        Returns:
            n × C float32.
        """
        return self._logits(normalise(upload(pixels, self.device), self._made_for))

    def _logits(self, batch: Tensor) -> Tensor:
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
            logits: Tensor = self.network(batch)
        return logits.float()

    def loss(
        self, pixels: Pixels, classes: npt.NDArray[np.int64], *, label_smoothing: float, mixture: Mixture | None
    ) -> Tensor:
        """Return the mean cross-entropy of a batch, with mixing if wanted.

        Args:
            pixels: n × S × S × 3 uint8.
            classes: n class numbers.
            label_smoothing: share of the target that is spread over all classes.
            mixture: from `huse.mixup.draw_mixture`; None: the pictures as they are.
        """
        batch, targets = (
            normalise(upload(pixels, self.device), self._made_for),
            torch.from_numpy(classes).to(self.device),
        )
        if mixture is None:
            return functional.cross_entropy(self._logits(batch), targets, label_smoothing=label_smoothing)
        share, partners = mixture
        logits = self._logits(share * batch + (1 - share) * batch[partners])
        own, other = (
            functional.cross_entropy(logits, wanted, label_smoothing=label_smoothing)
            for wanted in (targets, targets[partners])
        )
        return share * own + (1 - share) * other

    def learn(self, loss: Tensor, share: float) -> None:
        """Take one step.

        Args:
            loss: from `loss`.
            share: factor on the learning rates.
        """
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def body_state(self) -> dict[str, Tensor]:
        """Return a copy of the backbone's weights."""
        return {name: tensor.detach().clone() for name, tensor in self.network.body.state_dict().items()}

    def state(self) -> dict[str, Tensor]:
        """Return all that further training depends on, torch's random state included."""
        return {
            **named("network", self.network.state_dict()),
            **named("optimizer", optimizer_state(self._optimizer)),
            **named("random", random_state(self.device)),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore what `state` returned."""
        self.network.load_state_dict(under("network", state))
        restore_optimizer(self._optimizer, under("optimizer", state))
        restore_random(self.device, under("random", state))
