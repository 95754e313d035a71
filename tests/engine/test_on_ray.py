"""Batches on a Ray cluster: the same results in the same order, whatever dies on the way.

Two nodes on this machine, with a CPU each, stand for two machines.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from PIL import Image

import stages.catalogue
import stages.finetune_backbone
import stages.image_vectors
import stages.train
from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_input import Encoding
from huse.encoders.picture_vectors import plan
from huse.engine.cores import cores
from huse.engine.machine import Machine
from huse.engine.work import here as in_this_process
from huse.engine.work import open_engine
from huse.errors import InputError
from huse.evaluation.ranking import rank_statistics
from huse.experiments import folds
from huse.files import fingerprint_file
from huse.run import paths
from huse.run.params.editing import set_values
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import load_backbone
from huse.vision.preparing import Preparation
from tests.conftest import ROOT
from tests.encoders.models import make_model, needs_library
from tests.experiments.test_folds import make_shop
from tests.pipeline.in_process import ALL, STAGES, write_params
from tests.pipeline.test_wrong_input import add_rows, configure  # noqa: F401  a fixture
from tests.repository import SMALL, TINY, wait_until
from tests.vision.conftest import count_vectors, noise

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="ray, the extra `ray`, is not installed"),
]


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes of a CPU each, the second one with what it says is a GPU; ends them and all that they started."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, [ROOT, *sys.path])))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.second = made.add_node(num_cpus=1, num_gpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


class Waiting:
    """Takes its time; says who did what, and when it was begun."""

    gpus, cpus = 0, 1

    def __init__(self, folder, deadly=-1):
        self.folder, self.deadly = folder, deadly

    def __call__(self, batches):
        for number in batches:
            (self.folder / f"{number} {time.time()} {os.getpid()}").touch()
            if number == self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == 5:
                raise InputError("the fifth is wrong")
            time.sleep(0.3 if number % 3 else 0.6)
            yield number**2

    def packed(self, batch):
        return batch

    def begun(self):
        """The numbers that were begun and the processes that did, in the order of time."""
        found = sorted(
            (float(at), int(number), int(who)) for number, at, who in (p.name.split() for p in self.folder.iterdir())
        )
        return [(number, who) for _, number, who in found]


def test_nothing_is_lost_or_done_twice_when_a_process_and_a_machine_die(cluster, tmp_path):
    work, numbers, found = Waiting(tmp_path), list(range(10, 40)), []
    with open_engine(Machine(engine="ray", address=cluster.address)) as spread:
        for result in spread(work, numbers):
            found.append(result)
            if len(found) == 4:
                os.kill(work.begun()[-1][1], signal.SIGKILL)
            if len(found) == 12:
                cluster.remove_node(cluster.second, allow_graceful=False)
    assert found == [number**2 for number in numbers]
    begun = [number for number, _ in work.begun()]
    assert set(begun) == set(numbers) and len(numbers) < len(begun) <= len(numbers) + 4
    assert len({who for _, who in work.begun()}) >= 3


def test_the_batches_under_way_are_bounded_and_an_error_comes_in_its_turn(cluster, tmp_path):
    asked = []
    work = Waiting(tmp_path)
    with open_engine(Machine(engine="ray", address=cluster.address, workers=1)) as spread:
        results = spread(work, (asked.append(number) or number for number in range(100)))
        assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
        assert len(asked) <= 6
        with pytest.raises(InputError, match=r"^the fifth is wrong$"):
            next(results)


def test_a_batch_that_kills_its_process_ends_the_run(cluster, tmp_path):
    work = Waiting(tmp_path, deadly=1)
    with open_engine(Machine(engine="ray", address=cluster.address)) as spread:
        results = spread(work, range(4))
        assert next(results) == 0
        with pytest.raises(InputError, match=r"batch 1 ended its process 6 times .*Is the memory too small"):
            next(results)


class OnGpu(Waiting):
    gpus = 1

    def __call__(self, batches):
        return (f"{os.environ['CUDA_VISIBLE_DEVICES']} {cores()} {number}" for number in batches)


def test_work_that_needs_a_gpu_goes_where_one_is_and_ends_when_none_is_left(cluster, tmp_path, monkeypatch):
    from huse.engine import on_ray

    monkeypatch.setattr(on_ray, "LOOK", 1)
    with open_engine(Machine(engine="ray", address=cluster.address)) as spread:
        results = spread(OnGpu(tmp_path), range(100))
        assert [next(results) for _ in range(5)] == [f"0 1 {number}" for number in range(5)]
        cluster.remove_node(cluster.second, allow_graceful=False)
        with pytest.raises(InputError, match=r"no machine left that could go on"):
            list(results)
        with pytest.raises(InputError, match=r"cuda, but no machine of the Ray cluster has a GPU"):
            list(spread(OnGpu(tmp_path), range(2)))


def test_more_workers_than_cpus_are_refused(cluster):
    machine = Machine(engine="ray", address=cluster.address, workers=3)
    with pytest.raises(InputError, match=r"workers: 3, but the Ray cluster .* has 2 CPUs"), open_engine(machine):
        pass


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1", "no address"])
def test_a_cluster_that_is_not_there_is_said(address):
    machine = Machine(engine="ray", address=address)
    with pytest.raises(InputError, match=rf"machine\.address: {address}: no Ray cluster to use"), open_engine(machine):
        pass


def job_of(folder, views):
    files = [folder / f"{number}.{'png' if number % 2 else 'jpg'}" for number in range(37)]
    for number, file in enumerate(files):
        noise(4, 3, seed=number).resize((160, 120)).save(file)
    preparation = Preparation("squash", 64, 10**8, Augmentation(rescale=1.5, horizontal_flip=0.5), 7)
    how = Encoding(geometry="squash", size=64, max_pixels=10**8, dtype="float32", batch_size=4)
    encoder = NetworkEncoder.of(load_backbone("squeezenet1_1", "random", 1), how, torch.device("cpu"))
    out = np.full((views + 1, len(files), 512), np.nan, np.float32)
    counts = [views if number % 3 else 0 for number in range(len(files))]
    return plan(files, counts, encoder, preparation, out=out), files


def kill_one():
    """Kill a process that does batches, one that is at work if there is one just now; return it."""
    those = [each for each in psutil.Process().children(recursive=True) if each.name() in {"ray::_do", "ray::IDLE"}]
    one = max(those, key=lambda each: each.name() == "ray::_do")
    one.kill()
    return one


def test_vectors_are_the_same_bytes_when_a_process_and_a_machine_die(cluster, tmp_path):
    """Pictures in several views, in batches that cut them in two."""
    expected, _ = job_of(tmp_path, views=4)
    expected.run(workers=0)
    job, _ = job_of(tmp_path, views=4)
    done, killed = [], []

    def advance(count):
        done.append(count)
        if len(done) == 3:
            killed.append(kill_one())
        if len(done) == 8:
            cluster.remove_node(cluster.second, allow_graceful=False)

    with open_engine(Machine(engine="ray", address=cluster.address)) as spread:
        job.run(workers=0, spread=spread, advance=advance)
    assert killed and done == [4] * (len(done) - 1) + [len(job.keys) % 4 or 4] and sum(done) == len(job.keys)
    assert job.out.tobytes() == expected.out.tobytes()


def test_folds_are_the_same_bytes_when_a_process_dies(cluster, monkeypatch):
    monkeypatch.setattr(folds, "STEPS", 20)
    monkeypatch.setattr(folds, "PASSES", 1)
    made, killed = make_shop(), []
    expected = folds.out_of_sample(made, 0)
    with open_engine(Machine(engine="ray", address=cluster.address)) as on_ray:

        def spread(work, batches):
            for result in on_ray(work, batches):
                if len(killed) < 3:
                    killed.append(kill_one())
                yield result

        found = folds.out_of_sample(made, 0, spread)
    assert len(killed) == 3
    for name, values in expected.probabilities.items():
        assert found.probabilities[name].tobytes() == values.tobytes()
    assert found.neighbours.tobytes() == expected.neighbours.tobytes()
    assert found.similarities.tobytes() == expected.similarities.tobytes()


class Wide(Waiting):
    cpus = 3


def test_work_for_several_cores_has_them_on_one_machine_or_as_many_as_there_are(cluster, tmp_path):
    cluster.add_node(num_cpus=2)
    with open_engine(Machine(engine="ray", address=cluster.address)) as spread:
        results = spread(Wide(tmp_path), range(10, 16))
        assert [next(results) for _ in range(6)] == [number**2 for number in range(10, 16)]
    assert len({who for _, who in Wide(tmp_path).begun()}) == 1


def test_a_picture_that_has_changed_is_named_as_locally(cluster, tmp_path):
    said = []
    with open_engine(Machine(engine="ray", address=cluster.address)) as on_ray:
        for spread in (in_this_process, on_ray):
            job, files = job_of(tmp_path, views=0)
            files[9].write_bytes(b"other bytes")
            with pytest.raises(InputError, match=r"9\.png: picture file changed .*check the catalogue again") as error:
                job.run(workers=0, spread=spread)
            said.append(str(error.value))
    assert said[0] == said[1]


@pytest.fixture
def shop(here, configure):  # noqa: F811
    """A catalogue with damaged pictures; a function that writes the parameters and runs stages up to the vectors."""
    images = here / "images"
    for number, file in enumerate(sorted(images.iterdir())):
        noise(9, 5, seed=number).resize((72, 40)).save(file)
    whole = (images / "0_1.png").read_bytes()
    (images / "cut.png").write_bytes(whole[:-300])
    (images / "named.jpg").write_bytes(whole)
    (images / "empty.jpg").touch()
    (images / "text.jpg").write_text("no picture")
    (images / "huge.png").write_bytes(b"\0" * 2_000_000)
    Image.new("CMYK", (30, 20)).save(images / "cmyk.jpg")
    names = ("cut.png", "named.jpg", "empty.jpg", "text.jpg", "huge.png", "cmyk.jpg", "none.jpg")
    add_rows(here, *(f"{name},thing {name},a<b<c" for name in names))

    def run(views=3, only=(stages.catalogue, stages.finetune_backbone, stages.image_vectors), **machine):
        configure(
            machine={"device": "cpu", **machine},
            catalogue={"max_megapixels": 0.01},
            finetune_backbone={"epochs": 0},
            backbone={"network": "squeezenet1_1", "size": 32},
            image_vectors={"dtype": "float32", "batch_size": 7, "views": views},
        )
        for stage in only:
            stage.main(here)

    return run


LATER = ("text_vectors", "train", "evaluate")
LATER_MADE = (
    *(paths.TEXT_VECTORS, paths.IMAGE_EMBEDDINGS, paths.TEXT_EMBEDDINGS, paths.IMAGE_SCORES, paths.TEXT_SCORES),
    *(paths.EVALUATE_METRICS, paths.VALIDATION_METRICS, paths.TEST_ITEMS, paths.TEST_QUERIES, paths.HEDGING),
)


@needs_library
def test_later_stages_write_the_same_bytes_on_either_engine(here, small_catalogue, cluster, monkeypatch):
    """Names by a network, embeddings of all rows, rankings; a process is killed in each of them."""
    from huse.engine import on_ray

    csv, images = small_catalogue
    table = pd.read_csv(csv)
    table["name"] = [f"{'red velvety shoe' if number % 3 else 'blue dress'} {number}" for number in range(len(table))]
    table["split"] = [*["train"] * 4, *["validation"] * 3, *["test"] * 3] * 2
    table.to_csv(csv, index=False)
    monkeypatch.setattr(stages.train, "BLOCK", 3)
    monkeypatch.setitem(rank_statistics.__kwdefaults__, "block", 2)
    catalogue = {"csv": csv.name, "images": images.name, "columns": {"split": "split"}}
    sentences = {"model": str(make_model(here / "sentences")), "batch_size": 2}
    names = {"encoders": ["ngrams", "sentences"], "sentences": sentences}
    network = {"network": "squeezenet1_1", "size": 32}
    write_params(here.root, SMALL, TINY, {"catalogue": catalogue, "backbone": network, "text_vectors": names})
    for stage in STAGES:
        stage.main(here)
    expected = {path: fingerprint_file(here / path) for path in LATER_MADE}
    for path in LATER_MADE:
        (here / path).unlink()
    (here.cache / paths.TEXT_VECTOR_CACHE).unlink()

    spread, done, killed = on_ray._spread, Counter(), []

    def killing(work, *given):
        kind = type(work).__name__
        for number, result in enumerate(spread(work, *given)):
            if number == 1 and not done[kind]:
                killed.append(kill_one())
            yield result
        done[kind] += 1

    monkeypatch.setattr(on_ray, "_spread", killing)
    set_values(here / paths.PARAMS, {"machine": {"engine": "ray", "address": cluster.address}})
    for stage in LATER:
        ALL[stage].main(here)
    assert {path: fingerprint_file(here / path) for path in LATER_MADE} == expected
    assert set(done) == {"EncodingTexts", "Embedding", "Ranking"} and len(killed) == len(done)
    assert done["Embedding"] == 2 and done["Ranking"] > 20


def started(here, stage):
    """A stage in a process of its own, as DVC starts it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *sys.path]))}
    command = [sys.executable, "-m", f"stages.{stage}"]
    return subprocess.Popen(command, cwd=here.root, env=environment, stderr=subprocess.PIPE, text=True)


