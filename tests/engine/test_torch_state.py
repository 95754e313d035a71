import pytest
import torch
from torch import nn, optim

from huse.engine.torch_state import (
    fingerprint,
    named,
    optimizer_state,
    random_state,
    restore_optimizer,
    restore_random,
    under,
)
from huse.training.optimizers import RMSPropTF

CPU = torch.device("cpu")
MAKE = {
    "adamw": lambda parameters: optim.AdamW(parameters, lr=0.1, fused=True),
    "rmsprop": lambda parameters: optim.RMSprop(parameters, lr=0.1, momentum=0.9),
    "rmsprop_tf": lambda parameters: RMSPropTF(parameters, 0.1, 0.9),
}


def test_names_with_a_prefix_and_without():
    tensors = {"x": torch.zeros(1), "b.y": torch.zeros(1)}
    both = {**named("a", tensors), **named("ab", tensors)}
    assert set(both) == {"a.x", "a.b.y", "ab.x", "ab.b.y"}
    assert set(under("a", both)) == {"x", "b.y"}


@pytest.mark.parametrize("name", MAKE)
def test_an_optimizer_goes_on_as_if_nothing_had_been(name):
    def step(module, optimizer):
        optimizer.zero_grad()
        module(torch.ones(2, 3)).square().sum().backward()
        optimizer.step()

    torch.manual_seed(0)
    one = nn.Linear(3, 2)
    first = MAKE[name](one.parameters())
    step(one, first)
    other = nn.Linear(3, 2)
    other.load_state_dict(one.state_dict())
    second = MAKE[name](other.parameters())
    restore_optimizer(second, {key: value.clone() for key, value in optimizer_state(first).items()})
    for _ in range(2):
        step(one, first)
        step(other, second)
    assert torch.equal(one.weight, other.weight)


def test_random_numbers_go_on():
    state = random_state(CPU)
    one = torch.rand(3)
    restore_random(CPU, state)
    assert torch.equal(one, torch.rand(3))


def test_a_fingerprint_is_of_names_and_values_in_any_order():
    one, other = torch.tensor([1.0, 2.0]), torch.tensor(3)
    found = fingerprint({"one": one, "other": other})
    assert found == fingerprint({"other": other.clone(), "one": one.clone()})
    others = ({"one": one, "another": other}, {"one": one.flip(0), "other": other}, {"one": one[None], "other": other})
    assert found not in [fingerprint(each) for each in others]
