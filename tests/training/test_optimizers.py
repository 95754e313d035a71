import pytest
import torch
from torch import nn

from huse.training.optimizers import OptimizerSettings, RMSPropTF, make_optimizer, schedule_factor


def test_schedules():
    assert [schedule_factor("constant", step, 10) for step in (0, 9)] == [1, 1]
    assert schedule_factor("cosine", 0, 10) == 1
    assert schedule_factor("cosine", 5, 10) == pytest.approx(0.5)


def test_warm_up_grows_evenly_and_the_schedule_begins_after_it():
    assert [schedule_factor("cosine", step, 13, 3) for step in range(4)] == [0.25, 0.5, 0.75, 1]
    assert schedule_factor("cosine", 8, 13, 3) == pytest.approx(0.5)
    assert schedule_factor("constant", 1, 13, 3) == 0.5


def test_rmsprop_has_the_papers_momentum():
    parameter = nn.Parameter(torch.zeros(1))
    made = make_optimizer(
        OptimizerSettings(optimizer="rmsprop", learning_rate=1.6192e-5, weight_decay=0, momentum=0.9), [parameter]
    )
    group = made.param_groups[0]
    assert (group["lr"], group["momentum"], group["alpha"]) == (1.6192e-5, 0.9, 0.9)


def test_rmsprop_of_tensorflow_by_hand():
    parameter = nn.Parameter(torch.tensor([1.0]))
    optimizer = RMSPropTF([parameter], learning_rate=0.1, momentum=0.9)
    weight, square, momentum = 1.0, 1.0, 0.0
    for gradient, rate in ((2.0, 0.1), (-1.0, 0.1), (0.5, 0.05)):
        parameter.grad = torch.tensor([gradient])
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        square = 0.9 * square + 0.1 * gradient**2
        momentum = 0.9 * momentum + rate * gradient / (square + 1e-10) ** 0.5
        weight -= momentum
        assert float(parameter.detach()) == pytest.approx(weight, rel=1e-6)


def test_the_two_rmsprops_differ_at_the_first_step():
    """PyTorch's first step is rate / √0.1 long whatever the gradient, TensorFlow's small where the gradient is."""
    moved = {}
    for name in ("rmsprop", "rmsprop_tf"):
        parameter = nn.Parameter(torch.zeros(1))
        optimizer = make_optimizer(
            OptimizerSettings(optimizer=name, learning_rate=0.1, weight_decay=0, momentum=0.9), [parameter]
        )
        parameter.grad = torch.tensor([0.001])
        optimizer.step()
        moved[name] = -float(parameter.detach())
    assert moved["rmsprop"] == pytest.approx(0.1 / 0.1**0.5, rel=1e-3)
    assert moved["rmsprop_tf"] == pytest.approx(0.1 * 0.001 / 0.9**0.5, rel=1e-3)


def test_weight_decay_is_of_matrices_alone_and_frozen_parameters_are_left():
    matrix, bias = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    frozen = nn.Parameter(torch.ones(3, 3), requires_grad=False)
    optimizer = make_optimizer(
        OptimizerSettings(optimizer="adamw", learning_rate=0.1, weight_decay=0.5, momentum=0), [matrix, bias, frozen]
    )
    assert [(group["params"][0].dim(), group["weight_decay"]) for group in optimizer.param_groups] == [(2, 0.5), (1, 0)]
    matrix.grad, bias.grad = torch.zeros(2, 2), torch.zeros(2)
    optimizer.step()
    assert matrix.detach().flatten().tolist() == pytest.approx([0.95] * 4)
    assert bias.tolist() == [1, 1]
