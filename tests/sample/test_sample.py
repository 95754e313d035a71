import csv
from collections import Counter, defaultdict

import pytest
from PIL import Image

from sample.catalogue import SamplePicture, draw_sample, save_picture, shuffled
from sample.names import make_name
from sample.product import Product, deal, make_product
from sample.tree import DECK, LEAVES
from sample.words import ITEMS, MATERIALS
from stages import sample_catalogue

SEED = 13
SIZE = 48


@pytest.fixture(scope="module")
def sample() -> list[SamplePicture]:
    return list(draw_sample(400, SIZE, SEED))


@pytest.fixture(scope="module")
def products() -> list[Product]:
    # As many as the default sample has, without their pictures.
    leaves = deal(SEED)
    return [make_product(SEED, number, next(leaves)) for number in range(1300)]


@pytest.fixture(scope="module")
def names(products) -> list[str]:
    return [make_name(SEED, product) for product in products]


def test_same_seed_gives_same_rows_and_bytes(sample, tmp_path):
    again = list(draw_sample(400, SIZE, SEED))
    for one, other in zip(sample, again, strict=True):
        assert (one.image, one.name, one.classes) == (other.image, other.name, other.classes)
        written = []
        for picture in (one, other):
            save_picture(picture, tmp_path)
            written.append((tmp_path / picture.image).read_bytes())
        assert written[0] == written[1]


def test_larger_sample_begins_with_smaller(sample):
    short = list(draw_sample(40, SIZE, SEED))
    assert [(p.image, p.name, p.picture.tobytes()) for p in short] == [
        (p.image, p.name, p.picture.tobytes()) for p in sample[: len(short)]
    ]


def test_other_seed_gives_other_names_and_pictures(sample):
    other = list(draw_sample(60, SIZE, SEED + 1))
    assert not {p.picture.tobytes() for p in other} & {p.picture.tobytes() for p in sample}
    assert len({p.name for p in other} & {p.name for p in sample}) <= 3


@pytest.mark.parametrize("wanted", [1, 2, 3, 50])
def test_at_least_as_many_pictures_as_wanted(wanted):
    assert wanted <= sum(1 for _ in draw_sample(wanted, 32, SEED)) <= wanted + 2


def test_pictures_are_rgb_of_the_size_and_differ(sample):
    assert {(p.picture.size, p.picture.mode) for p in sample} == {((SIZE, SIZE), "RGB")}
    assert len({p.picture.tobytes() for p in sample}) == len(sample)
    assert len({p.image for p in sample}) == len(sample)


def test_tree_has_three_levels_many_leaves_and_tops(sample):
    paths = {p.classes for p in sample}
    assert len(paths) == len(LEAVES) >= 24
    assert all(len(path.split("<")) == 3 and path == path.lower() for path in paths)
    assert len({path.split("<")[0] for path in paths}) >= 4
    assert len({leaf.name for leaf in LEAVES}) == len(LEAVES)


def test_every_leaf_has_its_shape_and_words():
    names = {leaf.name for leaf in LEAVES}
    assert set(ITEMS) == set(MATERIALS) == names
    assert len({leaf.draw for leaf in LEAVES}) == len(LEAVES)
    for leaf in LEAVES:
        for trait in (0.0, 0.5, 1.0):
            assert leaf.draw((trait,) * 4)


def test_pictures_of_a_product_share_name_and_class(sample):
    rows = defaultdict(list)
    for picture in sample:
        rows[picture.image.split("_")[0]].append(picture)
    assert {len(views) for views in rows.values()} == {1, 2, 3}
    assert all(len({(p.name, p.classes) for p in views}) == 1 for views in rows.values())


def test_classes_have_a_long_tail_and_no_tiny_one(products):
    counts = Counter[str]()
    for product in products:
        counts[product.leaf.name] += product.views
    assert sum(counts.values()) == pytest.approx(2600, rel=0.05)
    assert min(counts.values()) >= 20
    assert 7 <= max(counts.values()) / min(counts.values()) <= 14


def test_a_deal_has_every_card():
    cards = deal(SEED)
    assert Counter(next(cards) for _ in DECK) == Counter(DECK)


def test_some_names_lack_every_item_word(products, names):
    lacking = 0
    for product, name in zip(products, names, strict=True):
        words = {word for item, _ in ITEMS[product.leaf.name] for word in item.lower().replace("-", " ").split()}
        lacking += not any(word in name.lower().replace("-", " ") for word in words)
    assert 0.05 <= lacking / len(products) <= 0.3


def test_names_mostly_differ_and_have_accents_and_what_csv_must_quote(names):
    assert len(set(names)) >= 0.95 * len(names)
    for mark in ("é", "É", "ø", ",", '"', "“", "’", "&", "°", " – ", " - ", "  ", "85mm"):
        assert any(mark in name for name in names), mark
    assert all(name == name.strip() and name for name in names)
    assert not any(mark in name for name in names for mark in (" ,", ",,", "- -", "{", "\n"))


def test_item_words_are_shared_between_classes():
    classes = Counter(item for items in ITEMS.values() for item, _ in items)
    assert {"slip", "pumps", "bag", "boots", "studs", "drops", "tote", "shopper"} <= {
        item for item, count in classes.items() if count > 1
    }


def test_shuffled_is_an_order_of_all_rows():
    assert sorted(shuffled(50, SEED)) == list(range(50)) != shuffled(50, SEED) == shuffled(50, SEED)
    assert shuffled(50, SEED) != shuffled(50, SEED + 1)


def test_stage_writes_every_picture_of_its_csv(here):
    (here / "params.yaml").write_text(f"seed: {SEED}\nsample_catalogue:\n  pictures: 300\n  size: 32\n", "utf-8")
    line = sample_catalogue.main(here)
    assert "32 classes" in line
    text = (here / "data/sample/catalogue.csv").read_bytes().decode("utf-8")
    assert text.startswith("image,name,classes\n") and "\r" not in text
    rows = list(csv.DictReader(text.splitlines()))
    assert 300 <= len(rows) <= 302
    folder = here / "data/sample/images"
    assert sorted(row["image"] for row in rows) == sorted(path.name for path in folder.iterdir())
    assert [row["image"] for row in rows] != sorted(row["image"] for row in rows)
    modes = Counter[tuple[str | None, str]]()
    for row in rows:
        with Image.open(folder / row["image"]) as picture:
            assert picture.size == (32, 32)
            modes[picture.format, picture.mode] += 1
    assert {("JPEG", "RGB"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "L")} == set(modes)
    assert 0.9 <= modes["JPEG", "RGB"] / len(rows) < 1
