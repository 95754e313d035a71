"""Pictures and table in an object store: the stages write what they write for a local folder, and read little."""

import re
import shutil
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import stages.catalogue
import stages.finetune_backbone
import stages.image_vectors
import stages.index
import stages.report
from huse import object_copies
from huse.commands import cli
from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import read_json
from huse.run.params.editing import set_values
from huse.run.place import Run
from huse.use.index import Index
from huse.vision.torchvision_ops import import_torchvision
from tests.pipeline.in_process import write_params
from tests.repository import TINY, Repository

STAGES = (stages.catalogue, stages.finetune_backbone, stages.image_vectors)
OUTPUTS = (paths.PRODUCTS, paths.REJECTED, paths.CLASSES, paths.IMAGE_VECTORS, paths.FINETUNE_CURVES)
SMALL = {
    "backbone": {"network": "squeezenet1_1", "size": 32},
    "finetune_backbone": {"epochs": 2, "batch_size": 8, "dtype": "float32"},
    "image_vectors": {"dtype": "float32", "batch_size": 4, "views": 1},
}


@pytest.fixture
def runs(small_catalogue, tmp_path, monkeypatch):
    """Make a run of the small catalogue, in a folder of its own, by the places of its table and its pictures."""
    csv, images = small_catalogue
    with csv.open("a", encoding="utf-8") as file:
        file.write("0_0.png,twice,a<b<c\nNONE.png,gone,a<b<c\n1_1.PNG,other case,a<b<d\n,no picture,a<b<d\n")
        file.write("../catalogue.csv,outside,a<b<c\ndamaged.png,damaged,a<b<c\nempty.png,empty,a<b<d\n")
    (images / "damaged.png").write_bytes((images / "0_1.png").read_bytes()[:-20])
    (images / "empty.png").touch()
    Image.new("RGB", (300, 200)).save(images / "huge.png")

    def make(name, csv=csv, images=images, **sections):
        root = tmp_path / name
        root.mkdir()
        write_params(
            root, SMALL, {"catalogue": {"csv": str(csv), "images": str(images), "max_rejected": 0.9}}, sections
        )
        return Run(root)

    return make


def contents(run):
    return {path: (run / path).read_bytes() for path in OUTPUTS}


def test_objects_give_the_bytes_that_files_give_and_are_read_once(runs, store, small_catalogue, monkeypatch):
    csv, images = small_catalogue
    here = runs("local")
    for stage in STAGES:
        stage.main(here)
    there = runs("remote", csv="memory://shop/catalogue.csv", images=store.put_folder(images, "shop/pictures"))
    store.put("shop/catalogue.csv", csv.read_bytes())
    stages.catalogue.main(there)
    files = [key for key in store.read if key.startswith("shop/pictures/")]
    assert len(files) == 22 and store.read == dict.fromkeys(["shop/catalogue.csv", *files], 1)
    learned = pd.read_parquet(there / paths.PRODUCTS).query("image != '' and split != 'test'")["image"].nunique()
    store.total()
    stages.finetune_backbone.main(there)
    assert store.total() == learned  # once each, for two epochs
    stages.image_vectors.main(there)
    tested = pd.read_parquet(there / paths.PRODUCTS).query("image != '' and split == 'test'")["image"].nunique()
    assert store.total() <= tested  # those that were learned from lie in the cache
    assert contents(there) == contents(here)


def test_what_has_not_changed_is_not_read_again_and_what_has_is(runs, store, small_catalogue, monkeypatch):
    there = runs("remote", images=store.put_folder(small_catalogue[1], "shop/pictures"))
    stages.catalogue.main(there)
    before = pd.read_parquet(there / paths.REJECTED)
    assert store.total() == 22
    stages.catalogue.main(there)
    assert store.total() == 0
    assert pd.read_parquet(there / paths.REJECTED).equals(before)
    store.put("shop/pictures/0_3.png", b"no picture any more")
    stages.catalogue.main(there)
    assert store.total() == 1
    assert "0_3.png" in pd.read_parquet(there / paths.REJECTED)["image"].tolist()
    set_values(there / paths.PARAMS, {"catalogue": {"max_megapixels": 0.00001}})  # what a check said depends on it
    with pytest.raises(InputError, match="megapixels"):
        stages.catalogue.main(there)
    assert store.total() == 22


