from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from huse.encoders.contract import ItemError
from huse.encoders.families import load_encoder
from huse.encoders.given import GivenLabelSettings, GivenSettings, open_given, open_given_pictures, read_given
from huse.errors import InputError
from huse.vision.given_pictures import GivenPictureSettings

NAMES = ["red shoe", "Chloé dress", "blue tie"]
VECTORS = np.arange(12, dtype=np.float64).reshape(3, 4) / 7


def write(folder, kind):
    """The same vectors in one of the layouts; return the settings that read them."""
    if kind == "npy":
        np.save(folder / "given.npy", VECTORS)
        (folder / "names.txt").write_text("\n".join(NAMES), encoding="utf-8")
        return GivenSettings(file="given.npy", names="names.txt", max_missing=0.5)
    table = pd.DataFrame({"title": NAMES, "note": "x"})
    if kind == "lists":
        table["vector"] = [*VECTORS]
    else:
        table = table.join(pd.DataFrame(VECTORS).add_prefix("v"))
    table.to_parquet(folder / "given.parquet")
    return GivenSettings(file="given.parquet", names="title", max_missing=0.5)


@pytest.mark.parametrize("kind", ["npy", "lists", "columns"])
def test_names_get_the_vectors_that_were_given(tmp_path, kind, caplog):
    encoder = open_given(write(tmp_path, kind), tmp_path, [*NAMES, ""])
    asked = ["blue  tie", "Chloe\u0301 dress", "", "red shoe", "red shoe"]
    expected = np.vstack([VECTORS[2], VECTORS[1], np.zeros(4), VECTORS[0], VECTORS[0]])
    np.testing.assert_array_equal(encoder.encode(asked), expected.astype(np.float32))
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    np.testing.assert_array_equal(loaded.encode(asked), encoder.encode(asked))
    assert loaded.config == encoder.config and loaded.dimension == 4
    assert not caplog.text


def test_names_of_the_catalogue_without_one_get_zeros_and_new_ones_an_error(tmp_path, caplog):
    settings = write(tmp_path, "lists")
    encoder = open_given(settings, tmp_path, [*NAMES, "green hat", "green hat", ""])
    assert "1 of 4 different names have no vector in given.parquet, first 'green hat': they get zeros" in caplog.text
    assert not encoder.encode(["green hat"]).any()
    encoder.save(tmp_path)
    with pytest.raises(ItemError, match=r"'new hat': no vector was given for this name") as raised:
        load_encoder(tmp_path).encode(["red shoe", "green hat", "new hat", "newer"])
    assert raised.value.number == 2
    with pytest.raises(InputError, match=r"1 of 4 different names .*More than max_missing = 20%.*products\.parquet"):
        open_given(settings.changed(max_missing=0.2), tmp_path, [*NAMES, "green hat"])


def test_of_a_name_that_comes_again_the_first_vector_counts(tmp_path, caplog):
    table = pd.DataFrame({"name": ["a", "b", "a ", "b"], "vector": [[1.0, 2], [3, 4], [5, 6], [3, 4]]})
    table.to_parquet(tmp_path / "given.parquet")
    encoder = open_given(GivenSettings(file="given.parquet"), tmp_path, [])
    assert "1 names come again with another vector, first 'a ': the first counts" in caplog.text
    assert encoder.encode(["a", "b"]).tolist() == [[1, 2], [3, 4]]


def pictures(folder, keys, **settings):
    pd.DataFrame({"image": keys, "vector": [*VECTORS[: len(keys)]]}).to_parquet(folder / "given.parquet")
    return GivenPictureSettings(**settings)


def test_pictures_are_told_by_their_path_whatever_folders_stand_before_it(tmp_path, caplog):
    settings = pictures(tmp_path, ["a/1.jpg", "2.jpg", "b/1.jpg"])
    encoder = open_given_pictures("given.parquet", settings, tmp_path, ["b/1.jpg", "2.jpg", "2.jpg"], None)
    asked = ["b/1.jpg", "2.jpg", Path("/shop/images/a/1.jpg"), r"C:\images\a\1.jpg", "./2.jpg"]
    np.testing.assert_array_equal(encoder.encode(asked), VECTORS[[2, 1, 0, 0, 1]].astype(np.float32))
    encoder.save(tmp_path)
    np.testing.assert_array_equal(load_encoder(tmp_path).encode(asked), encoder.encode(asked))
    assert not caplog.text
    with pytest.raises(ItemError, match=r"'c/3\.jpg': no vector was given for this picture") as raised:
        encoder.encode(["2.jpg", "c/3.jpg"])
    assert raised.value.number == 1
    with pytest.raises(ItemError, match="expected the path of a picture whose vector was given, found bytes"):
        encoder.encode([b"2.jpg"])


