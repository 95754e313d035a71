"""From scores of labels to probabilities of classes, as the model does it.

Letters: N items, K labels, C classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from huse.errors import InputError
from huse.fusion import LogLinear, temper

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Classes:
    """The classes that the model knows.

    Attributes:
        paths: C class paths, such as ``beauty<makeup<lipstick``, sorted.
        labels: for each class, the numbers of its labels.
    """

    paths: list[str]
    labels: list[list[int]]


@dataclass(frozen=True)
class Fusion:
    """How scores become probabilities, chosen on the validation split.

    Attributes:
        log_linear: temperatures of both modalities, and the weight in the sum of their logarithms.
        average: weight of the image scores if the plain weighted average was better on validation; else None.
    """

    log_linear: LogLinear
    average: float | None

    def scores(self, image: Floats | None, text: Floats | None) -> Floats:
        """Return N × K scores fused from both modalities; those of one alone are calibrated by its temperature.

        Of an item with a row of NaN in one modality, they are those of the other.
        """
        if image is None or text is None:
            temperature = self.log_linear.image_temperature if text is None else self.log_linear.text_temperature
            alone = text if image is None else image
            if alone is None:
                raise InputError("expected images, texts or both, found neither.")
            return temper(alone, temperature)
        if self.average is None:
            return self.log_linear.scores(image, text)
        return self.log_linear.average(image, text, self.average)
