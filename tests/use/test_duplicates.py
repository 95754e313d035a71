"""The same product twice: names that say the same, and groups of products."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from huse.errors import InputError
from huse.use.duplicates import BOTH, NAME, PICTURE, find_duplicates
from huse.use.same_names import COSINE, same_names, says_the_same, words_of


@pytest.mark.parametrize(
    ("some", "other"),
    [
        ("Red summer dress", "red SUMMER dress!"),
        ("Red summer dress", "Dress, summer, red"),
        ("Velvet lipstick", "Vellvet lipstick"),
        ("Polo T-shirt", "Polo Tshirt"),
        ("Formal black formal shoes", "Black formal shoes"),
        ("Robe d'été", "ROBE D'ÉTÉ"),
    ],
)
def test_the_same_words_say_the_same(some, other):
    assert says_the_same(some, other) and says_the_same(other, some)


@pytest.mark.parametrize(
    ("some", "other"),
    [
        ("Red summer dress", "Blue summer dress"),
        ("Cable 2 m", "Cable 3 m"),
        ("Phone X1200 case", "Phone X1201 case"),
        ("Red summer dress", "Red summer dress for girls"),
        ("Male costume", "Female costume"),
        ("Men shoes", "Women shoes"),
        ("", ""),
        ("!!!", "???"),
    ],
)
def test_another_word_is_another_product(some, other):
    assert not says_the_same(some, other) and not says_the_same(other, some)


def test_same_names_are_those_of_comparing_all(monkeypatch):
    """A slow oracle: every pair of some hundred names, in blocks that are smaller than their number."""
    monkeypatch.setattr("huse.use.same_names.BLOCK", 16)
    random = np.random.default_rng(0)
    words = ["velvet", "lipstick", "summer", "dress", "leather", "handbag", "cotton", "shirt", "size", "12", "14"]
    names = [" ".join(random.permutation(words)[: random.integers(3, 7)]) for _ in range(60)]
    for name in random.choice(names, 40):
        place = int(random.integers(1, len(name) - 1))
        names.append(random.choice([name[:place] + name[place + 1 :], name.upper(), " ".join(name.split()[::-1])]))
    names.append("")
    found = {tuple(pair) for pair in same_names(names).tolist()}
    grams = [trigrams(name) for name in names]
    near = {
        (one, other)
        for one, other in combinations(range(len(names)), 2)
        if len(grams[one] & grams[other]) >= COSINE * np.sqrt(len(grams[one]) * len(grams[other])) > 0
    }
    expected = {pair for pair in near if says_the_same(names[pair[0]], names[pair[1]])}
    assert len(expected) > 20 and found <= expected
    # Of names with the same words in the same order, the first stands for the others.
    first = {}
    of = [first.setdefault(tuple(words_of(name)), number) for number, name in enumerate(names)]
    together = {frozenset((of[one], of[other])) for one, other in found}
    assert {frozenset((of[one], of[other])) for one, other in expected if of[one] != of[other]} <= together


def trigrams(name):
    padded = [f" {word} " for word in " ".join(words_of(name)).split()]
    return {word[place : place + 3] for word in padded for place in range(max(1, len(word) - 2))}


def draw(folder, name, colour, mark=None):
    drawn = Image.new("RGB", (120, 120), "white")
    drawn.paste(colour, (30, 20, 90, 100))
    if mark:
        drawn.paste(mark, (50, 50, 70, 70))
    drawn.save(folder / name, quality=95)


@pytest.fixture
def shop(tmp_path):
    draw(tmp_path, "1.png", "navy")
    draw(tmp_path, "1-again.jpg", "navy")
    draw(tmp_path, "2.png", "navy", "orange")
    draw(tmp_path, "3.png", "green")
    return tmp_path


def table(*rows):
    return pd.DataFrame(rows, columns=["product", "image", "name"])


def test_products_are_grouped_by_picture_by_name_and_by_both(shop):
    rows = table(
        ("A", "1.png", "Navy coat"),
        ("B", "1-again.jpg", "Coat, navy"),
        ("C", "1-again.jpg", "Something else"),
        ("D", "2.png", "Marked coat"),
        ("E", "", "Green hat"),
        ("F", "3.png", "Hat green"),
        ("G", "3.png", ""),
    )
    found = find_duplicates(rows, shop, steps=12)
    groups = {tuple(group.products): [pair.by for pair in group.pairs] for group in found.groups}
    assert groups == {("A", "B", "C"): [BOTH, PICTURE], ("F", "E", "G"): [NAME, PICTURE]}
    assert [group.by for group in found.groups] == [BOTH, PICTURE]
    assert found.groups[1].pairs[0].difference is None
    # Rows in another order give the same groups, of the earliest product each.
    again = find_duplicates(rows.iloc[::-1], shop, steps=12)
    assert {frozenset(group.products) for group in again.groups} == {frozenset(products) for products in groups}


def test_no_chain_of_small_steps_joins_what_differs(shop):
    rows = table(
        ("A", "1.png", "one"), ("B", "1.png", "two words"), ("C", "3.png", "words two"), ("D", "3.png", "four")
    )
    found = find_duplicates(rows, shop, steps=12)
    assert sorted(tuple(sorted(group.products)) for group in found.groups) in (
        [("A", "B", "C")],
        [("A", "B"), ("C", "D")],
        [("B", "C", "D")],
    )
    head = found.groups[0].products[0]
    assert head in ("B", "C")


def test_only_groups_with_a_product_that_is_asked_for(shop):
    rows = table(("A", "1.png", "one"), ("B", "1.png", "two"), ("C", "3.png", "three"), ("D", "3.png", "four"))
    found = find_duplicates(rows, shop, steps=12, asked={"D"})
    assert [group.products for group in found.groups] == [["C", "D"]]


def test_pictures_of_one_product_are_no_duplicates_and_broken_ones_are_told(shop):
    (shop / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    rows = table(("A", "1.png", "one"), ("A", "1-again.jpg", "one"), ("B", "broken.jpg", "two"))
    found = find_duplicates(rows, shop, steps=12)
    assert found.groups == [] and [path.name for path in found.unread] == ["broken.jpg"]


def test_more_steps_find_more(shop):
    rows = table(("A", "1.png", "one"), ("B", "2.png", "two"))
    assert find_duplicates(rows, shop, steps=12).groups == []
    assert len(find_duplicates(rows, shop, steps=255).groups) == 1
    with pytest.raises(InputError, match="steps: expected 0 to 255, found 300"):
        find_duplicates(rows, shop, steps=300)
