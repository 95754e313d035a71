"""Blocks of rows through a trained network: on any engine the same bytes, whatever the number of threads."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from huse.engine import threads
from huse.engine.work import here
from huse.errors import InputError
from huse.model import embedding
from huse.model.embedding import Embedding
from huse.model.network import Architecture, Network, NetworkSettings
from tests.engine.elsewhere import elsewhere

ROWS, BLOCK = 1300, 300


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings = NetworkSettings(dimension=64, width=128, class_pull=0.5)
        made = Network(
            Architecture(image_features=512, text_features=171, labels=37, separate_heads=False, settings=settings)
        )
        targets = torch.eye(37)[torch.arange(60) % 37]
        made.fit_class_means(torch.randn(60, 512), torch.randn(60, 171), targets, score=False)
    return made


@pytest.fixture(params=["image", "text"])
def job(network, request):
    rows = np.random.default_rng(1).normal(size=(ROWS, network.features(request.param))).astype(np.float32)
    return Embedding(network, request.param), [rows[start : start + BLOCK] for start in range(0, ROWS, BLOCK)]


def whole(work, batches, spread=here):
    return [np.concatenate(parts) for parts in zip(*spread(work, iter(batches)), strict=True)]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("cores", [1, 4])
def test_every_row_is_embedded_the_same_whatever_the_threads(job, monkeypatch, count, cores):
    work, batches = job
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = [work.network.embed_arrays(work.modality, batch) for batch in batches]
    try:
        torch.set_num_threads(count)
        for module in (embedding, threads):
            monkeypatch.setattr(module, "cores", lambda: cores)
        found = whole(work, batches)
        assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
    for values, parts in zip(found, zip(*expected, strict=True), strict=True):
        assert values.tobytes() == np.concatenate(parts).tobytes()


def test_blocks_that_are_done_elsewhere_give_the_same_bytes(job):
    for found, expected in zip(whole(*job, elsewhere), whole(*job), strict=True):
        assert found.shape[0] == ROWS and found.tobytes() == expected.tobytes()


def test_a_network_that_was_being_trained_has_no_dropout(job):
    work, batches = job
    expected = whole(work, batches)
    work.network.train()
    assert [values.tobytes() for values in whole(work, batches)] == [values.tobytes() for values in expected]


def test_a_machine_that_rounds_otherwise_is_refused(job):
    work, batches = job
    with pytest.raises(InputError, match=r"Expected torch 1\.0 with AVX2, .*Take it out of the cluster"):
        whole(replace(work, arithmetic="torch 1.0 with AVX2"), batches)
