"""Classification losses.

Letters: n rows, K labels.
"""

from torch import Tensor
from torch.nn import functional

from huse.model.losses.present import mean_present


def classification_loss(logits: Tensor, targets: Tensor, present: Tensor | None = None) -> Tensor:
    """Softmax cross entropy, mean over all rows (HUSE, arXiv 1911.05978, eq. 7 and 8).

    The paper's eq. 7 sums its denominator over a wrong index; the sum runs over the K labels.

    Args:
        logits: n × K.
        targets: n × K float32, each row a distribution over the labels: one-hot in the scheme `leaf`, uniform over
            a product's labels in `levels`.
        present: n bool, the rows that count; None: all.
    """
    if present is None:
        return functional.cross_entropy(logits.float(), targets)
    return mean_present(functional.cross_entropy(logits.float(), targets, reduction="none"), present)
