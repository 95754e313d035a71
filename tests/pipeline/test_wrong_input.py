"""What a person may give by mistake, through the stages: the message, and that nothing else is lost."""

import json
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import stages.catalogue
import stages.finetune_backbone
import stages.image_vectors
import stages.preprocess_text
import stages.word_vectors
from huse.encoders.families import load_encoder
from huse.errors import InputError
from huse.run import paths
from huse.run.params.editing import set_values
from huse.run.params.reader import read_seed
from huse.vision.backbones import load_backbone
from stages.runner import AS_BEFORE
from tests.conftest import ROOT
from tests.pipeline.in_process import write_params


@pytest.fixture
def configure(small_catalogue, tmp_path):
    """A small catalogue and the project's parameters in a folder; a function to change these."""
    csv, images = small_catalogue

    def write(**sections):
        catalogue = {"csv": csv.name, "images": images.name, "max_rejected": 0.9}
        write_params(tmp_path, {"catalogue": catalogue}, sections)

    write()
    return write


def add_rows(here, *rows):
    with (here / "catalogue.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"{row}\n" for row in rows)


def test_every_bad_row_is_left_out_with_its_reason_and_nothing_else_is_lost(here, configure):
    configure(catalogue={"max_megapixels": 0.01, "missing": "drop"})
    images = here / "images"
    (images / "empty.jpg").touch()
    (images / "text.jpg").write_text("this is no picture")
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / "whole.jpg")
    (images / "cut.jpg").write_bytes((images / "whole.jpg").read_bytes()[:-300])
    Image.new("RGB", (200, 200)).save(images / "huge.png")
    (here / "outside.png").write_bytes((images / "0_0.png").read_bytes())
    bad = [
        (",thing,a<b<c", "the picture's path is empty"),
        ("0_0.png,,a<b<c", "the name is empty"),
        (f"0_0.png,{'long ' * 500},a<b<c", "the name has 2,499 characters, more than 2,000"),
        ("0_0.png,other thing,", "the class path is empty"),
        ("0_0.png,other thing,a<<c", "the class path 'a<<c' has an empty level"),
        ("0_0.png,thing,big,a<b<c", "expected 3 fields, found 4: an unquoted comma?"),
        ('0_0.png,"thing,a<b<c', "quotation marks do not fit"),
        ("none.jpg,thing,a<b<c", "picture file does not exist"),
        ("empty.jpg,thing,a<b<c", "picture file is empty"),
        ("text.jpg,thing,a<b<c", "not a picture"),
        ("cut.jpg,thing,a<b<c", "picture is truncated"),
        ("huge.png,thing,a<b<c", "0.0 megapixels, more than"),
        ("../outside.png,thing,a<b<c", "leaves the picture folder"),
        (f"{here.root}/outside.png,thing,a<b<c", "is absolute"),
        ("./0_0.png,thing 0 0,a<b<c", "the same as line 2"),
    ]
    add_rows(here, *(row for row, _ in bad))
    line = stages.catalogue.main(here)
    assert "20 pictures" in line
    assert "15 rows rejected" in line
    assert pd.read_parquet(here / paths.PRODUCTS)["line"].tolist() == list(range(2, 22))
    rejected = pd.read_parquet(here / paths.REJECTED)
    assert rejected["line"].tolist() == list(range(22, 37))
    for (_, expected), found in zip(bad, rejected["reason"], strict=True):
        assert expected in found


def test_a_stage_says_so_in_one_line_and_ends_with_2(here, configure):
    configure(catalogue={"csv": "nowhere.csv"})
    result = subprocess.run(
        [sys.executable, "-m", "stages.catalogue"],
        cwd=here.root,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("error: nowhere.csv: not found. Give a CSV")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"nowhere\.txt: expected a file of word vectors, found nothing"),
        (b"\x80\x04cos\nsystem\n(X\x02\x00\x00\x00ls", "found a pickle, which could run code"),
        (b"elsewhere 1 2 3 4\n", "expected words of the names or classes, found none"),
    ],
)
def test_word_vectors_that_do_not_fit(here, configure, content, message):
    if content is not None:
        (here / "nowhere.txt").write_bytes(content)
    configure(word_vectors={"source": "nowhere.txt"})
    stages.catalogue.main(here)
    stages.preprocess_text.main(here)
    with pytest.raises(InputError, match=message):
        stages.word_vectors.main(here)
    assert not (here / paths.WORD_VECTORS).exists()


def finetune(here, configure, **changes):
    """Run the stages up to the image vectors, on small input."""
    configure(
        backbone={"network": "squeezenet1_1", "size": 32},
        finetune_backbone={"epochs": 0, "batch_size": 8} | changes,
        image_vectors={"dtype": "float32", "batch_size": 4},
    )
    stages.catalogue.main(here)
    stages.finetune_backbone.main(here)