def test_without_what_is_known_all_is_read_and_comes_out_the_same(runs, store, small_catalogue, tmp_path):
    there = runs(
        "remote", images=store.put_folder(small_catalogue[1], "shop/pictures"), finetune_backbone={"epochs": 0}
    )
    for stage in STAGES:
        stage.main(there)
    vectors = np.load(there / paths.IMAGE_VECTORS)
    shutil.rmtree(tmp_path / "kept")
    shutil.rmtree(there.cache)
    (tmp_path / "kept").write_text("no folder can be made here")
    store.total()
    stages.image_vectors.main(there)
    pictures = pd.read_parquet(there / paths.PRODUCTS).query("image != ''")["image"].nunique()
    assert store.total() == 2 * pictures  # for their bytes, then to decode
    assert (np.load(there / paths.IMAGE_VECTORS) == vectors).all()


def test_weights_and_given_vectors_by_url_make_the_encoders_that_files_make(runs, store, small_catalogue, tmp_path):
    torch.save(import_torchvision().models.squeezenet1_1().state_dict(), tmp_path / "weights.pt")
    keys = [f"{number}_{product}.png" for number in range(2) for product in range(10)]
    given = pd.DataFrame({"image": keys, "vector": [[float(number), 1.0] for number in range(20)]})
    given.to_parquet(tmp_path / "given.parquet")
    for name in ("weights.pt", "given.parquet"):
        store.put(f"shop/{name}", (tmp_path / name).read_bytes())
    made = []
    for folder in (str(tmp_path), "memory://shop"):
        backbone = {
            "network": ["squeezenet1_1", f"given:{folder}/given.parquet"],
            "weights": [f"{folder}/weights.pt", None],
            "given": {"max_missing": 0.9},
        }
        run = runs(f"run {len(made)}", backbone=backbone, finetune_backbone={"epochs": 0})
        stages.catalogue.main(run)
        stages.finetune_backbone.main(run)
        files = [file for file in (run / paths.BACKBONE).rglob("*") if file.is_file()]
        made.append({file.relative_to(run.root): file.read_bytes() for file in files})
    assert made[0] == made[1]


def test_a_picture_that_is_not_there_is_a_rejected_row_and_a_store_that_fails_stops_the_stage(
    runs, store, small_catalogue
):
    there = runs("remote", images=store.put_folder(small_catalogue[1], "shop/pictures"))
    store.failing["shop/pictures/0_5.png"] = [OSError("reset by peer")] * 2  # then it is read
    stages.catalogue.main(there)
    assert "0_5.png" in pd.read_parquet(there / paths.PRODUCTS)["image"].tolist()
    rejected = pd.read_parquet(there / paths.REJECTED).set_index("name")
    assert "picture file does not exist" in rejected.loc["gone", "reason"]
    assert "leaves the picture folder" in rejected.loc["outside", "reason"]
    assert "written otherwise" in rejected.loc["other case", "reason"]
    assert "empty" in rejected.loc["empty", "reason"]

    earlier = (there / paths.PRODUCTS).read_bytes()
    store.put("shop/pictures/0_5.png", (small_catalogue[1] / "0_6.png").read_bytes())
    store.failing["shop/pictures/0_5.png"] = [OSError("reset by peer")] * 99
    with pytest.raises(InputError, match=r"memory://shop/pictures/0_5\.png: expected to read it.*reset by peer"):
        stages.catalogue.main(there)
    assert (there / paths.PRODUCTS).read_bytes() == earlier


