from dataclasses import replace

import pandas as pd
import pytest

from huse.catalogue.agreeing import (
    empty_remark,
    join_spellings,
    joined_remark,
    one_class,
    separator_remark,
    untrained_remark,
)
from huse.catalogue.checking import Product


def product(line, classes, name="A", digest="0", repair=""):
    return Product(line, f"{line}.jpg", name, classes, digest, repair)


@pytest.mark.parametrize(
    ("paths", "joined"),
    [
        (["Shoes<Boots", "shoes<boots", "Shoes<Boots"], ["Shoes<Boots"] * 3),
        (["shoes<boots", "Shoes<Boots"], ["shoes<boots"] * 2),  # of equally frequent ones the first
        # Each node is joined, though the whole paths differ.
        (["Shoes<boots", "SHOES<pumps", "Shoes<flats"], ["Shoes<boots", "Shoes<pumps", "Shoes<flats"]),
        (["ｆｕｌｌ  width", "full width", "full width"], ["full width"] * 3),
        # The same last name in another place of the tree is another node.
        (["men<Boots", "women<boots"], ["men<Boots", "women<boots"]),
        (["Straße", "STRASSE", "Straße"], ["Straße"] * 3),
    ],
)
def test_spellings_of_a_class_are_joined(paths, joined):
    found = join_spellings([product(line, path) for line, path in enumerate(paths)])
    assert [one.classes for one in found] == joined
    for one, before in zip(found, paths, strict=True):
        expected = "" if one.classes == before else f"class path spelled as most are: {one.classes}"
        assert one.repair == expected


SEVERAL = [product(2, "a"), product(3, "b"), product(4, "a"), product(5, "a", name="B"), product(6, "b", digest="1")]


@pytest.mark.parametrize(
    ("which", "kept", "left_out"),
    [("keep", [2, 3, 4, 5, 6], []), ("first", [2, 4, 5, 6], [3]), ("drop", [5, 6], [2, 3, 4])],
)
def test_a_picture_and_name_of_several_classes(which, kept, left_out):
    found, rejected, remark = one_class(SEVERAL, which)
    assert [one.line for one in found] == kept
    assert [one.line for one in rejected] == left_out
    other = {2: 3, 3: 2, 4: 3}
    for one in rejected:
        assert one.reason == f"the same picture and name under another class: line {other[one.line]}"
    assert remark.startswith(
        "1 time the same picture and name stand under several classes (first 'A', line 2: a, line 3: b"
    )
    assert remark.endswith(f"catalogue.several_classes is {which}")


def test_one_class_each_needs_no_remark():
    assert one_class(SEVERAL[3:], "drop") == (SEVERAL[3:], [], None)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (
            ["Home > Lamps", "Home > Rugs", "Toys"],
            "2 of 3 classes have one level and contain a mark that may separate levels (2 × >), first 'Home > Lamps'",
        ),
        (["Home/Lamps", "Home/Rugs"], "--separator '/'"),
        (["Home<Garden", "Home > Kitchen", "Toys<Dolls"], "1 of 3 classes has one level"),
        (
            ["Home > Garden > Pots", "Home/Kitchen", "Toys|Dolls"],
            "3 of 3 classes have one level and contain a mark that may separate levels (1 × >, 1 × /, 1 × |), first "
            "'Home > Garden > Pots'",
        ),
        (["Hats", "Home / Kitchen", "Toys"], "(1 × /), first 'Home / Kitchen'"),
        (["A/B", "C > D", "Hats"], "2 of 3 classes have one level and contain a mark that may separate levels (1 × "),
        (["home<lamps/rugs", "home<toys > games"], None),
        (["Toys >", "| Hats", "Shoes/"], None),
        (["T-shirts", "Shirts/blouses", "Hats"], None),
    ],
)
def test_a_forgotten_separator_is_said(classes, said):
    remark = separator_remark(classes)
    assert remark is None if said is None else said in remark


def test_what_was_joined_into_a_suspicious_product_is_said():
    rows = [product(line, f"class {line % 3}", name=f"name {line}", digest="placeholder") for line in range(60)]
    remark = joined_remark([*rows, product(60, "a", "B", "1")], [0] * 60 + [1])
    assert remark.startswith(
        "1 product has over 50 rows, over 9 names or several classes. The largest has 60 rows in 3 classes"
    )
    assert "by the picture 0.jpg, which 60 rows have" in remark
    by_name = joined_remark([product(2, "a", "Dress", "1"), product(3, "b", "DRESS", "2")], [0, 0])
    assert "by the name 'Dress', which 2 rows have" in by_name
    of_id = [replace(product(line, f"class {line}", digest=str(line)), product="p7") for line in range(2)]
    assert "by the id 'p7'. All rows" in joined_remark(of_id, [0, 0])
    assert joined_remark([product(2, "a", "A", "1"), product(3, "a", "A", "2")], [0, 0]) is None
    names = [product(line, "a", f"name {line}", digest="placeholder") for line in range(10)]
    assert "by the picture 0.jpg, which 10 rows have" in joined_remark(names, [0] * 10)
    assert joined_remark(names[:9], [0] * 9) is None


def test_a_level_that_looks_like_an_empty_cell_is_said():
    assert empty_remark(["shoes<boots", "shoes<none of these"]) is None
    assert empty_remark(["shoes<boots", "shoes<NaN", "-"]).startswith("2 classes have a level that looks like an empty")


def test_classes_without_a_product_in_training_are_said_unless_they_are_held_out():
    table = pd.DataFrame(
        [("a", "train"), ("a", "test"), ("b", "test"), ("c", "validation"), ("d", "unseen")],
        columns=["classes", "split"],
    )
    assert untrained_remark(table).startswith("2 classes have no product in training, first 'b'")
    assert untrained_remark(table.assign(split="train")) is None
