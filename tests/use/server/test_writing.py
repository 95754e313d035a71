"""Products that are added and removed, and an index that others write to."""

import base64
import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import huse
from huse.encoders.contract import ItemError
from huse.errors import InputError
from huse.use.entries import entries
from huse.use.index import ADDED, CATALOGUE, Index
from huse.use.model import Model
from huse.use.server import service
from huse.use.server.limits import Limits
from huse.use.server.shop import Places
from tests.use.server.conftest import CHECKS, picture, served, until


def added(client, *products):
    return client.ask("/add", {"products": list(products)})


def coded(seed):
    return base64.b64encode(picture(seed)).decode()


def test_what_is_added_is_there_when_it_is_answered(writer, places):
    new = {
        "id": "new 1",
        "name": "red shoe",
        "classes": " a < b ",
        "pictures": [coded(70), coded(71)],
        "further": {"price": 3},
    }
    answer = added(writer, new, {"name": "hat only", "classes": "d<e"})
    assert answer.said == {"added": 2, "replaced": 0, "embeddings": 35 + 4 + 2}
    index = Index.open(places.index)
    rows = index.rows("product = 'new 1'")
    assert sorted(rows["kind"]) == ["names", "pictures", "pictures", "products"]
    assert set(rows["classes"]) == {"a<b"} and set(rows["price"]) == {3.0} and set(rows["origin"]) == {ADDED}
    hit = writer.ask("/search", form=[("pictures", picture(71)), ("kind", "pictures"), ("k", 1)]).said["hits"][0]
    assert hit["product"] == "new 1" and hit["similarity"] == pytest.approx(1, abs=1e-5)
    assert writer.ask(hit["picture"]).headers["content-type"] == "image/webp"
    only = {"text": "hat", "kind": "names", "where": [{"column": "product", "value": "hat only"}]}
    assert [hit["product"] for hit in writer.ask("/search", only).said["hits"]] == ["hat only"]


def test_texts_are_mended_as_the_catalogues(writer, places):
    further = {"brand": "A\tB\x1b[1m", "price": " "}
    odd = {"id": "n\r\n1 ", "name": "<b>red</b> &amp;\x07 shoe\u200b", "classes": "a &amp; b\n<c", "further": further}
    assert added(writer, odd, {"name": " hat\n&amp; scarf ", "classes": "a"}).status == 200
    rows = Index.open(places.index).rows(f"origin = '{ADDED}' AND kind = 'products'").set_index("product")
    assert set(rows.index) == {"n 1", "hat & scarf"}
    row = rows.loc["n 1"]
    assert (row["name"], row["classes"], row["brand"]) == ("red & shoe", "a & b<c", "A B [1m") and pd.isna(row["price"])


def test_what_is_there_is_replaced_and_one_picture_is_kept_once(writer, places):
    form = [
        ("id", "id 2"),
        ("name", "shoe"),
        ("classes", "a<c"),
        ("pictures", picture(72)),
        ("further", '{"brand": "B"}'),
    ]
    assert writer.ask("/add", form=form).said == {"added": 0, "replaced": 1, "embeddings": 35}
    assert writer.ask("/add", form=form).said["replaced"] == 1
    assert len(kept(places)) == 1
    found = writer.ask("/product?id=id%202").said
    assert (found["name"], found["class_path"], found["further"]) == ("shoe", "a<c", {"price": None, "brand": "B"})


def kept(places):
    return [file for file in places.uploads.rglob("*") if file.is_file()]


@pytest.mark.parametrize("inside", [False, True])
def test_pictures_that_no_product_has_any_more_are_deleted(places, tmp_path, inside):
    places = replace(places, images=tmp_path) if inside else places  # paths are relative then
    with served(places, checks=CHECKS) as client:
        client.wait()
        new = [{"id": name, "classes": "a", "pictures": [coded(78), coded(79)]} for name in "xy"]
        assert added(client, *new).status == 200
        assert len(kept(places)) == 2
        assert added(client, {**new[0], "pictures": [coded(78), coded(80)]}).said["replaced"] == 1
        assert len(kept(places)) == 3  # y has the second
        assert client.ask("/remove", {"products": ["y"]}).said["removed"] == 1
        assert len(kept(places)) == 2
        for key in ("pictures 0 x", "pictures 1 x"):
            assert client.ask(f"/pictures/{key.replace(' ', '%20')}").status == 200
        assert client.ask("/remove", {"products": ["x", "id 0"]}).said["removed"] == 2
        assert not kept(places)


