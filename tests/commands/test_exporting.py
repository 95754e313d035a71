"""Commands that export the model and the index of a tiny pipeline."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import huse as package
from huse.run import paths
from huse.use.export.vectors import SPACE
from huse.use.index import Index
from tests.commands.conftest import error, huse
from tests.conftest import ROOT
from tests.use.export.made import needs_export

COUNT = 60


@pytest.fixture
def shop(tiny_pipeline, tmp_path, monkeypatch):
    """The model and the index of the tiny pipeline in a folder of no repository."""
    for name in (paths.MODEL, paths.INDEX):
        shutil.copytree(tiny_pipeline.root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    products = pd.read_parquet(tiny_pipeline.root / paths.PRODUCTS)
    return products[~products["name"].str.startswith("-")].reset_index(drop=True)  # no option of the command


@needs_export
def test_an_export_answers_as_its_source_and_asks_its_index(shop, tiny_pipeline):
    said = huse("export", "onnx", "exported")
    assert said.exit_code == 0, said.output
    assert "image: embeddings differ by at most" in said.stdout and "huse.load reads it without torch" in said.stdout
    source, exported = package.load(paths.MODEL), package.load("exported")
    names = shop["name"].tolist()[:COUNT]
    pictures = [tiny_pipeline.root / paths.SAMPLE_IMAGES / image for image in shop["image"][:COUNT]]
    np.testing.assert_allclose(exported.encode_texts(names), source.encode_texts(names), atol=1e-4)
    np.testing.assert_allclose(
        exported.class_probabilities(pictures, names), source.class_probabilities(pictures, names), atol=2e-2
    )  # the source may compute in bfloat16
    asked = ("search", names[0], "--in", "names", "-k", 1, "--json")
    found = [json.loads(huse(*asked, *more).stdout)[0]["name"] for more in ((), ("--model", "exported"))]
    assert found == [names[0]] * 2


@needs_export
def test_a_folder_that_is_something_else_is_kept(shop, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    for more in ((), ("--force",)):
        said = error("export", "onnx", "mine", *more)
        assert "Give another folder" in said
    assert "is no earlier export" in said
    assert "no earlier export" in error("export", "onnx", paths.MODEL, "--force")
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"
    (tmp_path / "empty").mkdir()
    for more in ((), ("--force",)):
        assert huse("export", "onnx", "empty", *more).exit_code == 0
    assert "is there and not empty" in error("export", "onnx", "empty")
    package.load("empty")
    assert "expected a model with towers of torch" in error("export", "onnx", "again", "--model", "empty")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(("kind", "place"), [("onnx", "file/m"), ("parquet", "file/e.parquet"), ("qdrant", "file/e")])
def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(tmp_path, monkeypatch, kind, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    said = error("export", kind, place)  # there is neither a model nor an index here, which would be told later
    assert (
        f"{place}: cannot be written, since nothing can be written to {tmp_path / 'file'}. Give another place" in said
    )


@pytest.mark.parametrize("folder", [".", "../{}", "/"])
def test_the_working_directory_is_not_replaced(shop, tmp_path, monkeypatch, folder):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert "cannot be replaced as a whole. Give the name" in error("export", "onnx", folder.format("empty"))


@needs_export
@pytest.mark.slow
def test_a_kill_leaves_no_folder(shop, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "huse", "export", "onnx", "exported"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob(".partial-*-exported/*/made/*.onnx")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "exported").exists()
    assert huse("export", "onnx", "exported").exit_code == 0
    assert not list(tmp_path.glob(".partial*"))
    package.load("exported")


@needs_export
@pytest.mark.slow
@pytest.mark.parametrize("geometry", ["squash", "crop", "pad"])
@pytest.mark.parametrize("language", ["python", "node"])
def test_the_examples_say_what_the_model_says(shop, tmp_path, tiny_pipeline, geometry, language):
    made = package.load(paths.MODEL)
    encoder = made.image_encoder.changed(torch.device("cpu"), geometry=geometry, share=None, dtype="float32")
    (tmp_path / "model").mkdir()
    made.computed_by(encoder, made.text_encoder, made.network, {}).save(tmp_path / "model")
    assert huse("export", "onnx", "exported", "--model", "model").exit_code == 0
    small = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(small).resize((150, 110), Image.Resampling.BICUBIC).save("wide.png")
    shutil.copy(tiny_pipeline.root / paths.SAMPLE_IMAGES / shop["image"].iloc[0], "own.jpg")
    expected = package.load("exported")
    for example in (tmp_path / "exported").glob("example.*"):
        assert len(example.read_text().splitlines()) <= 40
    for picture in ("wide.png", "own.jpg"):
        command = [sys.executable, "exported/example.py"] if language == "python" else node(tmp_path / "exported")
        done = subprocess.run([*command, picture], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found = {path: float(number) for number, path in (line.split(" ", 1) for line in done.stdout.splitlines())}
        likely = dict(expected.classify([picture])[0])
        # The tiny model has hardly learned, so its first classes are near each other, and another library's pixels,
        # which differ by 2 of 255 at most, may change their order.
        assert len(found.keys() & likely.keys()) >= 3
        for path in found.keys() & likely.keys():
            assert found[path] == pytest.approx(likely[path], abs=1e-3 if language == "python" else 0.02)


def node(folder):
    """The command of the example in JavaScript, or a skip where it lacks something."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed (Debian's nodejs)")
    modules = os.environ.get("HUSE_NODE_MODULES", str(ROOT / "node_modules"))
    needed = ("onnxruntime-node", "sharp")
    if any(not Path(modules, name).is_dir() for name in needed):
        pytest.skip(f"{', '.join(needed)} are not in {modules}: npm install them, or set HUSE_NODE_MODULES")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules)
    return ["node", str(folder / "example.mjs")]


