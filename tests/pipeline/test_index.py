"""The stage `index`: what it puts in, and what stays of what was added when it runs again."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import huse
from huse.run import paths
from huse.run.params.editing import set_values
from huse.run.place import Run
from huse.use.growing import embed
from huse.use.index import ADDED, Index
from stages import index


@pytest.fixture
def shop(tiny_pipeline, tmp_path):
    """A copy of the tiny pipeline, whose catalogue has a price and a brand."""
    copy = tiny_pipeline.copy_to(tmp_path / "shop")
    place = copy.root / paths.SAMPLE_CSV
    table = pd.read_csv(place)
    table.assign(Price=np.arange(len(table)) / 2, **{"Brand name": "x", "split": 1}).to_csv(place, index=False)
    return Run(copy.root)


def test_all_pictures_names_and_products_with_the_other_columns_of_the_catalogue(shop):
    said = index.main(shop)
    products = pd.read_parquet(shop / paths.PRODUCTS)
    made = Index.open(shop / paths.INDEX, huse.load(shop / paths.MODEL))
    count = {"pictures": len(products), "names": products["name"].nunique(), "products": products["group"].nunique()}
    content = json.loads((shop / paths.INDEX_METRICS).read_text())
    assert {kind: made.count(kind) for kind in count} == count == {kind: content[kind] for kind in count}
    assert f"{sum(count.values()):,} embeddings of {count['products']:,} products" in said
    assert made.further == ["price", "brand_name"]  # `split` is a column of the index itself
    rows = made.rows("kind = 'pictures'", embeddings=True)
    embeddings = dict(zip(products["image"], np.load(shop / paths.IMAGE_EMBEDDINGS), strict=True))
    price = dict(zip(products["image"], (products["line"] - 2) / 2, strict=True))
    for row in rows.to_dict("records"):
        np.testing.assert_array_equal(row["embedding"], embeddings[row["image"]])
        assert row["price"] == price[row["image"]]
    hit = made.search(products["name"].iloc[0], k=1, kind="names", where="price >= 0")[0]
    assert hit.name == products["name"].iloc[0]


def test_what_was_added_stays_and_a_product_of_the_catalogue_is_the_catalogues(shop):
    index.main(shop)
    model, products = huse.load(shop / paths.MODEL), pd.read_parquet(shop / paths.PRODUCTS)
    of_both = products["name"].iloc[0]
    table = pd.DataFrame({"product": ["new hat", of_both], "image": "", "name": ["new hat", "hat"], "classes": "hats"})
    opened = Index.open(shop / paths.INDEX, model)
    opened.put(*embed(table.assign(split="", price=3.5), model, shop.root))
    assert len(opened.rows(f"origin = '{ADDED}'")) == 4
    index.main(shop)
    again = Index.open(shop / paths.INDEX, model).rows(f"origin = '{ADDED}'")
    assert again["product"].tolist() == ["new hat"] * 2 and set(again["price"]) == {3.5}
    assert json.loads((shop / paths.INDEX_METRICS).read_text())["products_added"] == 1


def test_with_another_picture_folder_what_was_added_still_leads_to_its_pictures(shop):
    index.main(shop)
    model, image = huse.load(shop / paths.MODEL), pd.read_parquet(shop / paths.PRODUCTS)["image"].iloc[0]
    old = Index.open(shop / paths.INDEX, model)
    table = pd.DataFrame({"product": ["new hat"], "image": image, "name": "", "classes": "hats", "split": ""})
    old.put(*embed(table, model, Path(old.about["images"])))
    set_values(shop.root / "params.yaml", {"catalogue": {"images": "elsewhere"}})
    index.main(shop)
    again = Index.open(shop / paths.INDEX, model)
    assert again.about["images"] == str(shop.root / "elsewhere")
    assert set(again.rows(f"origin = '{ADDED}'")["image"]) == {str(shop.root / paths.SAMPLE_IMAGES / image)}
