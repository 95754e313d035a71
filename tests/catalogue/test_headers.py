"""Which columns hold what: named, or found under the usual headers."""

from pathlib import Path

import pytest

from huse.catalogue.headers import Headers
from huse.errors import InputError

CSV = Path("new.csv")
KINDS = ("image", "name", "classes", "product")
KNOWN = {"image": "Photo", "name": "Title", "classes": "Category"}


def places(header, known=None, kinds=KINDS, **named):
    headers = Headers.of_options({kind: named.get(kind) for kind in kinds}, known)
    return headers.places(CSV, header.split(","))


@pytest.mark.parametrize(
    ("header", "known", "named", "found"),
    [
        ("sku,Classes,name,image", None, {}, {"image": 3, "name": 2, "classes": 1}),
        ("classes,name", None, {}, {"name": 1, "classes": 0}),
        ("product,classes,image", None, {}, {"image": 2, "classes": 1, "product": 0}),
        ("sku,kind,title,image", None, {"classes": "kind", "product": "sku"}, {"image": 3, "classes": 1, "product": 0}),
        ("product,classes", None, {"name": "product"}, {"name": 0, "classes": 1}),  # it holds names, so no ids
        ("title,photo,category", KNOWN, {}, {"image": 1, "name": 0, "classes": 2}),
        (
            "Title,file,Category,id",
            KNOWN,
            {"image": "file", "product": "id"},
            {"image": 1, "name": 0, "classes": 2} | {"product": 3},
        ),
    ],
)
def test_columns_are_those_that_are_named_or_the_usual_ones(header, known, named, found):
    assert places(header, known, **named) == found


@pytest.mark.parametrize(
    ("header", "known", "named", "said"),
    [
        (
            "sku,name",
            None,
            {},
            "new.csv: expected one column `classes` (--classes-column), found none among: sku, name. ",
        ),
        ("classes,title", None, {}, "new.csv: expected a column `image` or `name`, found: classes, title. "),
        (
            "classes,name",
            None,
            {"image": "photo"},
            "one column `photo` (--image-column), found none among: classes, name. ",
        ),
        ("classes,name,NAME,name", None, {}, "one column `name` (--name-column), found 2 among"),
        (
            "title,category",
            KNOWN,
            {},
            "new.csv: expected one column `Photo` (--image-column), found none among: title, category. ",
        ),
        ("photo,title,category", KNOWN, {"product": "id"}, "expected one column `id` (--product-column), found none"),
        (
            "a,b",
            None,
            {"name": "a", "classes": "A"},
            "expected different columns by --name-column and --classes-column, found `a` for both",
        ),
        (
            "photo,title,category",
            KNOWN,
            {"classes": "title"},
            "by --name-column and --classes-column, found `title` for both",
        ),
    ],
)
def test_what_is_not_there_is_said_with_what_to_do(header, known, named, said):
    with pytest.raises(InputError) as told:
        places(header, known, **named)
    assert said in str(told.value)
    if "none" in said:
        assert "by --image-column, --name-column, --classes-column and --product-column" in str(told.value)


def test_a_command_says_only_its_own_options():
    with pytest.raises(InputError, match="Name the columns by --image-column and --name-column, or rename"):
        places("title,classes", kinds=("image", "name"))
    assert places("name,classes", kinds=("image", "name")) == {"name": 0}


def test_parameters_name_all_that_there_is():
    headers = Headers.of_params({"image": None, "name": "title", "classes": "kind", "split": "part"})
    assert headers.places(CSV, ["kind", "part", "image", "title"]) == {"name": 3, "classes": 0, "split": 1}
    with pytest.raises(
        InputError, match=r"one column `part` \(catalogue.columns.split\), found none among: kind, title"
    ):
        headers.places(CSV, ["kind", "title"])
