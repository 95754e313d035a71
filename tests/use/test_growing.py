"""Rows of an index from products, and what stays of them when an index is made again."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from huse.errors import InputError
from huse.use.entries import entries
from huse.use.growing import carried, embed, in_batches
from huse.use.index import ADDED, CATALOGUE, Index

EAST, NORTH, WEST = np.eye(2, dtype=np.float32)[0], np.eye(2, dtype=np.float32)[1], -np.eye(2, dtype=np.float32)[0]


def table(*rows):
    return pd.DataFrame(rows, columns=["product", "image", "name", "classes"]).assign(split="train")


def test_products_are_the_mean_of_their_pictures_and_of_their_names_by_hand():
    """A has two pictures, east and north, and the name north twice: the mean of north-east and north."""
    products = table(("A", "1.jpg", "a", "x"), ("B", "", "b", "y"), ("A", "2.jpg", "a", "x"), ("C", "3.jpg", "", "z"))
    images = np.stack([EAST, NORTH, NORTH, WEST])  # what stands where there is none counts for nothing
    texts = np.stack([NORTH, EAST, NORTH, EAST])
    rows, embeddings = entries(products, images, texts, CATALOGUE)
    assert rows["product"].tolist() == ["A"] * 4 + ["B"] * 2 + ["C"] * 2
    assert rows["kind"].tolist() == [
        "pictures",
        "pictures",
        "names",
        "products",
        "names",
        "products",
        "pictures",
        "products",
    ]
    found = dict(zip(rows["product"] + " " + rows["kind"], embeddings, strict=True))
    both = (EAST + NORTH) / np.sqrt(2) + NORTH
    np.testing.assert_allclose(found["A products"], both / np.linalg.norm(both), atol=1e-6)
    np.testing.assert_array_equal(found["A names"], NORTH)
    np.testing.assert_array_equal(found["B products"], EAST)
    np.testing.assert_array_equal(found["C products"], WEST)
    assert rows.loc[rows["kind"] == "products", ["image", "name"]].to_numpy().tolist() == [
        ["1.jpg", "a"], ["", "b"], ["3.jpg", ""],
    ]  # fmt: skip
    assert set(rows["origin"]) == {CATALOGUE}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_batches_keep_products_together(size):
    products = table(*((name, f"{place}.jpg", "", "x") for place, name in enumerate("ABACBAD")))
    batches = list(in_batches(products, size))
    assert pd.concat(batches)["image"].tolist() == [f"{place}.jpg" for place in (0, 2, 5, 1, 4, 3, 6)]
    of = [set(batch["product"]) for batch in batches]
    assert sum(map(len, of)) == 4 and all(len(batch) >= min(size, 3) or batch is batches[-1] for batch in batches[:1])


class Compass:
    """Stands for a model: north for every name, east for every picture; `turned` the other way round."""

    dimension = 2

    def __init__(self, fingerprint, turned=False, known=("image", "text")):
        self.fingerprint, self.turned, self.known = fingerprint, turned, known

    def knows(self, modality):
        return modality in self.known

    def encode_images(self, pictures):
        assert self.knows("image")
        assert all(path.is_file() for path in pictures)
        return np.stack([NORTH if self.turned else EAST] * len(pictures))

    def encode_texts(self, texts):
        assert self.knows("text")
        return np.stack([EAST if self.turned else NORTH] * len(texts))


@pytest.fixture
def grown(tmp_path):
    """An index of A, to which B (a picture and a name), C (a picture) and D (a name) were added."""
    for name in ("b", "c"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.jpg")
    model, about = Compass("one"), {"fingerprint": "one", "images": str(tmp_path), "columns": {}}
    first = entries(table(("A", "", "a", "x")), NORTH[None], NORTH[None], CATALOGUE)
    index = Index.make(tmp_path / "index", [first], about)
    added = table(("B", "b.jpg", "b", "x"), ("C", "c.jpg", "", "y"), ("D", "", "d", "y"))
    index.put(*embed(added, model, tmp_path))
    return SimpleNamespace(folder=tmp_path / "index", pictures=tmp_path)


def test_what_was_added_stays_as_it_is_with_the_same_model(grown, tmp_path):
    kept = carried(grown.folder, Compass("one"), {"D"}, grown.pictures)
    assert kept.products == 2 and kept.rows["product"].tolist() == ["B"] * 3 + ["C"] * 2
    np.testing.assert_allclose(kept.embeddings[:3], [EAST, NORTH, (EAST + NORTH) / np.sqrt(2)], atol=1e-6)
    first = entries(table(("D", "", "d", "z")), NORTH[None], NORTH[None], CATALOGUE)
    rows = Index.make(tmp_path / "new", [first, (kept.rows, kept.embeddings)], {"fingerprint": "one"}).rows()
    assert rows["origin"].tolist() == [CATALOGUE] * 2 + [ADDED] * 5
    assert rows["product"].tolist() == ["D"] * 2 + kept.rows["product"].tolist()


def test_by_another_model_it_is_embedded_again_and_what_is_gone_is_said(grown, caplog):
    (grown.pictures / "c.jpg").unlink()
    kept = carried(grown.folder, Compass("two", turned=True), set(), grown.pictures)
    assert kept.rows["product"].tolist() == ["B"] * 3 + ["D"] * 2
    np.testing.assert_allclose(kept.embeddings[:3], [NORTH, EAST, (EAST + NORTH) / np.sqrt(2)], atol=1e-6)
    assert "1 pictures of products added later are gone" in caplog.text
    assert "1 products added later have nothing left to embed" in caplog.text


def test_without_an_index_or_anything_added_nothing_stays(grown, tmp_path):
    assert carried(tmp_path / "nowhere", Compass("one"), set(), tmp_path) is None
    assert carried(grown.folder, Compass("one"), {"B", "C", "D"}, grown.pictures) is None


@pytest.mark.parametrize("fingerprint", ["one", "two"])
def test_pictures_are_looked_for_in_the_new_folder_first_then_in_the_old_one(grown, tmp_path, fingerprint):
    new = tmp_path / "new"
    new.mkdir()
    (grown.pictures / "b.jpg").rename(new / "b.jpg")
    kept = carried(grown.folder, Compass(fingerprint), {"D"}, new)
    assert kept.rows["product"].tolist() == ["B"] * 3 + ["C"] * 2
    pictures = kept.rows.loc[kept.rows["kind"] == "pictures", "image"].tolist()
    assert pictures == ["b.jpg", str(tmp_path / "c.jpg")]
    assert kept.rows.loc[kept.rows["kind"] == "products", "image"].tolist() == pictures
    (grown.pictures / "c.jpg").rename(new / "c.jpg")
    kept = carried(grown.folder, Compass(fingerprint), {"D"}, new)
    assert kept.rows.loc[kept.rows["kind"] == "pictures", "image"].tolist() == ["b.jpg", "c.jpg"]


def test_a_damaged_or_newer_index_stops_rather_than_being_taken_for_none(grown, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("huse.use.index.FORMAT", 0)
        with pytest.raises(InputError, match=r"of format 0, found 1.* move .*index away first; what was added"):
            carried(grown.folder, Compass("one"), set(), tmp_path)
    for file in (grown.folder / "embeddings.lance" / "data").iterdir():
        file.write_bytes(b"x")
    with pytest.raises(InputError, match=r"not a readable index.* move .*index away first; what was added"):
        carried(grown.folder, Compass("one"), set(), tmp_path)
    for file in (grown.folder / "embeddings.lance" / "_versions").iterdir():
        file.write_bytes(b"x")
    with pytest.raises(InputError, match=r"not a readable index.* move .*index away first; what was added"):
        carried(grown.folder, Compass("one"), set(), tmp_path)


def test_a_first_build_that_was_killed_is_no_index(grown, tmp_path):
    for file in (grown.folder / "embeddings.lance" / "_versions").iterdir():
        file.unlink()
    assert carried(grown.folder, Compass("one"), set(), tmp_path) is None


def test_what_a_model_has_not_learned_to_read_is_left_out(grown, tmp_path, caplog):
    names = Compass("two", known=["text"])
    products = table(("B", "b.jpg", "b", "x"), ("C", "c.jpg", "", "y"))
    rows, embeddings = embed(products, names, tmp_path)
    assert rows[["product", "kind"]].to_numpy().tolist() == [["B", "names"], ["B", "products"]]
    np.testing.assert_array_equal(embeddings, [NORTH, NORTH])
    assert "pictures left out: the model has learned from none" in caplog.text
    assert "left out: 1 row with nothing that the model can read" in caplog.text
    with pytest.raises(InputError, match="learned from nothing that its products have"):
        embed(products[1:], names, tmp_path)
    kept = carried(grown.folder, names, set(), tmp_path)
    assert kept.rows["product"].tolist() == ["B", "B", "D", "D"]
    assert "1 products added later have nothing left to embed" in caplog.text
    kept = carried(grown.folder, Compass("two", known=["image"]), set(), tmp_path)
    assert kept.rows["product"].tolist() == ["B", "B", "C", "C"]
