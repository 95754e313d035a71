"""Classification losses.

Letters: n rows, K labels.
"""

from torch import Tensor
from torch.nn import functional


def classification_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Softmax cross entropy, mean over all rows (HUSE, arXiv 1911.05978, eq. 7 and 8).

    The paper's eq. 7 sums its denominator over a wrong index; the sum runs over the K labels.

    Args:
        logits: n × K.
        targets: n × K float32, each row a distribution over the labels: one-hot in the scheme `leaf`, uniform over
            a product's labels in `levels`.
    """
    return functional.cross_entropy(logits.float(), targets)
