"""The part of a batch that is there: a product may lack its picture or its name.

Masks keep their shapes whatever is missing, so that a step can be recorded as a CUDA graph.
"""

from torch import Tensor


def mean_present(values: Tensor, present: Tensor | None) -> Tensor:
    """Return the mean of the values that are there, 0 if none is.

    Args:
        values: any shape.
        present: bool, the same shape; None: all are there.
    """
    if present is None:
        return values.mean()
    mean: Tensor = (values * present).sum() / present.sum().clamp(min=1)
    return mean