def test_a_picture_that_changes_between_stages_stops_them(runs, store, small_catalogue):
    there = runs(
        "remote", images=store.put_folder(small_catalogue[1], "shop/pictures"), finetune_backbone={"epochs": 0}
    )
    stages.catalogue.main(there)
    stages.finetune_backbone.main(there)
    store.files.rm("/shop/pictures/0_5.png")
    with pytest.raises(InputError, match=r"memory://shop/pictures/0_5\.png: .*does not exist"):
        stages.image_vectors.main(there)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"images": "memory://none/pictures"}, "memory://none/pictures: no such folder"),
        ({"csv": "memory://none/table.csv"}, "memory://none/table.csv: not found"),
        ({"images": "https://shop/pictures"}, "nothing is fetched"),
        ({"csv": "simplecache::memory://shop/a.csv"}, "a chain of several"),
        ({"images": "s3://id:not-to-be-seen@shop/pictures"}, "credential"),
    ],
)
def test_a_place_that_is_wrong_is_told(runs, store, named, told):
    with pytest.raises(InputError) as found:
        stages.catalogue.main(runs("remote", **named))
    assert told in str(found.value) and "not-to-be-seen" not in str(found.value)


def test_urls_in_the_table_are_paths_where_they_lie_in_the_folder_and_lose_their_secrets(
    runs, store, small_catalogue, caplog
):
    csv, images = small_catalogue
    with csv.open("a", encoding="utf-8") as file:
        file.write("memory://shop/pictures/0_2.png,by its url,a<b<c\n")
        file.write("https://cdn/0_2.png?X-Amz-Signature=not-to-be-seen,signed,a<b<c\n")
    there = runs("remote", images=store.put_folder(images, "shop/pictures"))
    stages.catalogue.main(there)
    products = pd.read_parquet(there / paths.PRODUCTS).set_index("name")
    assert products.loc["by its url", "image"] == "0_2.png"
    for file in there.root.rglob("*"):
        assert not file.is_file() or b"not-to-be-seen" not in file.read_bytes(), file
    assert "https://cdn/0_2.png?…" in caplog.text
    assert "not-to-be-seen" not in caplog.text


def test_processes_that_prepare_pictures_read_objects_too(runs, store, small_catalogue):
    here = runs("local", machine={"workers": 2}, finetune_backbone={"epochs": 1})
    there = runs(
        "remote",
        images=store.put_folder(small_catalogue[1], "shop/pictures"),
        machine={"workers": 2},
        finetune_backbone={"epochs": 0},
    )
    set_values(here / paths.PARAMS, {"finetune_backbone": {"epochs": 0}})
    for run in (here, there):
        for stage in STAGES:
            stage.main(run)
    assert contents(there)[paths.IMAGE_VECTORS] == contents(here)[paths.IMAGE_VECTORS]


