import numpy as np
import pytest
from scipy.io import loadmat, savemat

from huse.catalogue.importing.wikipedia import import_wikipedia
from huse.errors import InputError
from tests.catalogue.importing.layouts import make_wikipedia

NEW_FORMAT = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\x89HDF"
LIST = "trainset_txt_img_cat.list"


@pytest.mark.parametrize("ending", ["mat", "npz"])
@pytest.mark.parametrize("pictures", [True, False])
def test_pairs_keep_their_features_and_their_split(tmp_path, ending, pictures):
    found = import_wikipedia(make_wikipedia(tmp_path, ending, pictures))
    table = found.imported.table()
    assert table["split"].value_counts().to_dict() == {"train": 60, "test": 24}
    assert sorted(set(table["classes"])) == ["art", "royalty and nobility", "sport"]
    assert table["name"].is_unique and table["image"].is_unique
    assert table.loc[61, "product"] == "testtext001-1"
    given = loadmat(tmp_path / "raw_features.mat") if ending == "mat" else np.load(tmp_path / "raw_features.npz")
    whole = {letter: np.concatenate([given[f"{letter}_tr"], given[f"{letter}_te"]]) for letter in "IT"}
    images = found.images.set_index("image").loc[table["image"]].to_numpy()
    texts = found.texts.set_index("name").loc[table["name"]].to_numpy()
    np.testing.assert_allclose(images, whole["I"], rtol=1e-6)
    np.testing.assert_allclose(texts, whole["T"], rtol=1e-6)
    first = "art/trainpicture000.jpg" if pictures else "trainpicture000.png"
    assert table.loc[0, "image"] == first
    assert list(found.drawn) == ([] if pictures else table["image"].tolist())


def test_a_picture_of_the_features_shows_them(tmp_path):
    """Twelve tiles a side hold 128 values; each is as bright as its value."""
    found = import_wikipedia(make_wikipedia(tmp_path))
    pixels, values = found.drawn["trainpicture000.png"], found.images.iloc[0, 1:].to_numpy(float)
    assert pixels.shape == (192, 192)
    tiles = pixels[::16, ::16].ravel()
    assert (tiles[128:] == 0).all()
    np.testing.assert_allclose(tiles[:128], 255 * values / values.max(), atol=0.51)


def test_the_files_may_lie_in_a_folder_of_their_own(tmp_path):
    make_wikipedia(tmp_path / "wikipedia_info")
    assert len(import_wikipedia(tmp_path).imported.table()) == 84


def test_without_names_categories_have_their_numbers(tmp_path):
    make_wikipedia(tmp_path)
    (tmp_path / "categories.list").unlink()
    assert set(import_wikipedia(tmp_path).imported.table()["classes"]) == {"category 1", "category 2", "category 3"}


def test_a_pair_without_its_picture_is_kept_by_its_text(tmp_path):
    make_wikipedia(tmp_path, pictures=True)
    (tmp_path / "images/art/trainpicture000.jpg").unlink()
    found = import_wikipedia(tmp_path)
    assert found.imported.in_part == [f"no picture, kept by its name: {LIST} line 1, trainpicture000.jpg"]
    assert len(found.images) == 83 and len(found.texts) == 84


def damage(root, name, change):
    features = loadmat(root / "raw_features.mat")
    features[name] = change(features[name])
    savemat(root / "raw_features.mat", {key: of for key, of in features.items() if not key.startswith("__")})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda root: (root / "raw_features.mat").unlink(), "expected raw_features.mat or raw_features.npz"),
        (lambda root: (root / LIST).unlink(), f"expected {LIST} in it"),
        (lambda root: (root / "raw_features.mat").write_bytes(b"no matrix"), "raw_features.mat: cannot be read"),
        (lambda root: (root / "raw_features.mat").write_bytes(NEW_FORMAT), "is MATLAB's format 7.3"),
        (lambda root: damage(root, "I_tr", lambda of: of[1:]), "I_tr: expected a row for each of the 60 lines"),
        (lambda root: damage(root, "T_te", lambda of: of[:, 1:]), "T_tr and T_te of one width, found 10 and 9"),
        (lambda root: damage(root, "T_te", lambda of: of * np.nan), "T_te: expected rows of finite numbers"),
        (lambda root: damage(root, "I_te", lambda of: np.array(["a"])), "I_te: expected rows of finite numbers"),
        (lambda root: savemat(root / "raw_features.mat", {"I_tr": np.zeros((2, 2))}), "found no I_te, T_tr, T_te"),
        (lambda root: (root / LIST).write_text("a\tb\n" * 60), "line 1: expected text, picture and number"),
        (lambda root: (root / LIST).write_text("a\tb\tart\n" * 60), "line 1: expected text, picture and number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(tmp_path, change, reason):
    make_wikipedia(tmp_path)
    change(tmp_path)
    with pytest.raises(InputError, match=reason):
        import_wikipedia(tmp_path)


def test_pickled_objects_are_not_loaded(tmp_path):
    make_wikipedia(tmp_path, "npz")
    np.savez(tmp_path / "raw_features.npz", I_tr=np.array([{}], dtype=object), I_te=[0], T_tr=[0], T_te=[0])
    with pytest.raises(InputError, match=r"raw_features.npz: cannot be read"):
        import_wikipedia(tmp_path)
