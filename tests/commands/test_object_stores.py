"""Commands by URLs: pictures and models in an object store, beside the same in folders."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import huse as package
from huse import object_copies, storage
from huse.commands import checking
from huse.run import paths
from huse.run.params.editing import set_values
from huse.run.params.reader import read_yaml
from huse.use.index import Index
from huse.vision.known import copied_pictures
from tests.commands.conftest import error, huse


@pytest.fixture
def shop(tiny_pipeline, tmp_path, monkeypatch, store):
    """The tiny pipeline's model, index and parameters in the current folder, and model and pictures in a store."""
    root = tiny_pipeline.root
    for name in (paths.MODEL, paths.INDEX):
        shutil.copytree(root / name, tmp_path / name)
    shutil.copy(root / "params.yaml", tmp_path)
    folder = root / read_yaml(root / "params.yaml")["catalogue"]["images"]
    store.put_folder(folder, "shop/pictures")
    store.put_folder(root / paths.MODEL, "shop/model")
    store.put("shop/products.csv", (root / paths.SAMPLE_CSV).read_bytes())
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, tmp_path / "pictures")
    products = pd.read_parquet(root / paths.PRODUCTS)
    return products[products["image"] != ""].head(6)


def ran(*arguments):
    ended = huse(*arguments)
    assert ended.exit_code == 0, ended.exception
    return ended.stdout


def test_a_model_by_its_url_is_the_model(shop, store, tmp_path):
    by_folder, by_url = package.load(paths.MODEL), package.load("memory://shop/model")
    assert by_url.fingerprint == by_folder.fingerprint
    pictures = [f"memory://shop/pictures/{image}" for image in shop["image"]]
    found = by_url.encode_images(pictures)
    assert found.tobytes() == by_folder.encode_images([Path("pictures", image) for image in shop["image"]]).tobytes()
    with pytest.raises(package.errors.InputError, match=r"memory://shop/pictures/none\.jpg: .*does not exist"):
        by_url.encode_images(["memory://shop/pictures/none.jpg"])


def test_classify_search_and_duplicates_give_what_they_give_of_folders(shop, store):
    shop[["image", "name", "classes"]].to_csv("new.csv", index=False)
    for name, images, model in (
        ("here", "pictures", paths.MODEL),
        ("there", "memory://shop/pictures", "memory://shop/model"),
    ):
        ran("classify", "new.csv", "--images", images, "--model", model, "--output", f"{name}.csv")
        ran("search", "thing", "--images", images, "--model", model, "--html", f"{name}.html")
        ran("duplicates", "new.csv", "--images", images, "--html", f"{name}-twice.html", "--steps", 40)
    assert Path("here.csv").read_bytes() == Path("there.csv").read_bytes()
    assert Path("here.html").read_bytes() == Path("there.html").read_bytes()
    assert "data:image/webp" in Path("there.html").read_text(encoding="utf-8")
    image = shop["image"].iloc[0]
    said = [
        ran("search", "--image", f"{folder}/{image}", "--json") for folder in ("pictures", "memory://shop/pictures")
    ]
    assert said[0] == said[1]
    assert "no such picture" in error("search", "--image", "memory://shop/pictures/none.jpg")
    assert "nothing is fetched" in error("search", "--image", "https://shop/none.jpg")


def test_tables_are_read_by_url_as_from_files(shop, store):
    own = shop.assign(product=[f"own {row}" for row in shop["row"]])  # so that those of the index are others
    own[["image", "name", "classes", "product"]].to_csv("pictures/new.csv", index=False)
    store.put("shop/pictures/new.csv", Path("pictures/new.csv").read_bytes())
    for name, table in (("here", "pictures/new.csv"), ("there", "memory://shop/pictures/new.csv")):
        ran("classify", table, "--output", f"{name}.csv")
        ran("duplicates", table, "--product-column", "product", "--output", f"{name}-twice.csv", "--steps", 40)
    assert Path("here.csv").read_bytes() == Path("there.csv").read_bytes()
    assert Path("here-twice.csv").read_text(encoding="utf-8").count("\n") > 1
    # Pictures of either are where the table lies.
    twice = [Path(f"{name}-twice.csv").read_text(encoding="utf-8") for name in ("here", "there")]
    assert twice[0].replace(f"{Path('pictures').resolve()}/", "memory://shop/pictures/") == twice[1]
    store.put("shop/pictures/odd.csv", b"image,name,classes\n,A hat,a<b\n,A coat,\n")
    ran("add", "memory://shop/pictures/odd.csv", "--max-rejected", 0.5)
    assert "classes" in Path("odd.rejected.csv").read_text(encoding="utf-8")
    assert "none.csv: not found" in error("classify", "memory://shop/none.csv", "--output", "none.csv")


