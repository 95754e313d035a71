"""A network for pictures as its family makes it: without its classifier, and what it was made for.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from torch import Tensor, nn

from huse.vision.geometry import CROP, Geometry, Interpolation

Colour = tuple[float, float, float]

# Mean and deviation of ImageNet's RGB values in 0 to 1, which torchvision's models were trained with.
MEAN: Colour = (0.485, 0.456, 0.406)
STD: Colour = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class InputFormat:
    """The pictures that a network was made for.

    Attributes:
        size: S.
        geometry: how a picture becomes a square; see `huse.vision.geometry`.
        crop: share of the resized side that the geometry `crop` keeps.
        interpolation: of resizing.
        mean: of the values of red, green and blue, in 0 to 1, by which they are normalised.
        std: their deviation.
    """

    size: int = 224
    geometry: Geometry = "crop"
    crop: float = CROP
    interpolation: Interpolation = "bilinear"
    mean: Colour = MEAN
    std: Colour = STD

    def __post_init__(self) -> None:
        """Check what files of others say; raises a `ValueError`."""
        if self.size < 1 or not 0 < self.crop <= 1 or not all(0 < value < inf for value in self.std):
            raise ValueError(
                f"expected pictures of a size, a share of them from 0 to 1 and deviations above 0, found {self.size}, "
                f"{self.crop:g} and {self.std}"
            )


IMAGENET = InputFormat()


@dataclass(frozen=True)
class Skeleton:
    """A network with random weights.

    Attributes:
        module: N × 3 × S × S float32, normalised, to N × D.
        dimension: D.
        classifier: how names of weights begin that files of such networks may have beside those of the module.
        unused: how names of weights begin that the module has, and that take no part in a vector.
        made_for: the pictures it was made for.
        options: what makes the same network, beside its name; JSON.
        translated: turns a state dict in the format of the network's authors into one with the module's own names.
        blocks: from the input on, the names of the parameters that learn at one rate; None: found from the modules.
    """

    module: nn.Module
    dimension: int
    classifier: tuple[str, ...]
    unused: tuple[str, ...] = ()
    made_for: InputFormat = IMAGENET
    options: Mapping[str, Any] = field(default_factory=dict)
    translated: Callable[[dict[str, Tensor]], Mapping[str, Tensor]] | None = None
    blocks: list[list[str]] | None = None
