import pytest
import torch
from torch import nn

from huse.training.optimizers import OptimizerSettings, make_optimizer, schedule_factor


def test_schedules():
    assert [schedule_factor("constant", step, 10) for step in (0, 9)] == [1, 1]
    assert schedule_factor("cosine", 0, 10) == 1
    assert schedule_factor("cosine", 5, 10) == pytest.approx(0.5)


def test_warm_up_grows_evenly_and_the_schedule_begins_after_it():
    assert [schedule_factor("cosine", step, 13, 3) for step in range(4)] == [0.25, 0.5, 0.75, 1]
    assert schedule_factor("cosine", 8, 13, 3) == pytest.approx(0.5)
    assert schedule_factor("constant", 1, 13, 3) == 0.5


def test_rmsprop_of_tensorflow_by_hand():
    parameter = nn.Parameter(torch.tensor([1.0]))
    settings = OptimizerSettings(optimizer="rmsprop_tf", learning_rate=0.1, weight_decay=0, momentum=0.9)
    optimizer = make_optimizer(settings, [parameter])
    weight, square, momentum = 1.0, 1.0, 0.0
    for gradient, rate in ((2.0, 0.1), (-1.0, 0.1), (0.5, 0.05)):
        parameter.grad = torch.tensor([gradient])
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        square = 0.9 * square + 0.1 * gradient**2
        momentum = 0.9 * momentum + rate * gradient / (square + 1e-10) ** 0.5
        weight -= momentum
        assert float(parameter.detach()) == pytest.approx(weight, rel=1e-6)


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