def test_index_report_and_suspects_take_pictures_and_columns_from_a_store(tiny_pipeline, store, tmp_path, monkeypatch):
    repository = tiny_pipeline.copy_to(tmp_path / "repository")
    here = Run(repository.root)
    pictures = store.put_folder(here / paths.SAMPLE_IMAGES, "shop/pictures")
    store.put("shop/table.csv", (here / paths.SAMPLE_CSV).read_bytes())
    shown = re.findall(r"data:image/webp;base64,[^\"']+", (here / paths.REPORT).read_text(encoding="utf-8"))
    shutil.rmtree(here / paths.SAMPLE_IMAGES)
    (here / paths.SAMPLE_CSV).unlink()
    set_values(here / paths.PARAMS, {"catalogue": {"csv": "memory://shop/table.csv", "images": str(pictures)}})
    before = read_json(here / paths.INDEX_METRICS, [])
    for stage in (stages.index, stages.report):
        stage.main(here)
    assert Index.open(here / paths.INDEX).about["images"] == str(pictures)
    assert read_json(here / paths.INDEX_METRICS, []) == before
    assert shown
    assert re.findall(r"data:image/webp;base64,[^\"']+", (here / paths.REPORT).read_text(encoding="utf-8")) == shown
    monkeypatch.chdir(here.root)
    ended = CliRunner().invoke(cli.app, ["suspects", "--html", "suspects.html", "--most", "3"])
    assert ended.exit_code == 0, ended.exception
    assert "data:image/webp" in Path("suspects.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [None, 2])
def test_s3_gives_the_bytes_that_files_give(runs, s3, small_catalogue, workers):
    csv, images = small_catalogue
    s3.put(f"{images}/", "shop/pictures/", recursive=True)
    s3.put(str(csv), "shop/table.csv")
    here = runs("local", machine={"workers": workers})
    there = runs("remote", csv="s3://shop/table.csv", images="s3://shop/pictures", machine={"workers": workers})
    for run in (here, there):
        for stage in STAGES:
            stage.main(run)
    assert contents(there) == contents(here)
    for file in there.root.rglob("*"):
        assert not file.is_file() or b"not-to-be-seen" not in file.read_bytes(), file


@pytest.mark.slow
def test_what_s3_refuses_is_told(runs, s3, s3_server, monkeypatch):
    with pytest.raises(InputError, match="s3://none/pictures: no such folder"):
        stages.catalogue.main(runs("no-bucket", images="s3://none/pictures"))
    with pytest.raises(InputError, match=r"s3://shop/none\.csv: not found"):
        stages.catalogue.main(runs("no-object", csv="s3://shop/none.csv"))
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        free = one.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free}")
    type(s3).clear_instance_cache()
    with pytest.raises(InputError, match=r"s3://shop/table\.csv: expected to read it") as found:
        stages.catalogue.main(runs("no-network", csv="s3://shop/table.csv"))
    assert "not-to-be-seen" not in str(found.value)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("dvc_s3") is None, reason="dvc-s3, the extra `s3`, is not installed")
def test_dvc_runs_what_a_changed_object_changes_and_reads_none_itself(s3, tmp_path):
    repository = Repository.create(tmp_path / "repository", tmp_path / "site")
    repository.set_params(TINY)
    assert repository.stage("sample_catalogue").returncode == 0
    s3.put(f"{repository.root / paths.SAMPLE_IMAGES}/", "shop/pictures/", recursive=True)
    s3.put(str(repository.root / paths.SAMPLE_CSV), "shop/table.csv")
    repository.set_params({"catalogue": {"csv": "s3://shop/table.csv", "images": "s3://shop/pictures"}})

    def ran():
        output = repository.run(sys.executable, "-m", "dvc", "repro", "image_vectors").stdout
        return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]

    assert ran() == ["catalogue", "finetune_backbone", "image_vectors"]
    products = pd.read_parquet(repository.root / paths.PRODUCTS)
    before = np.load(repository.root / paths.IMAGE_VECTORS)[0]
    assert ran() == []
    row = products.query("split == 'test'").index[0]
    Image.new("RGB", (48, 48), (9, 200, 90)).save(tmp_path / "other.png")
    s3.put(str(tmp_path / "other.png"), f"shop/pictures/{products['image'][row]}")
    assert ran() == ["catalogue", "finetune_backbone", "image_vectors"]
    after = np.load(repository.root / paths.IMAGE_VECTORS)[0]
    assert np.flatnonzero((before != after).any(axis=1)).tolist() == [row]
    for file in repository.root.rglob("*"):
        assert not file.is_file() or b"not-to-be-seen" not in file.read_bytes(), file


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray, the extra `ray`, is not installed")
def test_a_cluster_gives_the_same_bytes_and_reads_no_object_itself(runs, store, small_catalogue):
    pictures = store.put_folder(small_catalogue[1], "shop/pictures")  # which no other process has
    here = runs("here", images=pictures, finetune_backbone={"epochs": 0})
    there = runs("there", images=pictures, finetune_backbone={"epochs": 0}, machine={"engine": "ray", "workers": 1})
    for stage in STAGES:
        stage.main(here)
    shutil.rmtree(object_copies.kept())
    for stage in STAGES:
        stage.main(there)
    assert contents(there) == contents(here)