def test_products_are_added_from_a_store_and_found(shop, store):
    store.put("shop/new/hat.jpg", Path("pictures", shop["image"].iloc[0]).read_bytes())
    Path("new.csv").write_text(f"image,name,classes\nhat.jpg,A new hat,{shop['classes'].iloc[0]}\n", encoding="utf-8")
    store.total()
    assert "1 product added" in ran("add", "new.csv", "--images", "memory://shop/new")
    assert set(store.read) == {"shop/new/hat.jpg"}
    rows = Index.open(paths.INDEX).rows("product = 'A new hat' AND kind = 'pictures'")
    assert rows["image"].tolist() == ["memory://shop/new/hat.jpg"]
    (hit,) = json.loads(ran("search", "A new hat", "-k", 1, "--json"))
    assert hit["product"] == "A new hat"
    assert "no such folder" in error("add", "new.csv", "--images", "memory://shop/none")
    assert "credential" in error("add", "new.csv", "--images", "s3://id:not-to-be-seen@shop/new")


def test_check_looks_into_a_store(shop, store, monkeypatch):
    set_values(paths.PARAMS, {"catalogue": {"csv": "memory://shop/products.csv", "images": "memory://shop/pictures"}})
    told = error("check")
    assert "2 findings" in told and "catalogue.images: memory://shop/pictures: expected a path, or a URL of s3" in told
    monkeypatch.setitem(checking.DVC_READS, "memory", "no_such_module")
    assert "DVC needs no_such_module" in error("check")
    monkeypatch.setitem(checking.DVC_READS, "memory", "fsspec")
    said = ran("check")
    assert "memory://shop/products.csv" in said and "memory://shop/pictures: " in said
    set_values(
        paths.PARAMS,
        {
            "catalogue": {"images": "s3://id:not-to-be-seen@shop/pictures"},
            "backbone": {"weights": "memory://shop/none.pt"},
        },
    )
    told = error("check")
    assert "credential" in told and "memory://shop/none.pt: not found" in told and "not-to-be-seen" not in told


def test_weights_and_given_vectors_are_read_by_url(shop, store, tmp_path):
    products = shop.assign(vector=[[float(number), 1.0] for number in range(len(shop))])
    products[["image", "vector"]].to_parquet("vectors.parquet")
    store.put("shop/vectors.parquet", Path("vectors.parquet").read_bytes())
    from huse.encoders.given import read_given
    from huse.object_copies import local

    found = read_given(local(tmp_path, "memory://shop/vectors.parquet"), "image")
    assert found.fingerprint == read_given(Path("vectors.parquet"), "image").fingerprint


def test_copies_are_shown_and_deleted_whole_and_made_again(shop, store):
    def copied():
        pictures = copied_pictures([storage.place(f"memory://shop/pictures/{image}") for image in shop["image"]])
        return [*pictures, object_copies.local(Path(), "memory://shop/products.csv")]

    before = copied()
    package.load("memory://shop/model")
    kept = object_copies.kept()
    unfinished, others = kept / object_copies.MODELS / ".partial-of-another" / "file", kept / "of somebody else"
    unfinished.parent.mkdir()
    for file in (unfinished, others):
        file.write_text("")
    shown = ran("cache", "--clear")  # that of the run alone
    assert f"Copied from object stores to {kept}" in shown.splitlines()
    assert all(file.is_file() for file in before) and len(list((kept / object_copies.MODELS).glob("[!.]*"))) == 1
    assert "copies of objects deleted" in ran("cache", "--clear-objects")
    assert {file for file in kept.rglob("*") if file.is_file()} == {unfinished, others}
    assert copied() == before and all(file.is_file() for file in before)


def test_without_copies_there_is_nothing_to_show_or_delete(shop, store):
    shutil.rmtree(object_copies.kept(), ignore_errors=True)
    assert "Copied from object stores" not in ran("cache", "--clear-objects")
    assert not object_copies.kept().exists()
