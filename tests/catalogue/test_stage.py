"""The stage on tables as shops export them: what stays, what is left out or repaired, and what is said."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from huse.errors import InputError
from huse.run import paths
from stages import catalogue
from tests.pipeline.in_process import write_params

LINES = [f"{kind}{n}.png,{kind} {n},{kind}<{'big' if n % 2 else 'small'}" for kind in ("hat", "shoe") for n in range(8)]


@pytest.fixture
def run(here, caplog):
    """Run the stage on lines, whose pictures are drawn; return its tables and what it says."""

    def run(*more, lines=LINES, header="image,name,classes", **values):
        (here / "shop.csv").write_text("\n".join([header, *lines, *more]) + "\n", encoding="utf-8")
        (here / "images").mkdir(exist_ok=True)
        random = np.random.default_rng(0)
        for line in LINES:
            picture = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(picture).save(here / "images" / line.split(",")[0])
        given = {"csv": "shop.csv", "images": "images", "max_rejected": 0.9}
        given["split"] = {"by": "balance"}  # fills every split, with few products too
        write_params(here.root, {"catalogue": given | values})
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            catalogue.main(here)
        return pd.read_parquet(here / paths.PRODUCTS), pd.read_parquet(here / paths.REJECTED), caplog.text

    return run


def test_texts_and_spellings_are_mended_and_listed(run):
    odd = [
        "hat0.png,Caf&eacute; hat,HAT<small",
        "hat1.png,nan,hat<big",
        "hat2.png,---,hat<big",
        "hat3.png,Red hat,hat<big<",
    ]
    products, rejected, _ = run(*odd)
    assert products["name"].tolist()[16:] == ["Café hat", "", "", "Red hat"]
    assert products["classes"].tolist()[16:] == ["hat<small", "hat<big", "hat<big", "hat<big"]
    found = rejected[["line", "action", "reason"]].to_numpy().tolist()
    spelled = [18, "repaired", "class path spelled as most are: hat<small; HTML entities in the name"]
    assert found == [
        spelled,
        [19, "taken as empty", "no name: the name 'nan' says nothing"],
        [20, "taken as empty", "no name: the name '---' says nothing"],
    ]
    dropped, rejected, _ = run(*odd, missing="drop")
    assert dropped["name"].tolist()[16:] == ["Café hat", "Red hat"]
    assert rejected[["line", "action", "reason"]].to_numpy().tolist() == [
        [19, "left out", "the name 'nan' says nothing"],
        [20, "left out", "the name '---' says nothing"],
        spelled,
    ]


def test_halves_are_counted_and_join_no_products(run, here):
    """Two products without a name, and two without a picture, are four products; one name is one product."""
    products, _, _ = run("hat0.png,,hat<big", "hat1.png,,hat<big", ",Cap,hat<big", ",Hood,hat<big", ",SHOE 3,shoe<big")
    groups = products.set_index("line")["group"]
    assert groups[18] == groups[2]  # one picture
    assert groups[19] == groups[3]
    assert groups[22] == groups[13]  # one name
    assert len({groups[18], groups[19], groups[20], groups[21]}) == 4
    metrics = json.loads((here / paths.CATALOGUE_METRICS).read_text())
    assert (metrics["with_picture_only"], metrics["with_name_only"]) == (2, 3)
    assert (metrics["products"], metrics["pictures"]["rejected"]) == (18, 0)
    run()
    assert not {"with_picture_only", "with_name_only"} & json.loads((here / paths.CATALOGUE_METRICS).read_text()).keys()


def test_names_alone_need_no_picture_folder(run):
    products, rejected, _ = run(*(f",{line.split(',', 1)[1]}" for line in LINES), lines=[], images="nowhere")
    assert products["image"].tolist() == [""] * 16
    assert products["name"].tolist() == [line.split(",")[1] for line in LINES]
    assert products["group"].tolist() == list(range(16))
    assert rejected.empty


@pytest.mark.parametrize(("which", "lines"), [("keep", [2, 18, 19]), ("first", [2, 19]), ("drop", [19])])
def test_a_picture_and_name_under_several_classes(run, which, lines):
    products, rejected, said = run("hat0.png,HAT 0,shoe<big", "hat0.png,Hut,hat<small", several_classes=which)
    assert products.loc[products["image"] == "hat0.png", "line"].tolist() == lines
    named = {"keep": [], "first": [2], "drop": [18, 2]}[which]
    assert rejected["reason"].tolist() == [
        f"the same picture and name under another class: line {line}" for line in named
    ]
    assert "1 time the same picture and name stand under several classes (first 'hat 0'" in said
    assert ("1 product has over 50 rows, over 9 names or several classes" in said) == (which == "keep")


def test_a_column_of_product_ids_is_the_product(run):
    """Two pictures each share an id; names, which differ, and the pictures, do not decide."""
    ids = [f"{line},{number // 2}" for number, line in enumerate(LINES)]
    products, _, _ = run(*ids, lines=[], header="image,name,classes,sku", columns={"product": "sku"})
    assert products["group"].tolist() == [number // 2 for number in range(16)]
    assert (products.groupby("group")["split"].nunique() == 1).all()


def test_links_in_the_picture_folder_are_followed(run, here, tmp_path_factory):
    products, _, _ = run()
    elsewhere = tmp_path_factory.mktemp("cache")
    for picture in (here / "images").iterdir():
        target = elsewhere / picture.name
        picture.rename(target)
        picture.symlink_to(target)
    catalogue.main(here)
    assert pd.read_parquet(here / paths.PRODUCTS).equals(products)


def test_a_forgotten_separator_is_a_warning(run):
    lines = [line.replace("<", " > ") for line in LINES]
    _, _, said = run(*lines, lines=[])
    assert (
        "4 of 4 classes have one level and contain a mark that may separate levels (4 × >), first 'hat > big'" in said
    )
    assert "contain >" not in run()[2]


def test_a_class_without_a_product_in_training_is_said_and_counted(run, here):
    lines = [f"{line},{'test' if line.endswith('shoe<big') else 'train'}" for line in LINES]
    _, _, said = run(*lines, lines=[], header="image,name,classes,split", columns={"split": "split"})
    assert "1 class has no product in training, first 'shoe<big': what training lacks cannot be learned" in said
    assert json.loads((here / paths.CATALOGUE_METRICS).read_text())["classes_without_train"] == 1
    assert "in training, first" not in run()[2]
    assert "classes_without_train" not in json.loads((here / paths.CATALOGUE_METRICS).read_text())


def test_a_given_split_without_training_is_not_called_too_small(run):
    lines = [f"{line},{'test' if number % 2 else 'validation'}" for number, line in enumerate(LINES)]
    with pytest.raises(InputError, match="no product is left for train: the split that the table gives has none"):
        run(*lines, lines=[], header="image,name,classes,split", columns={"split": "split"})
