"""Every endpoint, held to the model and the index that it answers from."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

import huse
from huse.use.index import Index
from huse.use.server.limits import Limits
from huse.use.server.shop import Places
from tests.use.server.conftest import picture, served
from tests.use.test_model import PATHS


@pytest.fixture(scope="module")
def model(template):
    return huse.load(template / "model")


@pytest.fixture(scope="module")
def index(template, model):
    return Index.open(template / "index", model)


def coded(content):
    return base64.b64encode(content).decode()


def test_live_ready_and_what_is_served(reader, model):
    assert reader.ask("/health").said == {"live": True}
    assert reader.ask("/ready").said == {"ready": True}
    about = reader.ask("/about").said
    assert (about["fingerprint"], about["classes"], about["dimension"]) == (model.fingerprint, 3, 8)
    assert about["embeddings"] == 11 + 12 + 12 and about["index"] and not about["writable"]


def test_embeddings_are_those_of_the_model(reader, model):
    products = [
        {"text": "red hat"},
        {"pictures": [coded(picture(50))]},
        {"text": "hat", "pictures": [coded(picture(51))] * 2},
    ]
    found = reader.ask("/embed", {"products": products}).said
    assert found["fingerprint"] == model.fingerprint
    expected = model.encode(images=[None, picture(50), [picture(51)] * 2], texts=["red hat", None, "hat"])
    np.testing.assert_allclose(found["embeddings"], expected, atol=1e-5)
    form = reader.ask("/embed", form=[("text", "hat"), ("pictures", picture(51)), ("pictures", picture(51))]).said
    np.testing.assert_allclose(form["embeddings"], expected[2:], atol=1e-5)


def test_decisions_are_those_of_the_model(reader, model):
    asked = {
        "products": [{"text": "red hat"}, {"text": "shoe", "pictures": [coded(picture(52))]}],
        "precision": 0.75,
        "top": 2,
    }
    found = reader.ask("/classify", asked).said["products"]
    images, texts = [None, picture(52)], ["red hat", "shoe"]
    for answer, decision in zip(found, model.decide(images, texts, 0.75), strict=True):
        assert answer["class_path"] == decision.class_path and answer["node"] == decision.node
        assert answer["probability"] == pytest.approx(decision.probability, abs=1e-5)
        assert answer["agree"] == decision.agree and answer["by_picture"] == decision.by_picture
    for answer, best in zip(found, model.classify(images, texts, top=2), strict=True):
        assert [one["class_path"] for one in answer["top"]] == [one.class_path for one in best]
        np.testing.assert_allclose(
            [one["probability"] for one in answer["top"]], [one.probability for one in best], atol=1e-5
        )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"text": "red hat"}, {}),
        ({"text": "red hat", "kind": "names", "k": 3}, {"kind": "names", "k": 3}),
        ({"text": "hat", "classes": "a<*"}, {"classes": "a<*"}),
        ({"text": "hat", "where": [{"column": "price", "op": "<", "value": 5}]}, {"where": "price < 5"}),
        ({"text": "hat", "where": [{"column": "brand", "value": "it's"}]}, {"where": "brand = 'it''s'"}),
        ({"text": "hat", "classes": "no'ne"}, {"classes": "no'ne"}),
    ],
)
def test_hits_are_those_of_the_index(reader, index, asked, expected):
    found = reader.ask("/search", asked).said
    hits = index.search(asked["text"], **{"k": 10, **expected})
    assert [hit["product"] for hit in found["hits"]] == [hit.product for hit in hits]
    np.testing.assert_allclose(
        [hit["similarity"] for hit in found["hits"]], [hit.similarity for hit in hits], atol=1e-5
    )
    assert found["decision"] is None


def test_a_picture_finds_itself_and_is_decided(reader, model):
    found = reader.ask(
        "/search", form=[("pictures", picture(3)), ("kind", "pictures"), ("k", 2), ("decide", "true")]
    ).said
    assert found["hits"][0]["product"] == "id 3" and found["hits"][0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert found["hits"][0]["further"] == {"price": 3.0, "brand": "it's"} and "image" not in found["hits"][0]
    assert found["decision"]["class_path"] == model.decide([picture(3)])[0].class_path
    zero = reader.ask("/search", {"text": "x", "where": [{"column": "product", "value": "id 0"}]}).said["hits"][0]
    assert zero["further"]["price"] is None


def test_like_a_product_or_an_embedding(reader, index):
    rows = index.rows("kind = 'products' AND product = 'id 4'", embeddings=True)
    own = np.asarray(rows["embedding"][0], np.float32)
    expected = [hit.product for hit in index.search(embedding=own, k=6)]
    assert expected[0] == "id 4"
    assert [hit["product"] for hit in reader.ask("/search", {"like": "id 4", "k": 5}).said["hits"]] == expected[1:]
    found = reader.ask("/search", {"embedding": (own * 3).tolist(), "k": 6}).said["hits"]
    assert [hit["product"] for hit in found] == expected


def test_a_product_and_its_thumbnail(reader, model):
    found = reader.ask("/product?id=id%203").said
    assert (found["name"], found["class_path"], found["further"]["price"]) == ("shoe no 3", PATHS[0], 3.0)
    assert found["pictures"] == ["/pictures/pictures%200%20id%203"]
    assert found["decision"] is None and found["names"] == ["shoe no 3"]
    decided = reader.ask("/product?id=id%203&decide=true").said["decision"]
    expected = model.decide([[picture(3)]], ["shoe no 3"], 0.95)[0]
    assert decided["class_path"] == expected.class_path and decided["agree"] == expected.agree
    assert decided["probability"] == pytest.approx(expected.probability, abs=1e-5)
    answer = reader.ask(found["pictures"][0] + "?side=160")
    assert answer.headers["content-type"] == "image/webp" and answer.content[8:12] == b"WEBP"
    assert reader.ask(found["pictures"][0] + "?side=160", if_none_match=answer.headers["etag"]).status == 304
    assert reader.ask(found["pictures"][0] + "?side=7").status == 422


def test_pictures_are_those_of_rows_and_of_their_folders_alone(template, tmp_path, reader):
    for key in ("none", "../conftest.py", "products 0 id 11", quote("/etc/passwd", safe=""), "a' OR '1'='1"):
        assert reader.ask(f"/pictures/{quote(key)}").status == 404
    (tmp_path / "elsewhere").mkdir()
    with served(Places(template / "model", template / "index", tmp_path / "elsewhere")) as client:
        assert "is gone" in client.wait().ask("/pictures/products%200%20id%203").error
    (tmp_path / "elsewhere/3.jpg").write_text("no picture")
    with served(Places(template / "model", template / "index", tmp_path / "elsewhere")) as client:
        assert "cannot be shown" in client.wait().ask("/pictures/products%200%20id%203").error


def test_classes_have_the_number_of_their_products(reader):
    found = {one["class_path"]: (one["products"], one["known"]) for one in reader.ask("/classes").said["classes"]}
    assert found == dict.fromkeys(PATHS, (4, True))


def test_the_page_its_files_and_the_description(reader):
    for path, kind in (
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
        ("/favicon.svg", "image/svg+xml"),
    ):
        answer = reader.ask(path)
        assert answer.status == 200 and answer.headers["content-type"].startswith(kind) and len(answer.content) > 100
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert b"https://" not in answer.content.replace(b"http://www.w3.org/2000/svg", b"")
    schema = reader.ask("/openapi.json").said
    assert set(schema["paths"]) >= {
        "/embed",
        "/classify",
        "/search",
        "/add",
        "/remove",
        "/health",
        "/ready",
        "/metrics",
    }
    text = json.dumps(schema)
    assert all(
        f'"{name}": {{' in json.dumps(schema["components"]["schemas"])
        for name in set(re.findall(r"#/components/schemas/(\w+)", text))
    )
    docs = reader.ask("/docs").content.decode()
    assert all(path in docs for path in schema["paths"]) and "products[].text" in docs
    assert ">string<" in docs and " or <" not in docs


def test_metrics_count_what_was_asked(reader):
    reader.ask("/nowhere/at/all")
    reader.ask("/embed", {"products": [{"text": "hat"}]})
    text = reader.ask("/metrics").content.decode()
    assert 'huse_requests_total{method="POST",path="/embed",status="200"}' in text
    assert 'huse_requests_total{method="GET",path="other",status="404"}' in text and "nowhere" not in text
    assert "huse_ready 1.0" in text and "huse_embeddings 35.0" in text and "huse_batch_size_count " in text


@pytest.mark.parametrize(
    ("path", "asked", "status", "said"),
    [
        ("/search", {}, 422, "expected one of: a text"),
        ("/search", {"text": " "}, 422, "found neither"),
        ("/search", {"text": "x", "like": "id 1"}, 422, "expected one of"),
        ("/search", {"like": "nobody"}, 404, "nobody: no product of that id"),
        ("/search", {"text": "x", "k": 0}, 422, "k: Input should be greater than or equal to 1, found 0"),
        ("/search", {"text": "x", "k": 201}, 422, "k: expected at most 200, found 201"),
        ("/search", {"text": "x", "kind": "cats"}, 422, "kind: Input should be"),
        ("/search", {"text": "x", "where": [{"column": "1=1 OR price", "value": 1}]}, 422, "expected a column of"),
        ("/search", {"text": "x", "where": [{"column": "price", "value": "1"}]}, 422, "is compared with a number"),
        ("/search", {"text": "x", "where": [{"column": "brand", "value": 1}]}, 422, "is compared with a text"),
        ("/search", {"text": "x", "classes": "a" * 3000}, 422, "classes: expected at most 2000 characters, found 3000"),
        ("/search", {"like": "a\0"}, 422, "like: expected a text, found one with a zero byte"),
        ("/search", {"text": "x", "wher": []}, 422, "wher: no such field; expected text, pictures, like, embedding"),
        ("/search", {"embedding": [0] * 8}, 422, "expected 8 numbers that are not all 0"),
        ("/search", {"embedding": [1]}, 422, "expected 8 numbers"),
        ("/search", {"text": "x\0"}, 422, "zero byte"),
        ("/search", {"text": "x" * 2001}, 422, "text: expected at most 2000 characters, found 2001"),
        ("/embed", {"products": [{"txt": "x"}]}, 422, "products.0.txt: no such field; expected text, pictures."),
        ("/embed", {"products": []}, 422, "products: List should have at least 1 item"),
        ("/embed", {"products": [{"text": "x"}, {}]}, 422, "product 1: expected a text, pictures or both"),
        ("/embed", {"products": [{"text": "x"}] * 65}, 413, "expected at most 64 products in a request, found 65"),
        ("/embed", {"products": [{"pictures": ["eA=="] * 65}]}, 413, "expected at most 64 pictures"),
        ("/embed", {"products": [{"pictures": ["%"]}]}, 422, "in base64"),
        ("/embed", {"products": [{"pictures": ["eA=="]}]}, 422, "picture: file is not a picture of the formats"),
        ("/classify", {"products": [{"text": "x"}], "precision": 1}, 422, "precision"),
        ("/add", {"products": [{"name": "x", "classes": "a"}]}, 403, "does not write. Start it with --writable"),
        ("/remove", {"products": ["id 1"]}, 403, "does not write"),
        ("/product?id=nobody", None, 404, "nobody: no product of that id"),
        ("/product", None, 422, "query.id: Field required"),
        ("/nowhere", None, 404, "no such address"),
        ("/search", None, 405, "another method"),
    ],
)
def test_what_cannot_be_is_said(reader, path, asked, status, said):
    answer = reader.ask(path, asked)
    assert answer.status == status and said in answer.error


def test_content_of_another_form_is_refused(reader):
    assert reader.ask("/search", body=b"{}", content_type="text/plain").status == 415
    assert reader.ask("/search", body=b"{}").status == 415
    for body in (b"{", b"", b"[]", b"null", b'{"text": NaN}', b"[" * 100_000, b'{"text": "\\ud800"}', b"\xff"):
        assert reader.ask("/search", body=body, content_type="application/json").status in (400, 422)
    answer = reader.ask("/search", body=b"x", content_type="multipart/form-data; boundary=edge")
    assert answer.status in (400, 422)
    assert reader.ask("/search", form=[("text", "a"), ("where", "{")]).status == 400
    many = reader.ask("/search", form=[("pictures", b"x")] * 70)
    assert many.status == 413 and "Too many files" in many.error
    assert reader.ask("/search", form=[("pictures", b"x")] * 65).status == 413
    assert reader.ask("/search", form=[("text", "a"), ("text", "b")]).status == 422


def test_a_bad_picture_fails_alone_while_others_are_answered(reader):
    whole = picture(60, side=200)
    contents = [whole, whole[: len(whole) // 2], b"no picture", whole] * 4
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: reader.ask("/embed", form=[("pictures", each)]), contents))
    assert [answer.status for answer in answers] == [200, 422, 422, 200] * 4
    assert "picture: picture is truncated" in answers[1].error


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(template, tmp_path):
    large = tmp_path / "large.png"
    Image.new("1", (3000, 3000)).save(large)
    limits = Limits(pixels=1_000_000)
    with served(Places(template / "model"), limits=limits) as client:
        answer = client.wait().ask("/embed", form=[("pictures", large.read_bytes())])
        assert answer.status == 422 and "3000 × 3000 = 9.0 megapixels, more than the 1.0 allowed" in answer.error


def test_without_an_index_it_embeds_and_classifies(template):
    with served(Places(template / "model")) as client:
        assert client.wait().ask("/embed", {"products": [{"text": "hat"}]}).status == 200
        answer = client.ask("/search", {"text": "hat"})
        assert answer.status == 404 and "has no index" in answer.error
        assert [one["products"] for one in client.ask("/classes").said["classes"]] == [0, 0, 0]