def test_pictures_of_others_and_of_the_catalogue_are_not_deleted(writer, places):
    for name in ("mi/mine.jpg", f"aa/{'a' * 64}.jpg", f"bb/{'a' * 64}.jpg"):
        (places.uploads / name).parent.mkdir(parents=True, exist_ok=True)
        (places.uploads / name).write_bytes(picture(81))
    mine, catalogues, elsewhere = map(str, sorted(kept(places), key=lambda file: (len(file.name), str(file))))
    table = pd.DataFrame(
        {"product": ["p", "q", "p"], "image": [mine, catalogues, elsewhere], "name": "", "classes": "a"}
    )
    images = np.eye(8, dtype=np.float32)[:3]
    for rows, origin in (([0, 2], ADDED), ([1], CATALOGUE)):
        part = entries(table.iloc[rows].assign(split=""), images[rows], images[rows], origin)
        Index.open(places.index).put(*part)
    assert writer.ask("/remove", {"products": ["p", "q"]}).said["removed"] == 2
    assert len(kept(places)) == 3


def test_pictures_of_what_was_written_stay_even_if_something_fails_afterwards(writer, places, monkeypatch):
    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Index, "_maintain", fail)
    assert added(writer, {"id": "x", "classes": "a", "pictures": [coded(82)]}).status == 503
    assert Index.open(places.index).known(["x"]) and len(kept(places)) == 1


def test_a_product_without_an_id_or_a_name_is_known_by_its_picture(writer):
    assert writer.ask("/add", form=[("classes", "a<b"), ("pictures", picture(73))]).said["added"] == 1
    hit = writer.ask("/search", form=[("pictures", picture(73)), ("k", 1)]).said["hits"][0]
    assert hit["product"].endswith(".jpg") and "/" not in hit["product"]


def test_products_are_removed(writer):
    assert writer.ask("/remove", {"products": ["id 1", "nobody", "id 1"]}).said == {
        "removed": 1,
        "unknown": ["nobody"],
        "embeddings": 32,
    }
    assert writer.ask("/product?id=id%201").status == 404
    gone = writer.ask("/remove", {"products": ["id 1"]})
    assert gone.status == 404 and gone.error == "id 1: no product of that id is in the index."


@pytest.mark.parametrize(
    ("product", "said"),
    [
        ({"name": "x"}, "classes: expected, found none"),
        ({"name": "x", "classes": " "}, "the class path is empty"),
        ({"name": "x", "classes": "a<<b"}, "has an empty level"),
        ({"classes": "a"}, "expected a name, pictures or both"),
        ({"name": "untitled", "classes": "a"}, "says nothing"),
        (
            {"name": "x", "classes": "a", "further": {"colour": "red"}},
            "columns of the index (price, brand), found 'colour'",
        ),
        (
            {"name": "x", "classes": "a", "further": {"price": "9,99 EUR"}},
            "product 1: further: the column price holds a number, found '9,99 EUR'",
        ),
        ({"name": "x", "classes": "a", "further": {"brand": 5}}, "the column brand holds a text, found 5.0"),
        ({"name": "&nbsp;", "classes": "a"}, "expected a name, pictures or both"),
        ({"name": "x", "classes": "a", "pictures": ["eA=="]}, "picture: file is not a picture"),
        ({"name": "x", "classes": "a", "id": "a\0b"}, "id: expected a text, found one with a zero byte"),
        ({"name": "x" * 3000, "classes": "a"}, "at most 2000 characters"),
    ],
)
def test_what_cannot_be_added_adds_nothing(writer, places, product, said):
    answer = added(writer, {"name": "good", "classes": "a<b", "pictures": [coded(74)]}, product)
    assert answer.status == 422 and said in answer.error
    assert len(Index.open(places.index)) == 35 and not places.uploads.exists()


def test_a_product_twice_or_pictures_without_a_place_are_refused(writer, places):
    assert "expected each product once" in added(writer, *[{"name": "x", "classes": "a"}] * 2).error
    with served(replace(places, uploads=None), checks=CHECKS) as client:
        answer = added(client.wait(), {"name": "x", "classes": "a", "pictures": [coded(75)]})
        assert answer.status == 403 and "--uploads FOLDER" in answer.error
        assert added(client, {"name": "x", "classes": "a"}).status == 200


def test_what_the_model_has_not_learned_to_read_is_left_out(writer, places, monkeypatch):
    monkeypatch.setattr(Model, "knows", lambda self, modality: modality == "text")
    answer = added(writer, {"name": "x", "classes": "a"}, {"id": "y", "classes": "a", "pictures": [coded(77)]})
    assert answer.status == 422 and "product 1: the model has learned from no pictures. Give a name." in answer.error
    assert added(writer, {"name": "both", "classes": "a", "pictures": [coded(77)]}).status == 200
    assert set(Index.open(places.index).rows("product = 'both'")["kind"]) == {"names", "products"}
    assert not places.uploads.exists()


