import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huse.catalogue.splitting import group_products, keep_split, split_groups, torn_groups
from huse.catalogue.table import class_counts, make_table
from huse.errors import InputError
from tests.catalogue.conftest import SHARES, products


def test_one_name_or_one_picture_is_one_product():
    assert group_products(list("ABaCDE"), list("123245"), [None] * 6).tolist() == [0, 1, 0, 1, 2, 3]
    # names join rows 0 and 1, a picture joins rows 1 and 2
    assert group_products(["A", "A", "B"], ["1", "2", "2"], [None] * 3).tolist() == [0, 0, 0]


def test_an_id_of_the_product_decides_alone():
    # The first two rows share an id, the third has their name and picture and another id, the last two have none.
    ids = ["7", "7", "8", "", None]
    assert group_products(["A", "B", "A", "A", "id 7"], ["1", "2", "1", "1", "9"], ids).tolist() == [0, 0, 1, 2, 3]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abcd")), min_size=1, max_size=120), st.integers(0, 5))
def test_a_group_is_never_torn_and_every_class_is_trained(rows, seed):
    groups = np.array([group for group, _ in rows])
    classes = [path for _, path in rows]
    split = split_groups(groups, classes, SHARES, seed)
    # the class of a group is its most frequent one; each such class has a group in train
    majority = {}
    for group in set(groups.tolist()):
        assert len(set(split[groups == group])) == 1
        values, counts = np.unique([path for g, path in rows if g == group], return_counts=True)
        majority.setdefault(values[counts.argmax()], []).append(split[groups == group][0])
    assert all("train" in splits for splits in majority.values())
    assert split.tolist() == split_groups(groups, classes, SHARES, seed).tolist()


def test_shares_are_met_in_every_class():
    classes = ["a"] * 1000 + ["b"] * 100 + ["c"] * 10
    split = split_groups(np.arange(1110), classes, SHARES, seed=1)
    for path, size in (("a", 1000), ("b", 100), ("c", 10)):
        mine = split[[c == path for c in classes]]
        for name, share in SHARES.items():
            assert abs((mine == name).sum() - share * size) <= 1


def test_small_classes_do_not_all_favour_one_split():
    classes = [f"c{n // 3}" for n in range(300)]  # 100 classes of 3 products
    split = split_groups(np.arange(300), classes, SHARES, seed=0)
    assert abs((split == "validation").sum() - (split == "test").sum()) <= 2


def test_another_seed_gives_another_split():
    one, other = (split_groups(np.arange(40), ["a"] * 40, SHARES, seed=seed) for seed in (3, 4))
    assert (one != other).any()


def test_classes_are_numbered_by_their_sorted_paths():
    table = make_table(products(["b<x", "a<y", "b<a"] * 10), SHARES, seed=0)
    assert table["class_index"].tolist()[:3] == [2, 0, 1]
    assert table["row"].tolist() == list(range(30))
    assert list(table.columns) == ["row", "image", "name", "classes", "class_index", "split", "group", "line"]
    counts = class_counts(table)
    assert counts["classes"] == ["a<y", "b<a", "b<x"]
    assert sum(sum(values) for values in counts["counts"].values()) == 30


def test_too_few_classes_or_products():
    with pytest.raises(InputError, match="at least 2 classes, found 1: a"):
        make_table(products(["a"] * 20), SHARES, seed=0)
    with pytest.raises(InputError, match=r"no product is left for validation and test: 2 products"):
        make_table(products(["a", "b"]), SHARES, seed=0)


def test_a_given_split_is_kept_and_validation_is_drawn_from_its_training_part():
    given = np.array(["train"] * 40 + ["test"] * 10, dtype=object)
    groups = np.concatenate([np.repeat(np.arange(20), 2), np.arange(15, 25)])  # five products are torn already
    classes = [("a", "b")[row // 2 % 2] for row in range(40)] + ["a"] * 10
    split = keep_split(given, groups, classes, SHARES, 7)
    assert (split[40:] == "test").all()
    assert set(split[:40]) == {"train", "validation"}
    assert (split[:40] == "validation").sum() == pytest.approx(40 * 0.15 / 0.85, abs=3)
    for group in range(20):
        assert len(set(split[:40][groups[:40] == group])) == 1
    assert torn_groups(groups, split) == 5
    assert (given[:40] == "train").all()  # what was given is not changed in place
    assert split.tolist() == keep_split(given, groups, classes, SHARES, 7).tolist()


def test_a_given_validation_part_is_kept():
    given = np.array(["train", "validation", "test"], dtype=object)
    assert keep_split(given, np.arange(3), ["a"] * 3, SHARES, 7).tolist() == given.tolist()
