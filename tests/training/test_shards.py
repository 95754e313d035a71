"""A step in shards: the gradient of the whole batch, and the same bytes by any number of processes."""

import sys
from dataclasses import replace

import pytest
import torch

from huse.engine.group import ALONE, Group
from huse.engine.launching import launch
from huse.engine.threads import same_threads
from huse.errors import InputError
from huse.model.losses.dscmr import DscmrSettings
from huse.model.methods import METHODS, find_method
from huse.training import loop
from huse.training.optimizers import make_optimizer
from huse.training.sampling import Sampling
from huse.training.shards import WHOLE, Shards, check_shards
from huse.training.step import Inputs, Step, batch_of, forward
from tests.training.conftest import LOSSES as USUAL
from tests.training.conftest import SETTINGS, make_network
from tests.training.sharded import CASES, digest_of

# Methods with a loss of two products; those of the others are means over products.
OF_PAIRS = ("triplet", "cme", "cme_shared", "adamine", "dscmr", "huse", "huse_eq10", "huse_plus")
LOSSES = USUAL.changed(dscmr=DscmrSettings(likelihood=1))  # by default pairs weigh a thousandth
CLOSE, FAR = 1e-5, 1e-2  # greatest difference of gradients, as a share of the greatest gradient


def start(folder, processes, *cases, killed_at=0):
    command = [sys.executable, "-m", "tests.training.sharded", str(folder), str(killed_at), *cases]
    return launch(command, processes)


def digests(folder):
    return {file.stem: file.read_text() for file in folder.glob("*.txt") if file.stem != "saved"}


@pytest.fixture
def world(request, data, halves):
    """A method's network without dropout, its data, and the inputs of one step."""

    def make(method, of="data", **more):
        about, world = find_method(method), {"data": data, "halves": halves}[of]
        head = "linear" if about.linear_head_only else "cosine"
        network = make_network(3, dropout=0, head=head, separate_heads=about.head == "separate", **more)
        if about.head in ("label_vectors", "class_means"):
            network.fix_head(world.classes.vectors)
        sampling = Sampling(world.products[world.train].numpy(), 32, "random", 5)
        rows, views = (torch.from_numpy(values) for values in (sampling.rows(0), sampling.views(0, 1)))
        return network.train(), world, Inputs(rows, views, 1e-3, seeds=[1, 2, 3, 4, 5])

    return make


class Deaf(Group):
    """Gets nothing of other processes."""

    def gather(self, own):
        return [list(own)]


def plain(method, network, data, inputs, places=(slice(None),)):
    """Gradients by autograd, of a batch, or of the mean loss of several that do not see each other."""
    network.zero_grad()
    for place in places:
        rows = data.train[inputs.rows[place]]
        mixture = None if inputs.mixture is None else (inputs.share, inputs.partners[place])
        batch = batch_of(data, rows, mixture, forward(network, data, rows, inputs.views[place], mixture))
        torch.manual_seed(inputs.seeds[-1])
        terms = find_method(method).terms(batch, LOSSES)
        (sum(weight * value for weight, value in terms.values()) / len(places)).backward()
    return flat(network)


def sharded(method, network, data, inputs, shards):
    """Gradients of a step."""
    optimizer = make_optimizer(SETTINGS, network.parameters())
    inputs = replace(inputs, seeds=inputs.seeds and inputs.seeds[-shards.count - 1 :])  # the last one is of the losses
    with torch.no_grad():
        before = [value.clone() for value in network.parameters()]
    Step(network, data, find_method(method), LOSSES, optimizer, dtype="float32", ema=0, shards=shards)(inputs)
    with torch.no_grad():
        for value, old in zip(network.parameters(), before, strict=True):
            value.copy_(old)
    return flat(network)


def flat(network):
    found = [value.grad for value in network.parameters() if value.grad is not None]
    return torch.cat([value.reshape(-1) for value in found]).clone()


def difference(one, other):
    return float((one - other).abs().max() / other.abs().max())


@pytest.mark.parametrize("of", ["data", "halves"])
@pytest.mark.parametrize("method", METHODS)
def test_a_step_in_shards_has_the_gradient_of_the_whole_batch(world, method, of):
    network, data, inputs = world(method, of)
    wanted = plain(method, network, data, inputs)
    assert difference(sharded(method, network, data, inputs, Shards(4)), wanted) < CLOSE
    assert difference(sharded(method, network, data, inputs, Shards(3)), wanted) < CLOSE  # of 10, 11 and 11 products
    assert difference(sharded(method, network, data, replace(inputs, seeds=None), WHOLE), wanted) < CLOSE or (
        method == "adamine"  # draws other partners
    )