@pytest.mark.parametrize(
    ("place", "error", "expected"),
    [
        ("growing.embed", ItemError(0, "picture", "is odd", "/a/place"), (422, "picture: is odd.")),
        ("index.Index.put", InputError("of another model"), (503, "of another model")),
        ("index.Index.put", OSError(28, "No space left on device"), (503, "Make room on the disk")),
    ],
)
def test_pictures_of_what_could_not_be_written_are_removed(writer, monkeypatch, place, error, expected):
    def fail(*_):
        raise error

    monkeypatch.setattr(f"huse.use.{place}", fail)
    answer = added(writer, {"name": "x", "classes": "a", "pictures": [coded(76)]})
    assert answer.status == expected[0] and expected[1] in answer.error and "/a/place" not in answer.error
    assert not kept(writer.guard.service.shop.places)


def test_what_has_begun_to_be_written_is_finished_when_the_server_ends(places, monkeypatch):
    begun, put = threading.Event(), Index.put

    def slow(*arguments):
        begun.set()
        time.sleep(0.5)
        put(*arguments)

    monkeypatch.setattr(Index, "put", slow)
    with served(places, checks=CHECKS, limits=Limits(seconds=0.2)) as client:
        answer = added(client.wait(), {"name": "late", "classes": "a<b"})
        assert answer.status == 504 and begun.is_set()
    assert Index.open(places.index).known(["late"]) == {"late"}


def test_too_many_writes_wait(writer, monkeypatch):
    monkeypatch.setattr(service, "WRITES", 0)
    assert writer.ask("/remove", {"products": ["id 1"]}).status == 503


def other_rows(model, count=3):
    table = pd.DataFrame(
        {"product": [f"late {n}" for n in range(count)], "image": "", "name": "hat", "classes": "a<b", "split": ""}
    )
    return entries(table, np.full((count, 8), np.nan, np.float32), model.encode_texts(["hat"] * count), ADDED)


def test_what_others_write_is_seen(writer, places):
    model = huse.load(places.model)
    Index.open(places.index, model).put(*other_rows(model))
    until(lambda: writer.ask("/product?id=late%202").status == 200, "it is seen")
    assert writer.ask("/about").said["embeddings"] == 35 + 6
    rows, embeddings = other_rows(model, 2)
    Index.make(places.index, [(rows, embeddings)], Index.open(places.index).about)  # made again in place
    until(lambda: writer.ask("/about").said["embeddings"] == 4, "the new one is seen")


def test_an_index_of_another_model_is_not_asked_until_it_is_the_right_one_again(writer, places):
    model = huse.load(places.model)
    about, (rows, embeddings) = Index.open(places.index).about, other_rows(model)
    Index.make(places.index, [(rows, embeddings)], {**about, "fingerprint": "another"})
    until(lambda: writer.ask("/ready").status == 503, "it is noticed")
    for answer in (
        writer.ask("/search", {"text": "hat"}),
        added(writer, {"name": "x", "classes": "a"}),
        writer.ask("/ready"),
    ):
        assert answer.status == 503 and "is of another model" in answer.error and answer.headers["retry-after"] == "1"
    assert writer.ask("/health").status == writer.ask("/embed", {"products": [{"text": "hat"}]}).status == 200
    Index.make(places.index, [(rows, embeddings)], about)
    writer.wait()
    assert writer.ask("/search", {"text": "hat"}).said["hits"]


def test_searches_beside_writes_see_whole_products(writer):
    """A product has a name and a picture, or nothing of it."""
    stop, odd = threading.Event(), []

    def look():
        while not stop.is_set():
            answer = writer.ask("/product?id=both")
            if answer.status == 200 and len(answer.said["pictures"]) != 1:
                odd.append(answer.said)
            if writer.ask("/search", {"text": "hat", "k": 50}).status != 200:
                odd.append("search")

    looking = [threading.Thread(target=look) for _ in range(3)]
    for thread in looking:
        thread.start()
    for _ in range(6):
        assert added(writer, {"id": "both", "name": "hat", "classes": "a<b", "pictures": [coded(77)]}).status == 200
        assert writer.ask("/remove", {"products": ["both"]}).status == 200
    stop.set()
    for thread in looking:
        thread.join()
    assert odd == []


def test_a_model_that_is_none_is_told(template, tmp_path):
    told = []
    for places in (Places(tmp_path), Places(template / "model", tmp_path)):
        with served(places, failed=told.append) as client:
            until(lambda: told, "it is told")
            assert client.ask("/ready").status == 503 and client.ask("/health").status == 200
        assert "no such" in str(told[0]) or "config.json" in str(told[0]) or "no index" in str(told[0])
        told.clear()


def test_a_package_that_the_model_needs_is_named(template, monkeypatch):
    def load(_):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    told = []
    monkeypatch.setattr(huse, "load", load)
    with served(Places(template / "model"), failed=told.append):
        until(lambda: told, "it is told")
    assert "model: needs torch, which is not installed" in str(told[0])
