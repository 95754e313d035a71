"""How a batch is mixed (mixup: Zhang et al. 2018, arXiv 1710.09412)."""

import numpy as np
import numpy.typing as npt

Mixture = tuple[float, npt.NDArray[np.int64]]  # share of an item, and place of the one that makes up the rest, n


def draw_mixture(count: int, alpha: float, generator: np.random.Generator) -> Mixture | None:
    """Draw how the items of a batch are mixed.

    Args:
        count: n.
        alpha: of the Beta distribution from which the share of an item itself is drawn; 0: no mixing.
        generator: alone decides.

    Returns:
        The share, and for each item the place in the batch of the one that is mixed in; None where nothing is mixed.
    """
    if alpha == 0:
        return None
    return float(generator.beta(alpha, alpha)), generator.permutation(count)