@pytest.mark.parametrize("ids", [["7", "8"], [7, 8]])
def test_pictures_are_told_by_the_product_they_show(tmp_path, ids, caplog):
    settings = pictures(tmp_path, ids, by="product", max_missing=0.5)
    images, products = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], ["8", "7", "8", "9"]
    encoder = open_given_pictures("given.parquet", settings, tmp_path, images, products)
    expected = np.vstack([VECTORS[[1, 0, 1]], np.zeros(4)]).astype(np.float32)
    np.testing.assert_array_equal(encoder.encode(images), expected)
    assert "1 of 4 different pictures have no vector in given.parquet, first 'd.jpg': they get zeros" in caplog.text
    with pytest.raises(InputError, match=r"More than max_missing = 5%"):
        open_given_pictures("given.parquet", settings.changed(max_missing=0.05), tmp_path, images, products)
    with pytest.raises(InputError, match=r"by: product needs the ids of products, .* Set catalogue\.columns\.product"):
        open_given_pictures("given.parquet", settings, tmp_path, images, None)


def test_classes_need_a_vector_each(tmp_path):
    table = pd.DataFrame({"classes": ["shoes<boots", "ties"], "vector": [*VECTORS[:2]]})
    table.to_parquet(tmp_path / "given.parquet")
    settings = GivenLabelSettings(file="given.parquet")
    encoder = open_given(settings, tmp_path, ["ties", "shoes<boots"], of="classes")
    np.testing.assert_array_equal(encoder.encode(["ties"]), VECTORS[1:2].astype(np.float32))
    with pytest.raises(InputError, match=r"1 of 2 different classes have no vector in given\.parquet, first 'hats'"):
        open_given(settings, tmp_path, ["ties", "hats"], of="classes")


@pytest.mark.parametrize("empty", [0, 1])
def test_null_in_place_of_a_list_gives_no_vector(tmp_path, empty):
    vectors = [[1.0, 2.0], [3.0, 4.0]]
    vectors[empty] = None
    pd.DataFrame({"name": ["a", "b"], "vector": vectors}).to_parquet(tmp_path / "given.parquet")
    given = read_given(tmp_path / "given.parquet", "name")
    assert given.keys == ["ab"[1 - empty]]
    np.testing.assert_array_equal(given.vectors, [vectors[1 - empty]])


def ragged(folder):
    pd.DataFrame({"name": ["a", "b"], "vector": [[1.0], [2.0, 3.0]]}).to_parquet(folder / "given.parquet")


def pickled(folder):
    np.save(folder / "given.npy", np.array([{}], dtype=object), allow_pickle=True)
    (folder / "names.txt").write_text("a")
    return GivenSettings(file="given.npy", names="names.txt")


def uneven(folder):
    np.save(folder / "given.npy", VECTORS[:2])
    return write_names(folder)


def write_names(folder):
    (folder / "names.txt").write_text("\n".join(NAMES), encoding="utf-8")
    return GivenSettings(file="given.npy", names="names.txt")


def of_kind(folder, kind):
    np.save(folder / "given.npy", np.ones((3, 2)).astype("i8").astype(kind))
    return write_names(folder)


def test_a_file_of_names_from_a_program_that_marks_utf_8(tmp_path):
    settings = write(tmp_path, "npy")
    (tmp_path / "names.txt").write_text("\r\n".join(NAMES), encoding="utf-8-sig", newline="")
    found = open_given(settings.changed(max_missing=0), tmp_path, NAMES).encode(NAMES)
    np.testing.assert_array_equal(found, VECTORS.astype(np.float32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: GivenSettings(), r"given\.file: expected a file of vectors, found null"),
        (lambda folder: None, r"given\.parquet: not found"),
        (write_names, r"given\.npy: not found"),
        (pickled, r"given\.npy: cannot be read"),
        (uneven, r"given\.npy: expected a vector a name, found 3 names and an array of 2 × 4"),
        (lambda folder: of_kind(folder, "complex64"), "expected numbers, found complex64"),
        (lambda folder: of_kind(folder, "M8[s]"), "expected numbers, found datetime64"),
        (ragged, r"given\.parquet: cannot be read .*shape"),
        (lambda folder: (folder / "given.parquet").write_text("no"), r"given\.parquet: cannot be read"),
        (
            lambda folder: pd.DataFrame({"title": ["a"], "v": [1.0]}).to_parquet(folder / "given.parquet"),
            "expected texts in a column `name`, found the columns title, v",
        ),
        (
            lambda folder: pd.DataFrame({"name": ["a"], "v": ["x"]}).to_parquet(folder / "given.parquet"),
            "expected one column of lists or some of numbers beside `name`, found 0 of lists",
        ),
        (
            lambda folder: pd.DataFrame({"name": ["a", "b"], "v": [1, np.nan]}).to_parquet(folder / "given.parquet"),
            r"the vector of 'b' \(row 1\) has a value that is not finite",
        ),
        (
            lambda folder: pd.DataFrame({"name": ["a", "b"], "v": [1, -1e30]}).to_parquet(folder / "given.parquet"),
            r"the vector of 'b' \(row 1\) has a value that is not finite, or above 1e\+15",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, make, message):
    settings = make(tmp_path)
    settings = settings if isinstance(settings, GivenSettings) else GivenSettings(file="given.parquet")
    with pytest.raises(InputError, match=message):
        open_given(settings, tmp_path, [])
