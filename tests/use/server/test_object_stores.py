"""A server whose model and pictures lie in an object store."""

from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from huse.storage import place
from huse.use.server.refused import RefusedError
from huse.use.server.shop import Shelf, Shop
from tests.use.server.conftest import CHECKS, picture, served


def image_of(hit):
    return f"{hit['product'].removeprefix('id ')}.jpg"


def hits(client):
    return client.ask("/search", {"text": "hat", "k": 12, "kind": "pictures"}).said["hits"]


def test_pictures_of_a_store_are_shown_and_a_store_that_fails_is_503(template, places, store):
    folder = store.put_folder(template / "images", "shop/pictures")
    store.put_folder(template / "model", "shop/model")
    here = replace(places, model="memory://shop/model", images=folder)
    with served(here, checks=CHECKS) as client:
        client.wait()
        found = hits(client)
        assert len(found) == 11
        one = found[0]
        shown = client.ask(one["picture"])
        assert shown.status == 200
        assert Image.open(BytesIO(shown.content)).size == (40, 40)
        store.total()
        assert client.ask(one["picture"]).headers["etag"] == shown.headers["etag"]
        assert store.total() == 0  # its thumbnail is kept, as its version is the same

        store.put(f"shop/pictures/{image_of(one)}", picture(99, side=20))
        again = client.ask(one["picture"])
        assert again.headers["etag"] != shown.headers["etag"]
        assert Image.open(BytesIO(again.content)).size == (20, 20)
        other = found[1]
        store.failing[f"shop/pictures/{image_of(other)}"] = [OSError("reset")] * 9
        assert client.ask(other["picture"]).status == 503
        store.files.rm(f"/shop/pictures/{image_of(other)}")
        assert client.ask(other["picture"]).status == 404


def test_no_row_leads_out_of_the_folder(template, places, store):
    shop, shelf = Shop(places), Shelf(None, place("memory://shop/pictures"), frozenset())
    for image in ("../secret.jpg", "a/../../secret.jpg", "memory://shop/secret.jpg", "s3://other/a.jpg", "/etc/passwd"):
        with pytest.raises(RefusedError) as refused:
            shop.picture(shelf, image)
        assert refused.value.status == 404
    uploaded = places.uploads / "ab" / "new.jpg"
    assert shop.picture(shelf, str(uploaded)) == uploaded
    assert str(shop.picture(shelf, "a.jpg")) == "memory://shop/pictures/a.jpg"
