import pytest

from huse.experiments.tuning.space import Space


@pytest.fixture
def space():
    """A rate, a width, a choice."""
    return Space.model_validate(
        {
            "metrics": ["a.b"],
            "parameters": {
                "train.learning_rate": {"low": 0.0001, "high": 0.01, "log": True},
                "train.width": {"low": 16, "high": 64, "step": 16},
                "train.graph.sigma": {"choices": ["or", "hinge"]},
            },
        }
    )
