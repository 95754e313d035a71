"""Further networks for pictures beside torchvision's: add new ones here."""

from collections.abc import Callable

from torch import nn

# Name → function that returns the network with random weights: a classifier of N × 3 × S × S float32, normalised by
# ImageNet's mean and deviation, whose last linear layer is the classification layer.
NETWORKS: dict[str, Callable[[], nn.Module]] = {}