def test_mixtures_reach_over_shards(world):
    network, data, inputs = world("huse", scale="learned")
    inputs = replace(inputs, share=0.7, partners=torch.arange(32).flip(0))
    wanted = plain("huse", network, data, inputs)
    assert difference(sharded("huse", network, data, inputs, Shards(4)), wanted) < CLOSE
    assert difference(sharded("huse", network, data, replace(inputs, share=None), Shards(4)), wanted) > FAR


@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_without_a_part_would_be_seen(world, method, monkeypatch):
    """As of a gather without a gradient: that of one process's shards alone, or the mean of the processes."""
    network, data, inputs = world(method)
    wanted, whole = plain(method, network, data, inputs), Shards.propagate

    def mean(shards, outputs, own, learning):
        for output in outputs:
            output.grad = None if output.grad is None else output.grad / 2
        whole(shards, outputs, own, learning)

    def of_first_process(shards, outputs, own, learning):
        whole(Shards(4, Deaf(0, 2)), outputs, own[::2], learning)

    for fault in (mean, of_first_process):
        monkeypatch.setattr(Shards, "propagate", fault)
        assert difference(sharded(method, network, data, inputs, Shards(4)), wanted) > FAR


@pytest.mark.parametrize("method", METHODS)
def test_pairs_of_different_shards_count(world, method):
    network, data, inputs = world(method)
    apart = plain(method, network, data, inputs, Shards(4).places(32))
    found = difference(apart, plain(method, network, data, inputs))
    assert found > 10 * CLOSE if method in OF_PAIRS else found < CLOSE


def test_shards_cover_the_batch_in_order_and_processes_share_them():
    places = Shards(4).places(10)
    assert [(place.start, place.stop) for place in places] == [(0, 2), (2, 5), (5, 7), (7, 10)]
    own = [list(Shards(4, replace(ALONE, rank=rank, size=2)).own) for rank in range(2)]
    assert own == [[0, 2], [1, 3]]
    assert list(WHOLE.own) == [0]


def test_a_number_of_shards_that_does_not_fit_is_refused():
    check_shards(6, 3)
    with pytest.raises(InputError, match=r"multiple of the 4 processes, found 6\. Set it to 8"):
        check_shards(6, 4)


def test_two_processes_give_the_bytes_of_one(tmp_path, capfd):
    """And end together, as the one that fails says."""
    assert start(tmp_path, 2, "huse of halves", "refuse") == 2
    with same_threads():
        assert digests(tmp_path) == {"huse of halves": digest_of("huse of halves", ALONE, tmp_path)}
    assert capfd.readouterr().err.count("process 1 cannot read this") == 1


@pytest.mark.slow
def test_one_two_and_four_processes_give_the_same_bytes(tmp_path):
    found = []
    for processes in (1, 2, 4):
        folder = tmp_path / str(processes)
        folder.mkdir()
        assert start(folder, processes, *CASES) == 0
        found.append(digests(folder))
    assert set(found[0]) == set(CASES)
    assert found[0] == found[1] == found[2]
    assert len(set(found[0].values())) == len(CASES)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["much", "adamine of halves"])
def test_a_run_that_was_killed_goes_on_in_another_number_of_processes(tmp_path, case, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    found = []
    for name, before, after in (("whole", 0, 1), ("more", 2, 4), ("fewer", 4, 1)):
        folder = tmp_path / name
        folder.mkdir()
        if before:
            assert start(folder, before, case, killed_at=7) == 2
        if after == 1:
            with same_threads():
                found.append(digest_of(case, ALONE, folder))
        else:
            assert start(folder, after, case, killed_at=100) == 0
            found.append(digests(folder)[case])
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "code", "said"),
    [
        ("break", 1, "process 1 has a fault"),
        ("die", 137, "ended by SIGKILL"),
        ("differ", 2, "they differ."),
    ],
)
def test_processes_end_together(tmp_path, capfd, case, code, said):
    assert start(tmp_path, 3, case) == code
    assert said in capfd.readouterr().err
