"""Networks for pictures beside torchvision's own: the place to add one."""

from collections.abc import Callable

from torch import nn

# By name, what makes the network with random weights: a classifier of N × 3 × S × S float32, normalised by ImageNet's
# mean and deviation, whose last linear layer is the classification layer.
NETWORKS: dict[str, Callable[[], nn.Module]] = {}
