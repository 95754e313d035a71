import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huse.catalogue.splitting import (
    SPLIT_BY,
    group_products,
    hash_keys,
    keep_split,
    product_keys,
    renamed_remark,
    split_of,
    torn_groups,
)
from huse.catalogue.table import class_counts, make_table
from huse.errors import InputError
from tests.catalogue.conftest import SHARES, products

every_way = pytest.mark.parametrize("by", SPLIT_BY)


def group(names, digests, ids=None):
    ids = ids or [None] * len(names)
    return group_products(product_keys(names, digests, ids), digests, ids).tolist()


def rows_of(classes, groups=None):
    """Rows of these classes, each a product of its own where no groups are given."""
    groups = np.arange(len(classes)) if groups is None else groups
    return pd.DataFrame({"key": [f"name {each}" for each in groups], "group": groups, "classes": classes})


@pytest.mark.parametrize("text", ["eval", "EVAL", "evaluation", "eval_set"])
def test_what_is_evaluated_is_the_test_split(text):
    assert split_of(text) == "test"


@pytest.mark.parametrize("text", ["", "2017", "seg_", "pretrain", "train20", "test kits", "unseen"])
def test_what_names_no_split(text):
    assert split_of(text) is None


def test_splits_by_other_names_are_counted():
    assert renamed_remark([" Training ", "VAL", "VAL", "Test", "train", "later", ""]) == [
        "splits are named otherwise, and read so: 'Training' as train (1), 'VAL' as validation (2)"
    ]
    assert renamed_remark(["train", "Test", "later"]) == []


def test_one_name_or_one_picture_is_one_product():
    assert group(list("ABaCDE"), list("123245")) == [0, 1, 0, 1, 2, 3]
    # names join rows 0 and 1, a picture joins rows 1 and 2
    assert group(["A", "A", "B"], ["1", "2", "2"]) == [0, 0, 0]


def test_an_id_of_the_product_decides_alone():
    # The first two rows share an id, the third has their name and picture and another id, the last two have none.
    ids = ["7", "7", "8", "", None]
    assert group(["A", "B", "A", "A", "id 7"], ["1", "2", "1", "1", "9"], ids) == [0, 0, 1, 2, 3]


def test_what_is_missing_joins_nothing():
    assert group(["", "", "A", ""], ["1", "2", "", ""], [None, None, None, "7"]) == [0, 1, 2, 3]
    assert group(["", "A", "B"], ["1", "1", ""]) == [0, 0, 1]


@every_way
@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abcd")), min_size=1, max_size=120),
    seed=st.integers(0, 5),
)
def test_a_group_is_never_torn_and_every_class_is_trained(by, rows, seed):
    groups = np.array([group for group, _ in rows])
    table = rows_of([path for _, path in rows], groups)
    split = SPLIT_BY[by](table, SHARES, seed)
    # the class of a group is its most frequent one; each such class has a group in train
    majority = {}
    for group in set(groups.tolist()):
        assert len(set(split[groups == group])) == 1
        values, counts = np.unique([path for g, path in rows if g == group], return_counts=True)
        majority.setdefault(values[counts.argmax()], []).append(split[groups == group][0])
    assert all("train" in splits for splits in majority.values())
    assert split.tolist() == SPLIT_BY[by](table, SHARES, seed).tolist()


def test_by_balance_shares_are_met_in_every_class():
    classes = ["a"] * 1000 + ["b"] * 100 + ["c"] * 10
    split = SPLIT_BY["balance"](rows_of(classes), SHARES, 1)
    for path, size in (("a", 1000), ("b", 100), ("c", 10)):
        mine = split[[c == path for c in classes]]
        for name, share in SHARES.items():
            assert abs((mine == name).sum() - share * size) <= 1


def test_by_balance_small_classes_do_not_all_favour_one_split():
    classes = [f"c{n // 3}" for n in range(300)]  # 100 classes of 3 products
    split = SPLIT_BY["balance"](rows_of(classes), SHARES, 0)
    assert abs((split == "validation").sum() - (split == "test").sum()) <= 2


def test_by_hash_shares_are_met_as_nearly_as_independent_draws_meet_them():
    classes = ["a"] * 10000 + ["b"] * 1000
    split = SPLIT_BY["hash"](rows_of(classes), SHARES, 1)
    for path, size in (("a", 10000), ("b", 1000)):
        mine = split[[c == path for c in classes]]
        for name, share in SHARES.items():
            assert abs((mine == name).mean() - share) < 3 * (share * (1 - share) / size) ** 0.5


def test_by_hash_a_product_of_many_names_is_no_more_likely_to_be_in_train():
    table = rows_of(["a"] * 20000, np.repeat(np.arange(4000), 5))
    table["key"] = [f"name {n}" for n in range(20000)]
    split = SPLIT_BY["hash"](table, SHARES, 1)
    assert abs((split == "train").mean() - 0.7) < 3 * (0.7 * 0.3 / 4000) ** 0.5


@every_way
def test_another_seed_gives_another_split(by):
    one, other = (SPLIT_BY[by](rows_of(["a"] * 40), SHARES, seed) for seed in (3, 4))
    assert (one != other).any()


def test_a_hash_is_that_of_every_machine():
    # blake2b of "13 name velvet lipstick" in 16 bytes, as b2sum --length=128 gives it, is two numbers.
    first, second = hash_keys(["name velvet lipstick"], 13)[0].tolist()
    assert f"{first:016x}{second:016x}" == "55a2e8d4babdc9481f4cb2c2ea84838a"


