"""Training on a GPU: recorded as a CUDA graph, it gives what it gives step by step."""

import pytest
import torch

from huse.engine.devices import resolve_device
from huse.errors import InputError
from huse.model.methods import METHODS, find_method
from huse.training import loop, step
from huse.training.loop import train
from tests.training.conftest import LOSSES, SETTINGS, MemoryCheckpoint
from tests.training.test_loop import KilledAt, KilledError

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")

SHORT = SETTINGS.changed(steps=40, validate_every=10)
CORRELATION = LOSSES.changed(graph=LOSSES.graph.changed(form="correlation"))
CASES = {
    **{name: (name, SHORT, LOSSES) for name in METHODS},
    "rmsprop": ("huse", SHORT.changed(optimizer="rmsprop"), LOSSES),
    "rmsprop_tf": ("huse", SHORT.changed(optimizer="rmsprop_tf"), LOSSES),
    "average": ("huse_plus", SHORT.changed(ema=0.9), LOSSES),
    "mixup": ("huse_plus", SHORT.changed(mixup=0.4), LOSSES),
    "bfloat16": ("huse_plus", SHORT.changed(dtype="bfloat16"), LOSSES),
    "correlation": ("huse", SHORT, CORRELATION),
}


@pytest.fixture
def run(data, make_network):
    """Train on a device and return the network and what training gives."""

    def run(method, settings, losses, device="cuda", checkpoint=None):
        about, on = find_method(method), resolve_device(device)
        head = "linear" if about.linear_head_only else "cosine"
        network = make_network(1, head=head, separate_heads=about.head == "separate")
        if about.head in ("label_vectors", "class_means"):
            network.fix_head(data.classes.vectors)
        checkpoint = checkpoint or MemoryCheckpoint()
        trained = train(network.to(on), data.to(on), about, losses, settings, seed=1, checkpoint=checkpoint)
        return network.cpu().state_dict(), trained

    return run


def assert_same(one, other):
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.mark.parametrize("case", CASES)
def test_a_recorded_run_gives_the_bytes_of_one_that_is_not(run, monkeypatch, case):
    recorded, trained = run(*CASES[case])
    monkeypatch.setattr(step, "WARM_UP", SHORT.steps)
    taken, other = run(*CASES[case])
    assert_same(recorded, taken)
    assert trained.curves == other.curves


@pytest.mark.parametrize("case", ["huse", "huse_eq10", "dscmr"])
def test_it_learns_what_the_cpu_learns(run, case):
    method, settings, losses = CASES[case]
    few = settings.changed(steps=5, validate_every=5)
    found, expected = (run(method, few, losses, device)[1].curves[0]["loss"] for device in ("cuda", "cpu"))
    assert found == pytest.approx(expected, rel=0.2)  # dropout draws other numbers


@pytest.mark.parametrize("case", ["huse", "average", "triplet"])
@pytest.mark.parametrize("killed_at", [1, 23])
def test_a_killed_run_ends_with_the_same_bytes(run, monkeypatch, case, killed_at):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    whole, trained = run(*CASES[case])
    checkpoint = KilledAt(killed_at)
    with pytest.raises(KilledError):
        run(*CASES[case], checkpoint=checkpoint)
    resumed, other = run(*CASES[case], checkpoint=checkpoint)
    assert other.resumed_at == killed_at
    assert_same(whole, resumed)
    assert trained.curves == other.curves


def test_a_loss_that_is_not_finite_is_told_at_its_own_step(data, run):
    data.images[0, 7] = float("inf")
    messages = []
    for device in ("cpu", "cuda"):
        with pytest.raises(InputError, match=r"graph = nan.*embeddings of 7\.jpg\)") as error:
            run("huse", SETTINGS.changed(validate_every=120), LOSSES, device)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
