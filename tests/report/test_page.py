import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import spearmanr

from huse.evaluation.space import semantic_order
from huse.report.answers import answers
from huse.report.matrices import class_mean_distances
from huse.report.page import installed, lead, render, write_number
from huse.report.sections import (
    baselines_section,
    gallery_section,
    graph_section,
    map_section,
    metrics_section,
    sureness_section,
)
from huse.vision.thumbnails import thumbnails_of
from tests.report.conftest import NASTY, Made, metrics, with_products

VOID = {"meta", "link", "img", "input", "br"}


class Elements(HTMLParser):
    """Lists the elements of a page, and checks that they are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found, self.text = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text.append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.found if tag in tags]

    def values(self, attribute):
        return [attributes[attribute] for _, attributes in self.found if attribute in attributes]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def charts_of(page):
    """Return the script element with the data of the charts."""
    return page.partition('id="charts">')[2].partition("</script>")[0]


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page)


def test_counts_are_whole_and_shares_have_three_decimals():
    written = [write_number(value) for value in (1, 1312, 0, 1.0, 0.5, 12.34, 3.0, None)]
    assert written == ["1", "1,312", "0", "1.000", "0.500", "12.3", "3", "–"]


def test_names_are_text_wherever_they_stand(elements):
    for name in NASTY:
        assert " ".join(name.split()) in elements.words, name
    assert len(elements.all("script")) == 3  # the charts' data, the program, what ties them together
    assert elements.values("onerror") == []
    assert "49 " not in [piece.strip() for piece in elements.text]


def test_the_charts_data_ends_no_script_element(page):
    data = charts_of(page)
    assert not set("<>&") & set(data)
    items = json.loads(data)["map"]["datasets"]["items"]
    assert items[0]["name"] == f"{NASTY[0]} 0"


def test_headings_are_in_order_and_there_is_one_first(elements):
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_link_within_the_page_has_its_target_and_none_leads_elsewhere(elements):
    targets = elements.values("id")
    assert len(targets) == len(set(targets))
    links = [attributes["href"] for attributes in elements.all("a")]
    assert links
    assert all(link[0] == "#" and link[1:] in targets for link in links)
    assert set(elements.values("aria-labelledby")) <= set(targets)


def test_the_three_answers_stand_first_and_what_is_technical_last(page, elements):
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page.partition("<script")[0]) == [
        "How often is it right?",
        "Where is it wrong?",
        "What to do next",
        "Where it is wrong, class by class",
        "How sure it is",
        "What queries find",
        "A map of the space",
        "Rows left out or repaired",
        "All metrics",
        "Beside simple baselines",
        "The semantic graph, wanted and learned",
        "Training",
        "What was run",
    ]
    words = elements.words
    assert words.index("Look closer") < words.index("How sure it is") < words.index("For engineers")
    assert words.index("For engineers") < words.index("All metrics")
    folded = [one for one in elements.all("details") if one.get("class") == "section"]
    assert len(folded) == 10
    assert not any("open" in one for one in folded)


def test_the_answers_are_written_out(elements):
    for said in (
        "Right, by the picture 50.0 % 95 % interval: 25.0 % to 75.0 % Worse than the baseline: 75.0 %",
        "Answered for a precision of 95 % 62.5 % by the picture; 37.5 % with a class, the rest with what",
        "Right: 87.5 % of the answers",
        "Always the most frequent class would be right in 12.5 %.",
        "is of the right class in 50.0 %: of the same class, not the same product.",
        "Measured on 30 test items alone. Of so few, what is right may be anything from 19.2 % to 51.2 % of all.",
        "20 of 30 test items are taken for another class.",
        "1 row of the catalogue was left out, most often for: no class.",
    ):
        assert said in elements.words


def test_every_class_and_pair_of_the_answers_leads_to_its_row(page, elements):
    rows = [one["id"] for one in elements.all("tr") if "id" in one]
    led = re.findall(r'href="#((?:class|pair)-\d+)"', page)
    assert len(led) > 4
    assert set(led) <= set(rows)


def test_metrics_of_the_tree_say_so_where_training_knew_it(made, elements):
    assert "Do not choose by" not in elements.words
    known = Made(["a<b", "a<c"], 6)
    known.tree_settings = ["train.graph.distances: tree"]
    known.metrics = {**known.metrics, "unseen": {"image_to_text": {"ahp": 0.5}}}
    words = Elements(known.page()).words
    for said in ("AHP and HP", "sibling@K, AHP and edges", "the rank correlation with the tree"):
        assert f"Do not choose by {said} here." in words
    assert words.count("trained on the same tree ( train.graph.distances: tree )") == 4


def test_small_classes_of_the_test_split_say_so():
    made = Made(["a<b", "a<c", "a<d"], 60)
    made.table["items"], made.table["accuracy_fusion"] = [9, 10, 41], [1.0, 0.5, 0.5]
    words = Elements(made.page()).words
    assert "1 of 3 classes has fewer than 10 test items" in words
    assert "1.00 0.70 to 1.00" in words
    made.table["items"] = 20
    assert "fewer than 10 test items" not in Elements(made.page()).words


def test_a_metric_of_classes_says_that_it_is_none_of_products(elements):
    assert "It counts the class, not the product" in elements.words
    assert "the thresholds were chosen on the validation split" in elements.words
    assert "Right is what the catalogue says: a product that is filed under the wrong class counts" in elements.words


def test_nothing_is_fetched(elements):
    assert all(source.startswith("data:") for source in elements.values("src"))
    assert [attributes["href"] for attributes in elements.all("link")] == ["data:,"]
    (policy,) = [one for one in elements.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"].startswith("default-src 'none'; img-src data:;")


def test_pictures_have_alternative_texts_and_lost_ones_a_placeholder(elements):
    assert elements.all("img")
    assert all(attributes["alt"] for attributes in elements.all("img"))
    lost = [attributes for attributes in elements.all("span") if attributes.get("role") == "img"]
    assert lost
    assert all("cannot be read" in attributes["aria-label"] for attributes in lost)


def test_answers_are_drawn_by_precision_from_the_class_up_to_nothing(page, elements):
    specs = json.loads(charts_of(page))
    chart = specs["sureness-answers"]
    parts = {(part["row"], part["answer"]): part["share"] for part in chart["data"]["values"]}
    assert parts[("image, 0.90", "class")] == 0.5 and parts[("image, 0.99", "nothing")] == 1
    assert chart["encoding"]["color"]["scale"]["domain"] == ["class", "level 1", "nothing"]
    curve = specs["sureness-risk"]["data"]["values"]
    assert curve == [
        {"by": "image", "covered": 0.5, "error": 0.125},
        {"by": "image", "covered": 1.0, "error": 0.5},
    ]
    for said in ("image, 0.90 0.500 0.250 0.250 0.875 1.2", "image 0.062 0.125 0.500"):
        assert said in elements.words
    assert sureness_section({"classification": {}}) is None


def test_every_chart_has_its_place_and_a_description(page, elements):
    specs = json.loads(charts_of(page))
    assert sorted(elements.values("data-chart")) == sorted(specs)
    assert all(spec["description"] for spec in specs.values())


def test_language_and_scroll_areas_that_a_keyboard_reaches(elements):
    assert elements.all("html") == [{"lang": "en"}]
    areas = [attributes for attributes in elements.all("div") if attributes.get("class") == "scroll"]
    assert areas
    assert all(area["tabindex"] == "0" and area["aria-label"] for area in areas)


def test_sections_without_content_are_left_out():
    made = Made(["a<b", "a<c"], 6)
    made.rejected, made.curves, made.epochs = made.rejected.iloc[:0], {}, made.epochs.iloc[:0]
    made.queries = made.queries.assign(first_rank=None)
    made.metrics = {"items": 6, "classification": {}, "retrieval": {}}
    parts = made.parts()
    assert [part.anchor for part in parts if part] == ["confusion", "map", "metrics", "graph", "run"]
    elements = Elements(render({"lead": "", "answers": None}, parts))
    assert "#rejected" not in [attributes["href"] for attributes in elements.all("a")]


def test_what_was_not_done_is_said(elements):
    other = Made(["a<b", "a<c"], 6)
    other.epochs = other.epochs.iloc[:0]
    other.metrics = {**other.metrics, "unseen": {"image_to_text": {"ahp": 0.5}}}
    for said in ("was not fine-tuned", "Classes that training never saw"):
        assert said not in elements.words
        assert said in Elements(other.page()).words


def test_metrics_per_product_stand_beside_those_per_picture(elements):
    other = Made(["a<b", "a<c"], 6)
    other.metrics = with_products()
    for said in ("per picture per product", "17 products, 11 of them with several pictures"):
        assert said not in elements.words
        assert said in Elements(other.page()).words


def test_baselines_stand_beside_ours_and_what_is_behind_is_said(elements):
    words = elements.words
    assert "of 1,234 training items. A space should beat them. a regression its probabilities" in words
    assert "pictures: accuracy 0.500 0.750 -0.250 -0.375 to -0.125" in words
    assert "retrieval, mean: mAP 0.438 0.312 0.125" in words
    assert "behind a baseline, pictures: <b>try</b> more" in words
    assert "behind no baseline" not in words


def test_without_baselines_there_is_no_section():
    of = metrics()
    of["baselines"]["remarks"] = []
    assert (
        "Ours is behind no baseline." in Elements(render({"lead": "", "answers": None}, [baselines_section(of)])).words
    )
    del of["baselines"]
    assert baselines_section(of) is None


def test_the_correlation_is_that_of_the_distances_wanted_and_learned(made):
    split, wanted = made.split, made.wanted
    metrics = {"space": {"semantic_order": semantic_order(split.embeddings, split.classes, {"adjacency": wanted})}}
    section = graph_section(made.classes, wanted, split, metrics, trained_on_tree=False)
    learned = class_mean_distances(list(split.embeddings.values()), split.classes, len(made.classes))
    pairs = np.triu_indices(len(wanted), k=1)
    expected = spearmanr(wanted[pairs], learned[pairs]).statistic
    assert abs(expected) < 0.9
    assert section.content["correlation"] == pytest.approx(expected)
    page = Elements(render({"lead": "", "answers": None}, [section]))
    assert f"{expected:.3f}" in page.text
    assert graph_section(made.classes, wanted, split, {}, trained_on_tree=False).content["correlation"] is None


def test_the_lead_counts_pictures_and_products():
    products = pd.DataFrame({"split": ["train"] * 1200 + ["test"] * 3, "group": [*range(1200), 1200, 1200, 1200]})
    products["image"], products["name"] = "some.jpg", "Some"
    assert lead(products, 2) == (
        "1,203 pictures of 1,201 products in 2 classes. Measured on the 3 pictures of the test split, which training "
        "never saw."
    )
    torn = products.assign(group=[*range(1200), 0, 1200, 1201])
    assert lead(torn, 2).endswith(
        "3 pictures of the test split; the given split has the products of 1 of them in training or validation too."
    )
    halves = products.assign(image=["some.jpg"] * 1003 + [""] * 200)
    assert lead(halves, 2).startswith("1,003 pictures and 200 names without a picture of 1,201 products in 2 classes. ")
    assert "Measured on the 0 pictures" not in lead(halves, 2)
    assert "Measured on the 3 names of the test split" in lead(halves, 2)
    names = lead(products.assign(image=""), 2)
    assert names.startswith(
        "1,203 names of 1,201 products in 2 classes. Measured on the 3 names of the test split, which"
    )
    assert lead(products.assign(name=""), 2).startswith("1,203 pictures without a name of 1,201 products in 2 classes.")
    assert list(installed(["numpy"])) == ["Python", "numpy"]


def test_the_map_and_the_galleries_show_what_is_there():
    made = Made(["a<x", "a<y", "b<z"], 12)
    there = {"image": np.arange(12) % 3 > 0, "text": np.ones(12, bool)}
    thumbnails = thumbnails_of(made.read)
    chart = map_section(made.products, replace(made.split, there=there), thumbnails, seed=13)
    marks = re.findall(r'"mark": "(image|text)", "item": (\d+)', json.dumps(chart.charts))
    assert [int(item) for mark, item in marks if mark == "image"] == np.flatnonzero(there["image"]).tolist()
    assert [int(item) for mark, item in marks if mark == "text"] == list(range(12))
    alone = made.queries[(made.queries["query"] == "text") & (made.queries["found"] == "text")]
    galleries = gallery_section(made.products, alone, thumbnails).content["directions"]
    assert [direction["anchor"] for direction in galleries] == ["text_to_text"]


def test_one_product_is_enough_for_a_page():
    made = Made(["a"], 1)
    made.curves = {}
    Elements(made.page())


@pytest.mark.slow
def test_a_large_catalogue_stays_small():
    made = Made([f"branch {n % 9}<middle {n % 90}<a class with a name, number {n}" for n in range(1000)], 6_000, 32)
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)  # no picture takes more bytes
    made.read = lambda row: Image.fromarray(noise)
    page = made.page()
    assert len(page.encode()) < 5_000_000
    text = Elements(page).words
    assert "Shown are the 60 with the most items; 940 are left out." in text
    assert "Shown are the 60 classes with the most test items; 940 more are left out." in text
    assert "Shown are 900 of 6,000 items" in text


def test_ten_levels_stand_in_order_and_their_legend_in_rows():
    levels = {f"level_{level}": 0.1 for level in range(1, 12)}
    made = metrics()
    made["classification"]["by_level"] = {"image": levels}
    table = dict(metrics_section(made).content["further"])
    (found,) = (one for title, one in table.items() if "agrees with theirs" in title)
    assert found.columns == [f"level {level}" for level in range(1, 12)]
    made["hedging"] = {"fusion": {"precision_95": {"class": 0.0, **levels, "none": 0.0}}}
    legend = sureness_section(made).charts["sureness-answers"]["encoding"]["color"]["legend"]
    assert legend["columns"] == 4


def test_what_is_right_of_several_labels_is_said():
    made = Made(["a<b", "a<c", "d"], 9)
    for several in (False, True):
        page = render({"lead": "x", "answers": answers(replace(made.facts(), several_labels=several))}, [])
        words = Elements(page).words
        assert ("Always the most frequent labels would be right" in words) == several
        assert ("Always the most frequent class would be right" in words) != several
        assert ("what is right is the share of its labels" in words) == several
