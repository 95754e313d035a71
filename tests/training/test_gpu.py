"""Training on a GPU: recorded as a CUDA graph, it gives what it gives step by step."""

import pytest
import torch

from huse.errors import InputError
from huse.model.methods import METHODS
from huse.training import step
from tests.training.conftest import LOSSES, SETTINGS, assert_same

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")

SHORT = SETTINGS.changed(steps=40, validate_every=10)
CASES = {
    **{name: {"method": name, "settings": SHORT} for name in METHODS},
    "rmsprop": {"settings": SHORT.changed(optimizer="rmsprop")},
    "rmsprop_tf": {"settings": SHORT.changed(optimizer="rmsprop_tf")},
    "average": {"method": "huse_plus", "settings": SHORT.changed(ema=0.9)},
    "mixup": {"method": "huse_plus", "settings": SHORT.changed(mixup=0.4)},
    "bfloat16": {"method": "huse_plus", "settings": SHORT.changed(dtype="bfloat16")},
    "correlation": {"settings": SHORT, "losses": LOSSES.changed(graph=LOSSES.graph.changed(form="correlation"))},
}


@pytest.mark.parametrize("of", ["data", "halves"])
@pytest.mark.parametrize("case", CASES)
def test_a_recorded_run_gives_the_bytes_of_one_that_is_not(run, monkeypatch, request, case, of):
    world = request.getfixturevalue(of)
    recorded, trained = run(world, **CASES[case], device="cuda")
    monkeypatch.setattr(step, "WARM_UP", SHORT.steps)
    taken, other = run(world, **CASES[case], device="cuda")
    assert_same(recorded, taken)
    assert trained.curves == other.curves


@pytest.mark.parametrize("method", ["huse", "huse_eq10", "dscmr"])
def test_it_learns_what_the_cpu_learns(run, method):
    few = SHORT.changed(steps=5, validate_every=5)
    both = (run(settings=few, method=method, device=device)[1] for device in ("cuda", "cpu"))
    found, expected = (trained.curves[0]["loss"] for trained in both)
    assert found == pytest.approx(expected, rel=0.2)  # dropout draws other numbers


@pytest.mark.parametrize("case", ["huse", "average", "triplet"])
@pytest.mark.parametrize("killed_at", [1, 23])
def test_a_killed_run_ends_with_the_same_bytes(kill_and_resume, case, killed_at):
    kill_and_resume(killed_at, **CASES[case], device="cuda")


def test_a_loss_that_is_not_finite_is_told_at_its_own_step(data, run):
    data.images[0, 7] = float("inf")
    messages = []
    for device in ("cpu", "cuda"):
        with pytest.raises(InputError, match=r"graph = nan.*embeddings of 7\.jpg\)") as error:
            run(settings=SETTINGS.changed(validate_every=120), device=device)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
