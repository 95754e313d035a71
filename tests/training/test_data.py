import numpy as np
import torch

from huse.model.methods import Classes
from huse.training.data import TrainingData


def test_rows_are_learned_from_or_validated_on_by_their_split_alone():
    split = np.array(["train", "test", "validation", "unseen", "train", "test"], dtype=object)
    data = TrainingData.of(
        np.zeros((1, 6, 2), np.float32),
        np.zeros((6, 3), np.float32),
        products=np.array([0, 1, 2, 0, 1, 2]),
        split=split,
        classes=Classes(torch.eye(3), torch.zeros(3, 3), None, torch.arange(3)[None]),
        similarity=np.eye(3),
        names=[str(row) for row in range(6)],
    )
    assert data.train.tolist() == [0, 4]
    assert data.validation.tolist() == [2]
    assert data.products.tolist() == [0, 1, 2, 0, 1, 2]
    assert torch.equal(data.targets(torch.tensor([1, 5])), torch.eye(3)[[1, 2]])