MADE = (paths.PRODUCTS, paths.REJECTED, paths.CLASSES, paths.CATALOGUE_METRICS, paths.IMAGE_VECTORS)


def test_stages_write_the_same_bytes_on_either_engine(here, shop):
    """A cluster of this machine alone, which each stage starts and stops."""
    shop()
    expected = {path: fingerprint_file(here / path) for path in MADE}
    for path in MADE:
        (here / path).unlink()
    (here.cache / paths.VECTOR_CACHE).unlink()
    shop(only=(), engine="ray", workers=2)
    for stage in ("catalogue", "image_vectors"):
        with started(here, stage) as process:
            said = process.communicate()[1]
        assert process.returncode == 0, said
    assert {path: fingerprint_file(here / path) for path in MADE} == expected


def test_a_stage_that_is_told_to_end_leaves_nothing_behind(here, shop):
    shop(views=1000, only=(stages.catalogue, stages.finetune_backbone), workers=1)
    shop(views=1000, only=(), engine="ray", workers=1)
    cache = here.cache / paths.VECTOR_CACHE
    with started(here, "image_vectors") as process:
        wait_until(lambda: process.poll() is not None or (cache.exists() and count_vectors(cache)), "vectors are made")
        below = psutil.Process(process.pid).children(recursive=True)
        told = " ".join(word for one in below for word in one.cmdline())
        folders = set(map(Path, re.findall(r"[\w./-]+/huse-ray-\w+", told)))
        process.terminate()
        said = process.communicate()[1]
    assert len(below) > 3
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    assert not (here / paths.IMAGE_VECTORS).exists()
    assert folders and not any(folder.exists() for folder in folders)
    assert process.returncode == 128 + signal.SIGTERM and "terminated: all outputs are as before" in said
