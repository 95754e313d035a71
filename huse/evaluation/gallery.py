"""An image of nearest neighbours in the space."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from huse.evaluation.classification import Floats, Integers
from huse.taxonomy import split_path

RIGHT, WRONG, INK, FAINT = "#1b7f4d", "#c0392b", "#1f2933", "#7b8794"


@dataclass(frozen=True)
class Item:
    """One picture of a product.

    Attributes:
        picture: reads it, 8-bit RGB; called only if drawn.
        name: of the product.
        classes: its class path.
    """

    picture: Callable[[], Image.Image]
    name: str
    classes: str

    @property
    def leaf(self) -> str:
        """The last level of the class path."""
        return split_path(self.classes)[-1]


def choose_queries(classes: Integers, count: int, seed: int) -> list[int]:
    """Draw items at random, each from another class.

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
    """Draw one row a query: the product, the names nearest to its picture, the pictures nearest to its name.

    The query itself is a candidate, as in retrieval between modalities. A name that several pictures share is shown
    once. Hits of the query's class are green; others are red, with their class.

    Args:
        items: N items that are queries and candidates.
        images: N × D float32 image embeddings, unit norm.
        texts: N × D float32 text embeddings, unit norm.
        queries: rows to ask for.
        found: how many names and pictures to show for each.
        output: the PNG.
    """
    mpl.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(6.6 + 1.25 * found, 1.75 * len(queries) + 0.3), dpi=110, layout="constrained")
    grid = {"width_ratios": [1, 3.6] + [1] * found, "height_ratios": [0.08] + [1] * len(queries)}
    heads, *axes = figure.subplots(1 + len(queries), 2 + found, squeeze=False, gridspec_kw=grid)
    for head in heads:
        head.axis("off")
    titles = ("product", "names nearest to its picture", "pictures nearest to its name")
    for head, title in zip(heads, titles, strict=False):
        # A title wider than its column must not widen it.
        head.text(0, 0, title, fontsize=9, color=FAINT, transform=head.transAxes, in_layout=False)
    for line, query in zip(axes, queries, strict=True):
        item = items[query]
        _show_picture(line[0], item, INK)
        _show_names(line[1], item, _first_of_each_name(items, nearest(images[query], texts, len(items)), found))
        rows = nearest(texts[query], images, found)
        for axis, row in zip(line[2:], rows, strict=False):
            _show_picture(axis, items[row], RIGHT if items[row].classes == item.classes else WRONG)
        for axis in line[2 + len(rows) :]:
            axis.axis("off")
    figure.savefig(output, format="png", metadata={"Software": None})


def _first_of_each_name(items: Sequence[Item], rows: Sequence[int], count: int) -> list[Item]:
    """Return the first `count` items with different names."""
    first: dict[str, Item] = {}
    for row in rows:
        first.setdefault(items[row].name, items[row])
    return list(first.values())[:count]


def _show_picture(axis: Axes, item: Item, colour: str) -> None:
    axis.imshow(np.asarray(item.picture()))
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(2.2)
    axis.set_xlabel(item.leaf, fontsize=7.5, color=colour)


def _show_names(axis: Axes, query: Item, found: Sequence[Item]) -> None:
    axis.axis("off")
    own = textwrap.shorten(f"“{query.name}”", 60, placeholder=" …")
    axis.text(0, 0.98, own, fontsize=8.5, weight="bold", color=INK, va="top", transform=axis.transAxes)
    for place, item in enumerate(found):
        right = item.classes == query.classes
        name = textwrap.shorten(item.name, 50, placeholder=" …")
        shown = f"{place + 1}  {name}" + ("" if right else f"  ({item.leaf})")
        axis.text(
            0,
            0.80 - place * 0.8 / len(found),
            shown,
            fontsize=8,
            color=RIGHT if right else WRONG,
            va="top",
            transform=axis.transAxes,
        )
