"""What every engine does alike; tests/engine/test_on_ray.py asks a Ray cluster."""

import builtins
from contextlib import contextmanager

import pytest
from pydantic import ValidationError

from huse.engine import cores as cores_module
from huse.engine.cores import cores, limit_cores
from huse.engine.machine import Machine
from huse.engine.work import ENGINES, here, open_engine, open_for_several
from huse.errors import InputError
from tests.engine.elsewhere import elsewhere


class Doubling:
    gpus, cpus = 0, 1

    def __call__(self, batches):
        return ([2 * number for number in batch] for batch in batches)

    def packed(self, batch):
        return batch


@pytest.mark.parametrize("spread", [here, elsewhere])
def test_results_come_in_the_order_of_the_batches(spread):
    assert list(spread(Doubling(), iter([[1, 2], [3], []]))) == [[2, 4], [6], []]


def test_the_local_engine_is_this_process():
    with open_engine(Machine()) as spread:
        assert spread is here


def test_an_engine_is_opened_once_and_not_for_a_single_batch(monkeypatch):
    opened, done = [], []

    @contextmanager
    def counting(machine):
        opened.append(machine)

        def spread(work, batches):
            batches = list(batches)
            done.append(batches)
            return here(work, batches)

        yield spread
        opened.append("closed")

    monkeypatch.setitem(ENGINES, "ray", counting)
    machine = Machine(engine="ray")
    with open_for_several(machine) as spread:
        assert list(spread(Doubling(), [])) == [] and list(spread(Doubling(), iter([[3]]))) == [[6]]
        assert not opened
        for _ in range(2):
            assert list(spread(Doubling(), iter([[1], [2], [3]]))) == [[2], [4], [6]]
        assert opened == [machine] and done == [[[1], [2], [3]]] * 2
    assert opened == [machine, "closed"]
    with open_for_several(Machine()) as spread:
        assert spread is here


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"address": "auto"}, "address: auto is of engine: ray, and engine is local"),
        ({"engine": "ray", "workers": 0}, "workers: 0, threads of the stage itself, is of engine: local"),
    ],
)
def test_settings_of_the_other_engine_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        Machine(**settings)


def test_ray_that_is_not_installed_is_said(monkeypatch):
    def find(name, *given):
        if name == "ray":
            raise ImportError(name)
        return real(name, *given)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", find)
    monkeypatch.delitem(__import__("sys").modules, "huse.engine.on_ray", raising=False)
    for opening in (open_engine, open_for_several):
        with (
            pytest.raises(
                InputError, match=r"machine\.engine: ray, which is not installed\. Run `pip install 'huse\[ray"
            ),
            opening(Machine(engine="ray")),
        ):
            pytest.fail("it was opened")


def test_a_process_among_others_uses_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(cores_module, "_limits", [])
    limit_cores(1)
    assert cores() == 1