def test_at_no_epochs_the_weights_are_passed_on(here, configure):
    finetune(here, configure)
    given = load_backbone("squeezenet1_1", "random", read_seed(here / paths.PARAMS)).module.state_dict()
    encoder = load_encoder(here / paths.BACKBONE / "1")
    passed_on = encoder.backbone.module.state_dict()
    assert all(torch.equal(passed_on[name], value) for name, value in given.items())
    assert json.loads((here / paths.FINETUNE_METRICS).read_text()) == {"epochs": 0, "best": {}}
    assert "finetuned" not in encoder.config["origin"]


def test_a_fine_tuned_backbone_makes_the_vectors(here, configure):
    finetune(here, configure)
    stages.image_vectors.main(here)
    before = np.load(here / paths.IMAGE_VECTORS)
    finetune(here, configure, epochs=1, dtype="float32")
    assert not list((here.cache / paths.CHECKPOINTS).glob("*.safetensors"))
    assert json.loads((here / paths.FINETUNE_METRICS).read_text())["epochs"] == 1
    assert len(pd.read_csv(here / paths.FINETUNE_CURVES)) == 1
    stages.image_vectors.main(here)
    after = np.load(here / paths.IMAGE_VECTORS)
    assert after.shape == before.shape == (1, 20, 512)
    assert np.abs(after - before).max() > 1e-3


def test_a_cache_that_is_damaged_is_warned_about(here, configure, caplog):
    finetune(here, configure)
    (here.cache / paths.VECTOR_CACHE).parent.mkdir(parents=True)
    (here.cache / paths.VECTOR_CACHE).write_bytes(b"no database" * 100)
    line = stages.image_vectors.main(here)
    assert "20 computed" in line
    assert f"{here.cache / paths.VECTOR_CACHE}: file is not a database" in caplog.text
    assert "`huse cache --clear` deletes it" in caplog.text


def test_views_are_of_the_training_pictures_alone(here, configure):
    finetune(here, configure)
    set_values(here / paths.PARAMS, {"image_vectors": {"views": 2}})
    stages.image_vectors.main(here)
    vectors, split = np.load(here / paths.IMAGE_VECTORS), pd.read_parquet(here / paths.PRODUCTS)["split"].to_numpy()
    assert vectors.shape == (3, 20, 512)
    different = (vectors[0] != vectors[1]).any(axis=1)
    assert (different == (split == "train")).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone": {"network": "resnet19"}}, "expected a classification model of torchvision"),
        ({"backbone": {"network": "vit_b_16", "size": 96}}, "vit_b_16 does not take pictures of 96 × 96 pixels"),
        ({"backbone": {"weights": "none.pth"}}, r"none\.pth: weights not found"),
        ({"backbone": {"weights": "code.pth"}}, r"code\.pth: expected a state dict"),
    ],
)
def test_networks_and_weights_that_do_not_fit(here, configure, changes, message):
    torch.save({"layer.weight": ROOT}, here / "code.pth")  # a pickled object that is no tensor
    configure(**changes)
    stages.catalogue.main(here)
    with pytest.raises(InputError, match=message):
        stages.finetune_backbone.main(here)
    assert not (here / paths.BACKBONE).exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_gpu_that_is_not_there(here, configure):
    finetune(here, configure)
    configure(machine={"device": "cuda"})
    with pytest.raises(InputError, match="torch finds no CUDA device here"):
        stages.image_vectors.main(here)
    assert not (here / paths.IMAGE_VECTORS).exists()


@pytest.mark.parametrize(
    "stage", ["sample_catalogue", "catalogue", pytest.param("finetune_backbone", marks=pytest.mark.slow)]
)
def test_a_disk_that_takes_no_more_is_said_in_one_line(here, configure, stage):
    """The limit on the size of files stands for a full disk: the system refuses to write on, in the same way."""
    configure(backbone={"network": "squeezenet1_1", "size": 32}, finetune_backbone={"epochs": 0})
    for earlier in [stages.catalogue] if stage == "finetune_backbone" else []:
        earlier.main(here)
    before = sorted(here.root.rglob("*"))
    process = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=here.root,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )
    assert process.returncode == 1, process.stderr
    assert process.stderr.splitlines()[-1].startswith("error: ")
    assert process.stderr.endswith("Nothing was written.\n") and "Traceback" not in process.stderr
    assert [path for path in sorted(here.root.rglob("*")) if path not in before and path.is_file()] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stage_that_is_told_to_end_removes_what_it_has_begun(here, configure, number):
    configure(sample_catalogue={"pictures": 100_000})
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.sample_catalogue"],
        cwd=here.root,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores interrupts, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    begun = here / f"data/sample/.partial-{process.pid}-images"
    while not begun.is_dir():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, message = process.communicate()
    # CPython ends itself by SIGINT, after all was handled, where the interrupt met code that runs from a string, such
    # as a named tuple of an import. To a shell both are 128 + number.
    by_signal = {-number} if number == signal.SIGINT else set()
    assert process.returncode in {128 + number} | by_signal, message
    assert message.splitlines()[-1] in {f"terminated: {AS_BEFORE}", f"interrupted: {AS_BEFORE}"}
    assert "Traceback" not in message
    assert list((here / "data/sample").iterdir()) == []
