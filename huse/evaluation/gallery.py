"""A picture of what the space finds, for people."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from huse.evaluation.classification import Floats, Integers

RIGHT, WRONG, INK, FAINT = "#1b7f4d", "#c0392b", "#1f2933", "#7b8794"


@dataclass(frozen=True)
class Item:
    """One picture of a product."""

    picture: Path
    name: str
    classes: str


def choose_queries(classes: Integers, count: int, seed: int) -> list[int]:
    """Draw items at random, each of another class while there are classes left.

    Args:
        classes: N class numbers.
        count: how many items.
        seed: of the draw.

    Returns:
        Row numbers, fewer than `count` where there are fewer classes.
    """
    order = np.random.default_rng(seed).permutation(len(classes))
    _, first = np.unique(classes[order], return_index=True)
    return [int(order[position]) for position in sorted(first)[:count]]


def nearest(query: Floats, candidates: Floats, count: int) -> list[int]:
    """Return the rows of the candidates with the highest cosine similarity, best first.

    Args:
        query: D float32, unit norm.
        candidates: N × D float32, unit norm.
        count: how many rows.
    """
    order: list[int] = np.argsort(-(candidates @ query), kind="stable")[:count].tolist()
    return order


def draw_gallery(
    items: Sequence[Item], images: Floats, texts: Floats, queries: Sequence[int], *, found: int, output: Path
) -> None:
    """Draw one line a query: the product, the names nearest to its picture, the pictures nearest to its name.

    The query itself is among the candidates, as in the figures of retrieval between modalities. What is of
    the query's class is marked green, all else red.

    Args:
        items: N items that are queries and candidates.
        images: N × D float32 image embeddings, unit norm.
        texts: N × D float32 text embeddings, unit norm.
        queries: rows to ask for.
        found: how many names and pictures to show for each.
        output: the PNG.
    """
    mpl.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(6.6 + 1.25 * found, 1.75 * len(queries) + 0.5), dpi=110, layout="constrained")
    axes = figure.subplots(len(queries), 2 + found, squeeze=False, gridspec_kw={"width_ratios": [1, 3.6] + [1] * found})
    axes[0, 0].set_title("product", fontsize=9, color=FAINT, loc="left")
    axes[0, 1].set_title("names nearest to its picture", fontsize=9, color=FAINT, loc="left")
    axes[0, 2].set_title("pictures nearest to its name", fontsize=9, color=FAINT, loc="left")
    for line, query in zip(axes, queries, strict=True):
        item = items[query]
        _show_picture(line[0], item, INK)
        _show_names(line[1], item, [items[row] for row in nearest(images[query], texts, found)])
        rows = nearest(texts[query], images, found)
        for axis, row in zip(line[2:], rows, strict=False):
            _show_picture(axis, items[row], RIGHT if items[row].classes == item.classes else WRONG)
        for axis in line[2 + len(rows) :]:
            axis.axis("off")
    figure.savefig(output, format="png", metadata={"Software": None})


def _show_picture(axis: Axes, item: Item, colour: str) -> None:
    with Image.open(item.picture) as picture:
        axis.imshow(picture.convert("RGB"))
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(2.2)
    axis.set_xlabel(item.classes.rpartition("<")[2], fontsize=7.5, color=colour)


def _show_names(axis: Axes, query: Item, found: Sequence[Item]) -> None:
    axis.axis("off")
    own = textwrap.shorten(f"“{query.name}”", 60, placeholder=" …")
    axis.text(0, 0.98, own, fontsize=8.5, weight="bold", color=INK, va="top", transform=axis.transAxes)
    for place, item in enumerate(found):
        name = textwrap.shorten(item.name, 56, placeholder=" …")
        colour = RIGHT if item.classes == query.classes else WRONG
        height = 0.80 - place * 0.8 / max(len(found), 1)
        axis.text(0, height, f"{place + 1}  {name}", fontsize=8, color=colour, va="top", transform=axis.transAxes)
