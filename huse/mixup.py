"""How a batch is mixed (mixup: Zhang et al. 2018, arXiv 1710.09412)."""

import numpy as np
import numpy.typing as npt

Mixture = tuple[float, npt.NDArray[np.int64]]  # an item's own share; for each of n items the place of the other


def draw_mixture(count: int, alpha: float, generator: np.random.Generator) -> Mixture | None:
    """Draw how the items of a batch are mixed.

    Args:
        count: n.
        alpha: parameter of Beta(alpha, alpha), which an item's own share is drawn from; 0: no mixing.
        generator: source of randomness.

    Returns:
        An item's own share, and for each item the place in the batch of the one mixed in; None: no mixing.
    """
    if alpha == 0:
        return None
    return float(generator.beta(alpha, alpha)), generator.permutation(count)
