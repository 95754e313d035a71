import pytest

from huse.catalogue.importing.folders import import_folders
from huse.errors import InputError
from tests.catalogue.importing.layouts import draw

NAMED = "no captions were given, so products are named by their files (--no-names leaves them without)"
IMAGENET = ["train/shoe/a.jpg", "train/hat/cap/b.jpg", "val/shoe/c.jpg"]


@pytest.fixture
def tree(tmp_path):
    """Import a tree of these pictures; give class path and split by picture, and what was said."""

    def tree(pictures, **options):
        for picture in pictures:
            draw(tmp_path / "tree" / picture)
        imported = import_folders(tmp_path / "tree", None, **options)
        found = {row[0]: (row[2], row[3]) for row in imported.rows}
        return found, imported

    return tree


@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        (IMAGENET, [("hat<cap", "train"), ("shoe", "train"), ("shoe", "validation")]),
        (["Training/a/1.jpg", "TEST/a/2.jpg", "dev/a/3.jpg"], [("a", "test"), ("a", "train"), ("a", "validation")]),
        (["b/train/1.jpg", "b/test/2.jpg", "a/train/3.jpg"], [("a", "train"), ("b", "test"), ("b", "train")]),
        (["training_set/training_set/a/1.jpg", "test-set/test-set/a/2.jpg"], [("a", "test"), ("a", "train")]),
        (["data/train/a/1.jpg", "data/valid/a/2.jpg"], [("data<a", "train"), ("data<a", "validation")]),
        (
            ["seg_train/seg_train/sea/1.jpg", "seg_test/seg_test/sea/2.jpg", "seg_pred/seg_pred/3.jpg"],
            [("sea", "test"), ("sea", "train")],
        ),
        (["train2017/a/1.jpg", "val2017/a/2.jpg"], [("a", "train"), ("a", "validation")]),
        (
            ["training/a/1.jpg", "validation/a/2.jpg", "evaluation/a/3.jpg"],
            [("a", "test"), ("a", "train"), ("a", "validation")],
        ),
        (["train/a/1.jpg", "val/a/2.jpg", "logo.png"], [("a", "train"), ("a", "validation")]),
        (["train/a/1.jpg", "train/b/1.jpg", "test/2.jpg", "test/3.jpg"], [("a", "train"), ("b", "train")]),
    ],
    ids=[
        "ImageFolder", "any case", "below the classes", "twice", "below one folder", "Intel", "COCO", "Food-11",
        "a stray file", "a test part without classes",
    ],
)  # fmt: skip
def test_split_folders_are_no_levels(tree, pictures, expected):
    found, imported = tree(pictures)
    assert sorted(found.values()) == expected
    if {split for _, split in expected} != {"train"}:
        assert imported.table()["split"].tolist() == [split for _, split in found.values()]
    assert any("are splits, not levels of the classes" in remark for remark in imported.remarks)
    assert len(imported.left_out) == len(pictures) - len(expected)


@pytest.mark.parametrize(
    "pictures",
    [
        ["test/pregnancy/1.jpg", "shoes/boots/2.jpg"],
        ["train/wooden/1.jpg", "test/pregnancy/2.jpg"],
        ["toys/train/1.jpg", "kits/test/2.jpg"],
        ["train/1.jpg", "test/2.jpg"],
    ],
    ids=["a shop of test kits", "of toy trains and test kits", "below other classes", "no classes otherwise"],
)
def test_what_may_be_a_class_stays_one_and_is_said(tree, pictures):
    found, imported = tree(pictures)
    assert {path: classes.replace("<", "/") for path, (classes, _) in found.items()} == {
        path: path.rpartition("/")[0] for path in pictures
    }
    assert "split" not in imported.table()
    assert "named like splits" in imported.remarks[-1]
    assert "--split-folders" in imported.remarks[-1]


def test_the_option_decides(tree):
    found, imported = tree(IMAGENET, split_folders=False)
    assert found["val/shoe/c.jpg"] == ("val<shoe", "")
    assert imported.remarks == [NAMED]
    found, imported = tree(["sample/d.jpg"], split_folders=True)
    assert sorted(found) == sorted(IMAGENET)
    assert imported.left_out == ["not in a folder of a split: sample/d.jpg"]


def test_a_picture_beside_the_splits_is_left_out_and_said(tree):
    _, imported = tree([*IMAGENET, "logo.png"])
    assert imported.left_out == ["not in a folder of a split: logo.png"]


def test_one_split_alone_is_none(tree):
    found, imported = tree(["train/a/1.jpg", "train/b/2.jpg"])
    assert list(found.values()) == [("a", ""), ("b", "")]
    assert "so no split is kept" in imported.remarks[-1]


def test_no_split_folder_where_one_is_wanted(tree):
    with pytest.raises(InputError, match="expected folders such as train and test, found none"):
        tree(["shoe/a.jpg"], split_folders=True)


def test_other_trees_are_not_spoken_of(tree):
    _, imported = tree(["shoe/a.jpg", "hat/trainers/b.jpg"])
    assert imported.remarks == [NAMED]
