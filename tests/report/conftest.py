"""A made-up evaluation from which whole pages are written."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from huse.report import sections
from huse.report.answers import Facts, answers
from huse.report.metric_tables import DIRECTIONS
from huse.report.page import render
from huse.vision.thumbnails import thumbnails_of

# What a catalogue may hold and a page must not take for anything but text.
NASTY = [
    "<script>window.harmed = 1</script>",
    '</script><img src=x onerror="window.harmed = 1">',
    "it's \"quoted\" & 'quoted' again",
    "lipstick 💄 emoji",
    "אדום שפתון مرحبا",
    "{{ 7 * 7 }} {% raw %} ${x}",
    "datum.a [0] \\ back\nslash",
    "NA",
]


def rows_of_unit_norm(rng, centres):
    rows = centres + rng.normal(scale=0.3, size=centres.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Made:
    """An evaluation of `items` products, all of them test items, in the classes given."""

    def __init__(self, classes, items, dimension=8, seed=0):
        rng = np.random.default_rng(seed)
        self.classes = classes
        numbers = np.concatenate([np.arange(len(classes)), rng.integers(0, len(classes), items - len(classes))])
        centres = rng.normal(size=(len(classes), dimension))[numbers]
        self.split = sections.TestSplit(
            np.arange(items),
            numbers,
            {name: rows_of_unit_norm(rng, centres) for name in ("image", "text")},
            {name: np.ones(items, bool) for name in ("image", "text")},
        )
        self.products = pd.DataFrame(
            {
                "name": [f"{NASTY[row % len(NASTY)]} {row // 2}" for row in range(items)],
                "classes": [classes[number] for number in numbers],
            }
        )
        self.items = pd.DataFrame({"class_index": numbers, "predicted_fusion": np.roll(numbers, 1)})
        self.queries = pd.concat(
            [self.find(rng, *direction.split("_to_")) for direction in DIRECTIONS], ignore_index=True
        )
        counts = np.bincount(numbers, minlength=len(classes))
        self.table = pd.DataFrame({"class_index": range(len(classes)), "classes": classes, "items": counts})
        for name in ("image", "text", "fusion"):
            self.table[f"accuracy_{name}"] = np.where(counts > 0, rng.uniform(size=len(classes)), np.nan)
        pairs = [(classes[0], classes[-1], 3, 0.5)]
        self.pairs = pd.DataFrame(pairs, columns=["actual", "predicted", "items", "share"])
        self.items["confidence_fusion"] = 0.5
        self.tree_settings = []
        self.wanted = rng.uniform(0, 1, size=(len(classes), len(classes))).astype(np.float32)
        self.metrics = metrics()
        steps = np.arange(50, 300, 50)
        self.curves = {
            name: pd.DataFrame({"step": steps, name.rpartition("/")[2]: 1 / steps})
            for name in ("loss", "graph", "validation/recall_at_1", "regions/image_image/both_near")
        }
        self.epochs = pd.DataFrame(
            {"epoch": [1, 2], "loss": [2.0, 1.0], "validation_loss": [2.1, 1.2], "validation_accuracy": [0.2, 0.4]}
        )
        self.rejected = pd.DataFrame(
            {"line": [3, 9], "image": ["a.png", "b.png"], "name": NASTY[:2], "classes": ["x", None]}
            | {"reason": ["no class", "transparency laid on white"], "action": ["left out", "repaired"]}
        )
        self.read = lambda row: None if row % 5 == 4 else Image.new("RGB", (40, 30), (row * 40 % 256, 90, 120))

    def find(self, rng, query, found, shown=10):
        """Neighbours by cosine; the rank is that of the first of the query's class among them."""
        numbers = self.split.classes
        table = {"row": self.split.rows, "query": query, "found": found}
        cosines = self.split.embeddings[query] @ self.split.embeddings[found].T
        if query == found:
            np.fill_diagonal(cosines, -2)
        similarities, neighbours = torch.from_numpy(cosines).topk(min(shown, len(numbers)))
        hits = numbers[neighbours.numpy()] == numbers[:, None]
        ranks = pd.array(np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, shown + 1), dtype="Int64")
        ranks[0] = pd.NA  # a query that was dropped
        shares = pd.array(rng.uniform(size=len(numbers)), dtype="Float64")
        shares[0] = pd.NA
        table |= {"first_rank": ranks, "ahp": shares}
        return pd.DataFrame({**table, "neighbours": neighbours.tolist(), "similarities": similarities.tolist()})

    def parts(self):
        thumbnails = thumbnails_of(self.read)
        return [
            sections.confusion_section(self.classes, self.items, self.pairs, self.table),
            sections.sureness_section(self.metrics),
            sections.gallery_section(self.products, self.queries, thumbnails),
            sections.map_section(self.products, self.split, thumbnails, seed=13),
            sections.rejected_section(self.rejected),
            sections.metrics_section(self.metrics, self.tree_settings),
            sections.baselines_section(self.metrics, self.tree_settings),
            sections.graph_section(self.classes, self.wanted, self.split, self.metrics, trained_on_tree=False),
            sections.training_section(self.curves, self.epochs),
            sections.run_section({"seed": 13, "train": {"graph": {"zeta": None}}}, {"seed": 13}, {"Python": "3.11"}),
        ]

    def facts(self):
        training = pd.DataFrame({"class_index": self.split.classes, "split": "train", "group": self.split.rows})
        names = {"names": len(training), "names_unknown": 0}
        return Facts(self.metrics, self.classes, self.items, self.pairs, training, self.rejected, names)

    def page(self):
        return render({"lead": "Some products.", "answers": answers(self.facts())}, self.parts())


