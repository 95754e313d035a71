"""An index held to exact search by NumPy, while it grows, and while it is read and killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from huse.errors import InputError
from huse.use import approximate, index
from huse.use.entries import entries
from huse.use.index import ADDED, CATALOGUE, Index, class_condition
from tests.conftest import ROOT

D = 8
ABOUT = {"fingerprint": "one", "images": "/pictures", "columns": {}}
CLASSES = ["shoes<boots", "shoes", "shoes<women's", "hats<sun 100 %"]


def unit(count, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def products(count, first=0, pictures=1):
    """Each product with some pictures and a name; prices are numbers, one is missing."""
    number = np.repeat(np.arange(first, first + count), pictures)
    return pd.DataFrame(
        {
            "product": [f"it's {each}" for each in number],
            "image": [f"{each}_{place % pictures}.jpg" for place, each in enumerate(number)],
            "name": [f"name {each}" for each in number],
            "classes": [CLASSES[each % 4] for each in number],
            "split": "test",
            "price": [float(each) if each else None for each in number],
        }
    )


def rows_of(count, first=0, pictures=1, seed=0, origin=CATALOGUE):
    table = products(count, first, pictures)
    return entries(table, unit(len(table), seed), unit(len(table), seed + 1), origin)


@pytest.fixture
def made(tmp_path):
    rows, embeddings = rows_of(40)
    return SimpleNamespace(index=Index.make(tmp_path / "index", [(rows, embeddings)], ABOUT), rows=rows, all=embeddings)


def expected(made, query, k, kind, keep=None):
    """The products of the nearest embeddings of a kind, by NumPy."""
    there = (made.rows["kind"] == kind).to_numpy() & (True if keep is None else keep(made.rows))
    order = np.argsort(-(made.all @ query), kind="stable")
    return [(made.rows["product"][row], made.all[row] @ query) for row in order if there[row]][:k]


@pytest.mark.parametrize("kind", index.KINDS)
@pytest.mark.parametrize(
    ("asked", "keep"),
    [
        ({}, None),
        ({"classes": "shoes<*"}, lambda rows: rows["classes"].str.startswith("shoes").to_numpy()),
        ({"classes": "shoes"}, lambda rows: (rows["classes"] == "shoes").to_numpy()),
        ({"classes": "shoes<women's"}, lambda rows: (rows["classes"] == "shoes<women's").to_numpy()),
        ({"where": "price < 20"}, lambda rows: (rows["price"] < 20).to_numpy()),
        (
            {"where": "price > 5 OR name = 'name 3'"},
            lambda rows: ((rows["price"] > 5) | (rows["name"] == "name 3")).to_numpy(),
        ),
        ({"classes": "hats<sun 100 %", "where": "split = 'train'"}, lambda rows: np.zeros(len(rows), bool)),
    ],
)
def test_what_is_found_is_what_numpy_finds(made, kind, asked, keep):
    for query in unit(5, seed=9):
        found = made.index.search(embedding=query, k=7, kind=kind, **asked)
        wanted = expected(made, query, 7, kind, keep)
        assert [hit.product for hit in found] == [product for product, _ in wanted]
        np.testing.assert_allclose([hit.similarity for hit in found], [cosine for _, cosine in wanted], atol=1e-5)


def test_a_hit_says_what_the_catalogue_says(made):
    row = made.rows.index[(made.rows["kind"] == "pictures") & (made.rows["product"] == "it's 5")][0]
    hit = made.index.search(embedding=made.all[row], k=1, kind="pictures")[0]
    assert (hit.product, hit.image, hit.name, hit.class_path) == ("it's 5", "5_0.jpg", "name 5", "shoes")
    assert (hit.split, hit.further) == ("test", {"price": 5.0})
    assert hit.similarity == pytest.approx(1, abs=1e-6) and hit.key == "pictures 0 it's 5"
    zero = made.index.search(embedding=made.all[0], k=1, where="product = 'it''s 0'")[0]
    assert zero.further == {"price": None}


def test_a_class_above_is_not_one_whose_name_begins_alike():
    assert class_condition("shoes<*") == "(classes = 'shoes' OR starts_with(classes, 'shoes<'))"
    assert class_condition("women's") == "classes = 'women''s'"


def test_products_are_replaced_whole(made):
    """Product 3 had two pictures, and then has one; product 40 is new."""
    two, embeddings = rows_of(1, first=3, pictures=2, seed=5, origin=ADDED)
    made.index.put(two, embeddings)
    assert made.index.rows("product = 'it''s 3'")["kind"].tolist().count("pictures") == 2
    one, embeddings = rows_of(1, first=3, seed=6, origin=ADDED)
    new, others = rows_of(1, first=40, seed=7, origin=ADDED)
    made.index.put(pd.concat([one, new], ignore_index=True), np.concatenate([embeddings, others]))
    assert len(made.index) == 3 * 41
    assert set(made.index.rows(f"origin = '{ADDED}'")["product"]) == {"it's 3", "it's 40"}
    assert made.index.search(embedding=embeddings[0], k=1, kind="pictures")[0].product == "it's 3"
    assert made.index.known(["it's 3", "it's 40", "it's 41"]) == {"it's 3", "it's 40"}


def test_many_products_are_written_in_several_commits(made, monkeypatch):
    monkeypatch.setattr(index, "COMMIT", 3)
    rows, embeddings = rows_of(10, first=100, pictures=2, seed=3)
    made.index.put(rows, embeddings)
    assert len(made.index) == 40 * 3 + len(rows) == 40 * 3 + 10 * 4
    found = made.index.rows("product >= 'it''s 100' AND product < 'it''s 11'", embeddings=True)
    assert len(found) == len(rows)


def test_columns_that_the_index_lacks_are_left_out_and_others_are_empty(made):
    rows, embeddings = rows_of(1, first=50)
    made.index.put(rows.drop(columns="price").assign(colour="red"), embeddings)
    assert made.index.further == ["price"]
    assert made.index.rows("product = 'it''s 50'")["price"].isna().all()


def test_columns_of_another_type_become_those_of_the_index(made):
    rows, embeddings = rows_of(1, first=50)
    made.index.put(rows.assign(price="on request"), embeddings)
    assert made.index.rows("product = 'it''s 50'")["price"].isna().all()
    rows, embeddings = rows_of(1, first=51)
    made.index.put(rows.assign(price="3.5", classes=7), embeddings)
    found = made.index.rows("product = 'it''s 51'")
    assert set(found["price"]) == {3.5} and set(found["classes"]) == {"7"}


@pytest.mark.parametrize("price", ["inf", -np.inf, np.nan])
def test_numbers_that_are_not_finite_are_none(made, price):
    rows, embeddings = rows_of(1, first=50)
    made.index.put(rows.assign(price=price), embeddings)
    hit = made.index.search(embedding=embeddings[0], k=1, where="product = 'it''s 50'")[0]
    assert hit.further == {"price": None}


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: os.truncate(file, file.stat().st_size - 900)])
def test_a_damaged_index_is_named_and_no_condition_blamed(made, damage):
    for file in (made.index.folder / "embeddings.lance" / "data").iterdir():
        damage(file)
    opened = Index.open(made.index.folder)
    for ask in (
        lambda: opened.search(embedding=made.all[0]),
        lambda: opened.known([f"product {number}" for number in range(1000)]),
        lambda: list(opened.batches("price < 3")),
        opened.rows,
    ):
        with pytest.raises(InputError, match=r"index: not a readable index .*\. Make it again"):
            ask()


def test_a_long_condition_is_told_in_part(made):
    with pytest.raises(InputError, match="…: no condition that fits the index") as told:
        made.index.rows("prize IN (" + ", ".join(map(str, range(5000))) + ")")
    assert len(str(told.value)) < 1500


def test_whoever_writes_alone_may_make_the_index_and_nobody_else(made):
    other = "import sys, filelock; filelock.FileLock(sys.argv[1], timeout=0.1).acquire()"
    command = [sys.executable, "-c", other, made.index.folder / index.LOCK]
    with index.alone(made.index.folder):
        Index.make(made.index.folder, [rows_of(5)], ABOUT)
        assert b"Timeout" in subprocess.run(command, capture_output=True, check=False).stderr
    subprocess.run(command, check=True)


def test_products_are_removed(made):
    assert made.index.remove(["it's 1", "it's 2", "nothing"]) == 2
    assert len(made.index) == 38 * 3 and made.index.remove(["it's 1"]) == 0 == made.index.remove([])


def test_it_is_opened_by_the_model_that_made_it(made):
    folder = made.index.folder
    assert Index.open(folder, SimpleNamespace(fingerprint="one")).about == {**ABOUT, "format": index.FORMAT}
    with pytest.raises(InputError, match="is of another model than the one given"):
        Index.open(folder, SimpleNamespace(fingerprint="two"))
    with pytest.raises(InputError, match="opened without a model"):
        Index.open(folder).search("hat")


def test_a_model_does_not_write_into_an_index_that_another_one_has_made_meanwhile(made):
    index = Index.open(made.index.folder, SimpleNamespace(fingerprint="one"))
    Index.make(made.index.folder, [rows_of(5)], {**ABOUT, "fingerprint": "two"})
    for write in (lambda: index.put(*rows_of(1, first=70)), lambda: index.remove(["it's 1"])):
        with pytest.raises(InputError, match="is of another model"):
            write()
    assert len(Index.open(made.index.folder)) == 15


def test_it_counts_its_classes_and_knows_its_columns_of_numbers(made):
    made.index.remove(["it's 3", "it's 7"])
    assert made.index.classes() == {"hats<sun 100 %": 8, "shoes": 10, "shoes<boots": 10, "shoes<women's": 10}
    assert made.index.further == made.index.numbers == ["price"]


def test_its_state_differs_after_every_change(made, tmp_path):
    states = [index.state_of(made.index.folder)]
    assert index.state_of(made.index.folder) == states[0] and index.state_of(tmp_path / "none") == frozenset()
    made.index.put(*rows_of(1, first=70))
    states.append(index.state_of(made.index.folder))
    made.index.remove(["it's 70"])
    states.append(index.state_of(made.index.folder))
    Index.make(made.index.folder, [rows_of(5)], ABOUT)
    states.append(index.state_of(made.index.folder))
    assert len(set(states)) == 4


def test_wrong_folders_and_questions(made, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"nowhere: no index\. Run `dvc repro --force --single-item index`"):
        Index.open(tmp_path / "nowhere")
    (tmp_path / "broken" / "embeddings.lance" / "_versions").mkdir(parents=True)
    with pytest.raises(InputError, match="broken: not a readable index"):
        Index.open(tmp_path / "broken")
    for asked, said in (
        ({"k": 0}, "k: expected at least 1"),
        ({"kind": "cats"}, "kind: expected pictures, names, products, found 'cats'"),
        ({"where": "prize < 3"}, "prize < 3.: no condition that fits the index"),
        ({"where": "price <"}, "no condition that fits the index"),
        ({"embedding": np.ones(3, np.float32)}, r"expected 8 numbers, found \(3,\)"),
    ):
        with pytest.raises(InputError, match=said):
            made.index.search(**{"embedding": made.all[0], **asked})
    monkeypatch.setattr(index, "FORMAT", 2)
    with pytest.raises(InputError, match="expected an index of format 2, found 1"):
        Index.open(made.index.folder)


def test_an_index_that_is_made_again_leaves_its_reader_what_it_had(made):
    reader = Index.open(made.index.folder)
    Index.make(made.index.folder, [rows_of(5)], {**ABOUT, "fingerprint": "two"})
    assert len(reader) == 120 and len(reader.search(embedding=made.all[0], k=3)) == 3
    assert len(Index.open(made.index.folder)) == 15


@pytest.fixture
def many(tmp_path, monkeypatch):
    """An index that is large enough for approximate search."""
    monkeypatch.setattr(index, "EXACT", 3000)
    monkeypatch.setattr(approximate, "EXACT", 3000)
    rows, embeddings = rows_of(1200)
    return SimpleNamespace(index=Index.make(tmp_path / "index", [(rows, embeddings)], ABOUT), rows=rows, all=embeddings)


def test_many_embeddings_are_searched_in_part_and_held_to_exact_search(many):
    how = approximate.Approximation.read(many.index.folder)
    assert 0 < how.partitions <= 60
    assert len(how.recall) == 9 and min(how.recall.values()) >= approximate.ENOUGH
    shares = []
    for query in unit(30, seed=8):
        found = {hit.product for hit in many.index.search(embedding=query, k=10)}
        shares.append(len(found & {product for product, _ in expected(many, query, 10, "products")}) / 10)
    assert np.mean(shares) > 0.85


@pytest.fixture
def clustered(tmp_path, monkeypatch):
    """An index as `many`, of products in 150 clusters, so that few partitions are read."""
    monkeypatch.setattr(index, "EXACT", 3000)
    monkeypatch.setattr(approximate, "EXACT", 3000)
    rows, embeddings = rows_of(2000)
    embeddings = unit(150, seed=5)[np.arange(len(rows)) // 3 % 150] + 0.2 * embeddings
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    made = Index.make(tmp_path / "index", [(rows, embeddings)], ABOUT)
    assert approximate.Approximation.read(made.folder).partitions < 70
    return SimpleNamespace(index=made, rows=rows, all=embeddings)


def test_a_condition_that_leaves_few_finds_all_of_them(clustered):
    for query in clustered.all[:30]:
        found = [hit.product for hit in clustered.index.search(embedding=query, k=10, where="price < 3")]
        assert found == [one for one, _ in expected(clustered, query, 10, "products", lambda rows: rows["price"] < 3)]


def test_as_many_are_found_as_are_asked_for(clustered):
    for kind in index.KINDS:
        assert len(clustered.index.search(embedding=clustered.all[0], k=1500, kind=kind)) == 1500


@pytest.mark.parametrize("different", [1, 20])
def test_embeddings_that_many_have_count_as_found_whichever_of_them_is(tmp_path, monkeypatch, different):
    monkeypatch.setattr(index, "EXACT", 3000)
    monkeypatch.setattr(approximate, "EXACT", 3000)
    rows, _ = rows_of(1200)
    embeddings = unit(different)[np.arange(len(rows)) % different]
    made = Index.make(tmp_path / "index", [(rows, embeddings)], ABOUT)
    how = approximate.Approximation.read(made.folder)
    assert how.partitions == approximate.FEWEST and min(how.recall.values()) == 1
    assert all(hit.similarity > 1 - 1e-5 for hit in made.search(embedding=embeddings[0], k=10))


def test_what_came_after_the_build_is_found_and_too_much_of_it_is_built_anew(many):
    table = many.index._table
    few, embeddings = rows_of(20, first=2000, seed=4)
    many.index.put(few, embeddings)
    assert table.index_stats(approximate.NAME).num_unindexed_rows == 60
    assert many.index.search(embedding=embeddings[0], k=1, kind=few["kind"][0])[0].product == few["product"][0]
    more, embeddings = rows_of(80, first=3000, seed=5)
    many.index.put(more, embeddings)
    assert table.index_stats(approximate.NAME).num_unindexed_rows == 0


def test_a_damaged_note_on_the_search_means_exact_search(many):
    (many.index.folder / approximate.FILE).write_text("{")
    query = unit(1, seed=3)[0]
    found = [hit.product for hit in many.index.search(embedding=query, k=10)]
    assert found == [product for product, _ in expected(many, query, 10, "products")]


def test_small_files_are_joined(made, monkeypatch):
    monkeypatch.setattr(index, "MANY_VERSIONS", 3)
    for place in range(6):
        made.index.put(*rows_of(1, first=100 + place))
    assert made.index._table.stats()["fragment_stats"]["num_fragments"] <= 4
    assert len(made.index) == 46 * 3


BESIDE = """
import sys
from huse.use.index import Index
from tests.use.test_index import rows_of
index = Index.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for place in range(20):
    index.put(*rows_of(3, first=1000 + 3 * place, seed=place))