def splits(listed, **options):
    table = make_table(listed, SHARES, seed=13, **options)
    return dict(zip(table["name"], table["split"], strict=True))


def moved(before, after):
    return [name for name, split in before.items() if after[name] != split]


def test_a_new_product_moves_no_other():
    classes = ["a"] * 100 + ["b"] * 100 + ["c"] * 100
    before = splits(products(classes))
    assert set(before.values()) == set(SHARES)
    for number in range(5):
        names = [*before, *(f"new {number} {path}" for path in "abc")]
        assert moved(before, splits(products([*classes, *"abc"], names))) == []
    drawn = splits(products(classes), by="balance")
    assert len(moved(drawn, splits(products([*classes, *"abc"], names), by="balance"))) > 30


def test_neither_the_order_of_the_rows_nor_a_removed_product_moves_another():
    listed = products(["a"] * 100 + ["b"] * 100)
    before = splits(listed)
    assert splits(random.Random(0).sample(listed, 200)) == before
    assert moved(splits(listed[:-1]), before) == []


def new_ones(size):
    """Add a product to each of 300 classes of a size: what that moves in each, with the splits before and after."""
    listed = products([f"class {n % 300}" for n in range(300 * (size + 1))])
    before, after = splits(listed[: 300 * size]), splits(listed)
    for one in range(300):
        *old, new = (product.name for product in listed[one::300])
        own = {name: before[name] for name in old}
        yield moved(own, after), own, after[new]


def test_in_a_small_class_a_new_product_moves_at_most_the_only_one_in_train():
    counts = []
    for changed, before, new in new_ones(3):
        counts.append(len(changed))
        if changed:
            assert changed == [name for name, split in before.items() if split == "train"]
            assert new == "train"
    # That needs three places above the share of train, 0.3³, and a new one below them.
    assert set(counts) == {0, 1}
    assert sum(counts) < 0.3**3 * 300 * 2


def test_a_class_that_is_large_enough_has_one_in_test_which_is_all_that_a_new_product_moves():
    counts = []
    for changed, before, new in new_ones(10):
        assert "test" in before.values()
        counts.append(len(changed))
        if changed:
            assert changed == [name for name, split in before.items() if split == "test"]
            assert new == "test"
    # That needs ten places outside the share of test, 0.85¹⁰, and a new one in it, or else above them.
    assert set(counts) == {0, 1}
    assert sum(counts) < 0.85**10 * (0.15 + 0.85 / 11) * 300 * 2
    # Of six products test has 0.9: too few to give it one.
    assert any("test" not in before.values() for _, before, _ in new_ones(6))


def test_a_row_that_joins_two_products_moves_one_of_them():
    listed = products(["a", "b"] * 100)
    before = splits(listed)
    for one, other in zip(listed[:12], listed[100:], strict=False):
        after = splits([*listed, replace(one, image="new.jpg", digest=other.digest)])
        assert len(moved(before, after)) == (before[one.name] != before[other.name])


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


@every_way
def test_a_given_split_is_kept_and_validation_is_taken_from_its_training_part(by):
    given = np.array(["train"] * 400 + ["test"] * 100, dtype=object)
    groups = np.concatenate([np.repeat(np.arange(200), 2), np.arange(150, 250)])  # fifty products are torn already
    table = rows_of([("a", "b")[row // 2 % 2] for row in range(400)] + ["a"] * 100, groups).assign(split=given)
    split = keep_split(table, SHARES, 7, by)
    assert (split[400:] == "test").all()
    assert set(split[:400]) == {"train", "validation"}
    share = 0.15 / 0.85
    near = {"balance": 3, "hash": 2 * 3 * (200 * share * (1 - share)) ** 0.5}  # of independent products of two rows
    assert (split[:400] == "validation").sum() == pytest.approx(400 * share, abs=near[by])
    for group in range(200):
        assert len(set(split[:400][groups[:400] == group])) == 1
    assert torn_groups(groups, split) == 50
    assert (table["split"] == given).all()  # what was given is not changed in place
    assert split.tolist() == keep_split(table, SHARES, 7, by).tolist()


@every_way
def test_a_missing_test_part_is_taken_from_the_training_part(by):
    given = np.array(["train"] * 400 + ["validation"] * 100, dtype=object)
    split = keep_split(rows_of(["a", "b"] * 250).assign(split=given), SHARES, 7, by)
    assert (split[400:] == "validation").all()
    assert set(split[:400]) == {"train", "test"}
    share = 0.15 / 0.85
    near = {"balance": 2, "hash": 3 * (400 * share * (1 - share)) ** 0.5}
    assert (split[:400] == "test").sum() == pytest.approx(400 * share, abs=near[by])


def test_a_new_product_of_a_given_training_part_moves_no_other():
    table = rows_of(["a", "b"] * 200).assign(split=["train"] * 300 + ["test"] * 100)
    more = pd.concat([table, table.tail(1).assign(key="name new", group=400, split="train")], ignore_index=True)
    assert keep_split(more, SHARES, 7, "hash")[:400].tolist() == keep_split(table, SHARES, 7, "hash").tolist()


@every_way
def test_a_given_validation_part_is_kept_and_a_given_test_part_alone_has_none(by):
    for split in (["train", "validation", "test"], ["test"] * 3):
        assert keep_split(rows_of(["a"] * 3).assign(split=split), SHARES, 7, by).tolist() == split
