from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huse.catalogue.holding_out import choose_unseen, parent
from huse.catalogue.table import class_counts, make_table, unseen_classes
from huse.errors import InputError
from tests.catalogue.conftest import SHARES, products

CLASSES = ["a<b<x", "a<b<y", "a<b<z", "a<c<x", "d<e", "d<f"]
PATHS = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map("<".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(PATHS, min_size=2, max_size=14, unique=True), st.floats(0.01, 0.5), st.integers(0, 9))
def test_a_sibling_of_each_stays_seen(classes, share, seed):
    classes = sorted(classes)
    children = Counter(map(parent, classes))
    most = sum(count - 1 for count in children.values())
    if not most:
        with pytest.raises(InputError, match="found none among"):
            choose_unseen(classes, share, seed)
        return
    chosen = choose_unseen(classes, share, seed)
    assert len(chosen) == min(most, max(1, round(share * len(classes))))
    assert chosen == sorted(set(chosen)) == choose_unseen(classes, share, seed)
    seen = {parent(path) for path in set(classes) - set(chosen)}
    assert {parent(path) for path in chosen} <= seen


def test_every_class_with_a_sibling_is_drawn_by_some_seed_and_no_other():
    drawn = {path for seed in range(60) for path in choose_unseen(CLASSES, 0.3, seed)}
    assert drawn == set(CLASSES) - {"a<c<x"}


def test_a_new_class_exchanges_at_most_one():
    classes = [f"{top}<{n}" for top in "abcde" for n in range(20)]
    before = set(choose_unseen(sorted(classes), 0.2, 3))
    exchanged = 0
    for number in range(60):
        after = set(choose_unseen(sorted([*classes, f"{'abcde'[number % 5]}<new {number}"]), 0.2, 3))
        assert len(before - after) <= 1 and len(after - before) <= 1
        exchanged += before != after
    assert 0 < exchanged < 30  # a new class is among the first fifth, or another becomes free


def test_classes_are_taken_as_named_in_any_order_and_spacing_and_none_where_none_are_wanted():
    assert choose_unseen(CLASSES, ["d < f", "a<b<z", "a<b<z"], 0) == ["a<b<z", "d<f"]
    assert choose_unseen(["a", "b<c"], 0, 0) == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["b<x"], "'b<x' is no class of the catalogue"),
        (["a<<x"], "has an empty level"),
        (["a<c<x"], "no class beside 'a<c<x' under the same parent stays seen"),
        (["d<e", "d<f"], "no class beside 'd<e'"),
        (CLASSES, "no class beside 'a<b<x'"),
    ],
)
def test_what_cannot_be_held_out_is_named(wanted, message):
    with pytest.raises(InputError, match=f"catalogue.unseen_classes: .*{message}"):
        choose_unseen(CLASSES, wanted, 0)


def test_products_of_held_out_classes_have_a_split_of_their_own():
    table = make_table(products(CLASSES * 20), SHARES, seed=0, unseen=["a<b<y"])
    assert ((table["split"] == "unseen") == (table["classes"] == "a<b<y")).all()
    assert set(table["split"]) == {"train", "validation", "test", "unseen"}
    assert table["class_index"].max() == len(CLASSES) - 1  # it keeps its number
    counts = class_counts(table)
    assert counts["classes"] == CLASSES
    assert counts["counts"]["unseen"] == [0, 20, 0, 0, 0, 0]
    assert counts["counts"]["train"][1] == 0
    assert unseen_classes(table) == 1


def test_a_product_that_also_stands_in_an_unseen_class_is_not_learned_from():
    names = [f"name {n}" for n in range(120)]
    names[0] = names[1].upper()  # of a<b<x and of a<b<y
    table = make_table(products(CLASSES * 20, names), SHARES, seed=0, unseen=["a<b<y"])
    assert table.loc[0, "classes"] == "a<b<x"
    assert table.loc[0, "split"] == "unseen"
    assert (table.groupby("group")["split"].nunique() == 1).all()
    assert unseen_classes(table) == 1  # a<b<x itself is learned from its other products


def test_without_unseen_classes_nothing_changes():
    table = make_table(products(CLASSES * 20), SHARES, seed=0)
    assert table.equals(make_table(products(CLASSES * 20), SHARES, seed=0, unseen=0.0))
    assert set(class_counts(table)["counts"]) == {"train", "validation", "test"}
    assert unseen_classes(table) == 0
    assert np.array_equal(np.unique(table["split"]), ["test", "train", "validation"])
