import numpy as np
import pytest
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


@pytest.mark.parametrize(("missing", "known"), [((0, 1), False), ((0, 0), True), ((1, 2), True)])
def test_halves_are_masked_only_where_training_or_validation_lacks_one(missing, known):
    """Row 1 is of the test split: training on what is whole must stay what it was, to the bit."""
    present = np.ones((2, 4), bool)
    present[missing] = False
    data = TrainingData.of(
        np.zeros((1, 4, 2), np.float32),
        np.zeros((4, 3), np.float32),
        products=np.array([0, 1, 2, 0]),
        split=np.array(["train", "test", "validation", "train"], dtype=object),
        classes=Classes(torch.eye(3), torch.zeros(3, 3), None, torch.arange(3)[None]),
        similarity=np.eye(3),
        names=list("abcd"),
        present=present,
    )
    assert (data.present is not None) == known
    assert data.having("image", data.train).tolist() == ([3] if missing == (0, 0) else [0, 3])
    assert data.having("text", data.validation).tolist() == ([] if missing == (1, 2) else [2])