def metrics():
    shares = {"recall_at_1": 0.5, "recall_at_5": 0.75, "recall_at_10": 1.0, "map": 0.4, "ahp": 0.6}
    direction = {**shares, "chance": {name: value / 10 for name, value in shares.items()}, "dropped_queries": 1}
    return {
        "items": 30,
        "classification": {
            "image": {"accuracy": 0.5, "top_5": 0.75},
            "average": {"accuracy": 0.625, "image_weight": 0.25},
            "fusion": {"accuracy": 0.625, "by": "average"},
            "chance": {"accuracy": 0.125},
        },
        "retrieval": dict.fromkeys((*DIRECTIONS, "mean"), direction),
        "space": {"gap": {"mean_distance": 0.25}},
        "selective": {"image": {"aurc": 0.0625, "risk": {"at_50": 0.125, "at_100": 0.5}}},
        "hedging": {
            "image": {
                "precision_90": {"class": 0.5, "level_1": 0.25, "none": 0.25, "accuracy": 0.875, "mean_depth": 1.25},
                "precision_95": {"class": 0.375, "level_1": 0.25, "none": 0.375, "accuracy": 0.875, "mean_depth": 1.0},
                "precision_99": {"class": 0.0, "level_1": 0.0, "none": 1.0, "mean_depth": 0.0},
            }
        },
        "intervals": {"classification": {"image": {"accuracy": {"low": 0.25, "high": 0.75}}}},
        "baselines": {
            "training_items": 1234,
            "image_linear": {"accuracy": 0.75},
            "retrieval": {"mean": {"map": 0.3125}},
            "beside": {
                "classification.image.accuracy": {
                    "ours": 0.5, "baseline": 0.75,
                    "difference": -0.25, "low": -0.375, "high": -0.125,
                },
                "retrieval.mean.map": {
                    "ours": 0.4375, "baseline": 0.3125,
                    "difference": 0.125,
                },
            },
            "rows": [
                {"metric": "classification.image.accuracy", "name": "pictures: accuracy", "by": "a regression"},
                {"metric": "retrieval.mean.map", "name": "retrieval, mean: mAP", "by": "its probabilities"},
            ],
            "remarks": ["behind a baseline, pictures: <b>try</b> more"],
        },
    }  # fmt: skip


def with_products():
    """The same metrics with those per product."""
    retrieval = {"text_to_image": {"recall_at_1": 0.25}, "both_to_both": {"map": 0.625, "chance": {"map": 0.0625}}}
    classification = {"image": {"accuracy": 0.75}, "chance": {"accuracy": 0.25}}
    found = metrics()
    found["product"] = {
        "products": 17,
        "of_several_items": 11,
        "classification": classification,
        "retrieval": retrieval,
    }
    found["intervals"]["product"] = {"classification": {"image": {"accuracy": {"low": 0.5, "high": 1.0}}}}
    return found


@pytest.fixture(scope="session")
def made():
    """Few products, among whose names and classes are the worst that one may meet."""
    classes = ["a b<c \"d\" & 'e'<[x].y", "a b<c \"d\" & 'e'<${z}", "a b<flat", "q<flat", "q<💄 אדום", "constructor"]
    return Made(classes, 30)


@pytest.fixture(scope="session")
def page(made):
    return made.page()
