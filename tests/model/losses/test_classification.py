import numpy as np
import pytest
import torch

from huse.model.losses.classification import classification_loss


def test_by_hand():
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1]]))
    assert float(classification_loss(logits, torch.tensor([[0.0, 1.0, 0.0]]))) == pytest.approx(-np.log(0.2), rel=1e-6)
    uniform = classification_loss(logits, torch.tensor([[0.5, 0.5, 0.0]]))
    assert float(uniform) == pytest.approx(-(np.log(0.7) + np.log(0.2)) / 2, rel=1e-6)