def test_models_of_n_grams_are_none_of_sentences(shop, tmp_path):
    said = error("export", "sentence-transformers", "sentences")
    assert "names are read by" in said and "ngrams" in said and "`huse export onnx` takes any encoder" in said
    assert not (tmp_path / "sentences").exists()


def test_a_parquet_has_what_the_index_has(shop):
    said = huse("export", "parquet", "all.parquet")
    index = Index.open(paths.INDEX)
    assert f"wrote all.parquet: {len(index):,} embeddings" in said.stdout
    table = pq.read_table("all.parquet")
    assert table.schema.field("embedding").type.list_size == index.dimension
    assert json.loads(table.schema.metadata[b"huse"]) == {"fingerprint": index.about["fingerprint"]}
    expected = index.rows(embeddings=True).set_index("key").sort_index()
    found = table.to_pandas().set_index("key").sort_index()
    pd.testing.assert_frame_equal(found[expected.columns], expected)
    assert "is there already" in error("export", "parquet", "all.parquet")
    some = huse("export", "parquet", "all.parquet", "--in", "names", "--where", "split = 'test'", "--force")
    assert some.exit_code == 0
    kept = pd.read_parquet("all.parquet")
    assert set(kept["kind"]) == {"names"} and set(kept["split"]) == {"test"} and len(kept) < len(found)


def test_points_of_qdrant_are_the_rows_of_the_index(shop):
    assert huse("export", "qdrant", "points.jsonl", "--in", "products").exit_code == 0
    points = [json.loads(line) for line in Path("points.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = Index.open(paths.INDEX).rows("kind = 'products'", embeddings=True).set_index("product")
    assert len(points) == len(rows) == len({point["id"] for point in points})
    for point in points:
        row = rows.loc[point["payload"]["product"]]
        assert point["id"] == str(uuid.uuid5(SPACE, row["key"]))
        np.testing.assert_array_equal(np.float32(point["vector"]), row["embedding"])
        assert point["payload"]["classes"] == row["classes"] and "" not in point["payload"].values()


def test_wrong_asking_is_said_and_writes_nothing(shop, tmp_path):
    assert "--in: expected pictures, names, products, found 'shoes'" in error(
        "export", "qdrant", "a.jsonl", "--in", "shoes"
    )
    assert "no row for that condition" in error("export", "parquet", "a.parquet", "--where", "split = 'none'")
    assert "no index" in error("export", "parquet", "a.parquet", "--index", tmp_path)
    assert not list(tmp_path.glob("*a.*"))


@pytest.mark.slow
def test_qdrant_takes_the_points(shop):
    client = pytest.importorskip("qdrant_client", reason="qdrant-client is not installed")
    huse("export", "qdrant", "points.jsonl", "--in", "products")
    points = [json.loads(line) for line in Path("points.jsonl").read_text(encoding="utf-8").splitlines()]
    size = len(points[0]["vector"])
    there = client.QdrantClient(":memory:")
    models = client.models
    there.create_collection("shop", models.VectorParams(size=size, distance=models.Distance.COSINE))
    there.upload_points("shop", (models.PointStruct(**point) for point in points))
    index = Index.open(paths.INDEX)
    for point in points[:5]:
        query = np.float32(point["vector"])
        hits = there.query_points("shop", query.tolist(), limit=5).points
        assert [hit.payload["product"] for hit in hits] == [hit.product for hit in index.search(embedding=query, k=5)]