"""


@pytest.mark.slow
def test_two_that_add_the_same_products_at_a_time_add_them_once(made):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", BESIDE, str(made.index.folder)]
    both = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for each in both:
        assert each.stdout.readline() == "ready\n"
    for each in both:
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.wait() for each in both] == [0, 0]
    rows = Index.open(made.index.folder).rows()
    assert len(rows) == rows["key"].nunique() == (40 + 60) * 3


KILLS = int(os.environ.get("KILLS", "6"))  # 50 of them take three minutes

ADDING = """
import sys
from huse.use.index import Index
from tests.use.test_index import rows_of
index = Index.open(sys.argv[1])
for place in range(1000):
    index.put(*rows_of(7, first=1000 + 7 * place, pictures=2))
    print(place, flush=True)
"""


@pytest.mark.slow
def test_killed_while_it_adds_it_has_all_that_was_said_to_be_there_and_whole_products_alone(made):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    random = np.random.default_rng(0)
    for _ in range(KILLS):
        command = [sys.executable, "-c", ADDING, str(made.index.folder)]
        adding = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(int(random.integers(1, 5))):
            said = int(adding.stdout.readline())
        time.sleep(random.random() / 20)
        adding.send_signal(signal.SIGKILL)
        adding.wait()
        there = Index.open(made.index.folder).rows()
        sizes = there[there["product"].str.len() >= 9]["product"].value_counts()
        assert len(sizes) >= 7 * (said + 1) and len(sizes) % 7 == 0
        assert set(sizes) == {4}
        assert len(Index.open(made.index.folder).search(embedding=made.all[0], k=200)) >= 40
