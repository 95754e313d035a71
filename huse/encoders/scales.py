"""By what the vectors of one encoder are divided beside those of others."""

import numpy as np
import numpy.typing as npt


def block_scale(training: npt.NDArray[np.float32]) -> float:
    """Return by what to divide a block so that its variance, summed over the D' values, is 1.

    So no block drowns another, however many values it has, and within a block the values keep their proportions. Where
    the training vectors do not vary, it is 1.

    Args:
        training: n × D' float32 vectors of the training split.
    """
    spread = float(np.sqrt(training.var(axis=0, dtype=np.float64).sum())) if len(training) else 0.0
    return spread if spread > 0 else 1.0
