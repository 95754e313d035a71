"""A picture of the distances between labels, in the order of the class tree.

K labels. A graph that fits the tree shows dark squares along the diagonal: labels of one branch lie near each other.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from huse.labels.graph import Distances, off_diagonal
from huse.labels.schemes import Labels, label_nodes, label_order

INK, FAINT, LINE = "#1f2933", "#7b8794", "#ffffff"
COLOURS = "YlGnBu_r"  # dark is near

MOST_NAMED = 60  # labels; of more the names would not be readable
MOST_CELLS = 300  # a side; of more labels, several share a cell
MOST_LINES = 60  # branches; of more, the lines would hide the cells
SIDE = 6.6  # inches, of the matrix
DOTS = 120  # an inch
NAME_WIDTH = 24  # characters
BRANCH_SIZE = 9.0  # points, of a branch's name


@dataclass(frozen=True)
class Branch:
    """Labels below one first level of the tree, which lie next to each other.

    Attributes:
        name: the first level.
        start: place of its first label, in cells.
        stop: place after its last label.
    """

    name: str
    start: float
    stop: float

    @property
    def middle(self) -> float:
        """Where the name stands."""
        return (self.start + self.stop) / 2


def draw_heat_map(distances: Distances, labels: Labels, output: Path, *, title: str = "Distances of labels") -> None:
    """Draw the distances of all pairs of labels, a coloured cell each.

    Labels are in the order of `huse.labels.schemes.label_order`. Up to 60 are named; branches of the tree (its
    first levels) are named as far as there is room, larger ones first, and parted by lines. More than 300 labels
    are drawn as 300 × 300 means.

    Args:
        distances: K × K float32, K ≥ 2, symmetric, diagonal 0.
        labels: K labels.
        output: the PNG; the same arguments give the same bytes.
        title: what the labels and their distances are.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # a user's own settings would change the bytes
        mpl.rcParams["font.family"] = "DejaVu Sans"
        warnings.filterwarnings("ignore", "Glyph .* missing")  # names in other scripts show as boxes
        _draw(distances, labels, output, title)


def _draw(distances: Distances, labels: Labels, output: Path, title: str) -> None:
    order, nodes = label_order(labels), label_nodes(labels)
    paths = [nodes[index][0] for index in order]
    cells = mean_cells(distances, order, MOST_CELLS)
    branches = find_branches([path[0] for path in paths], len(cells) / len(paths))
    figure = Figure(figsize=(SIDE + 3, SIDE + 2), dpi=DOTS, layout="constrained")
    axes = figure.subplots()
    low, high = colour_range(cells)
    colours = mpl.colormaps[COLOURS].resampled(64)  # more are not told apart, and make a larger file
    edges = (0, len(cells), len(cells), 0)
    image = axes.imshow(cells, cmap=colours, vmin=low, vmax=high, interpolation="nearest", extent=edges)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    named = len(paths) <= MOST_NAMED
    if named:
        _name_labels(axes, [path[-1] for path in paths])
    # Where every branch is one label, its name is there already.
    if not named or len(branches) < len(paths):
        _mark_branches(axes, branches, len(cells))
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.45, aspect=36, pad=0.025)
    bar.set_label("distance (dark is near)", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, color=FAINT, labelcolor=INK)
    bar.ax.spines["outline"].set_visible(False)
    note = f"{len(paths):,} labels in the order of the class tree"
    if len(cells) < len(paths):
        note += f", about {len(paths) / len(cells):.0f} a cell (mean)"
    axes.set_title(f"{title}\n", loc="left", fontsize=13, weight="bold", color=INK, parse_math=False)
    axes.text(0, 1.015, note, fontsize=9, color=FAINT, va="bottom", transform=axes.transAxes)
    drawn = BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight", pad_inches=0.2)
    # 256 colours are all but those of the letters' edges, in less than half the bytes.
    picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(output, format="PNG", optimize=True)


def mean_cells(distances: Distances, order: Sequence[int], most: int) -> Distances:
    """Put a matrix in order and, where it is large, average neighbours.

    Args:
        distances: K × K float32.
        order: K indices.
        most: cells a side.

    Returns:
        min(K, most) cells a side, float32; cell i takes the rows from ⌊i K / most⌋ to ⌊(i + 1) K / most⌋.
    """
    places = np.array(order, np.int64)
    if len(places) <= most:
        return distances[np.ix_(places, places)]
    bounds = np.arange(most + 1) * len(places) // most
    rows = [distances[places[start:stop]].mean(axis=0)[places] for start, stop in pairwise(bounds.tolist())]
    sums = np.add.reduceat(np.array(rows), bounds[:-1], axis=1)
    cells: Distances = (sums / np.diff(bounds)).astype(np.float32)
    return cells


def find_branches(first_levels: Sequence[str], scale: float) -> list[Branch]:
    """Find runs of labels with the same first level.

    Args:
        first_levels: first level of each of the K labels, in tree order.
        scale: cells a label.
    """
    branches, start = [], 0
    for name, run in groupby(first_levels):
        stop = start + len(list(run))
        branches.append(Branch(name, start * scale, stop * scale))
        start = stop
    return branches


def choose_named(branches: Sequence[Branch], distance: float) -> list[Branch]:
    """Choose the branches whose names fit below each other, larger ones first, of equal ones the first.

    Args:
        branches: all branches.
        distance: that the middles of two names need, in cells.
    """
    chosen: list[Branch] = []
    for branch in sorted(branches, key=lambda branch: branch.start - branch.stop):
        if all(abs(branch.middle - other.middle) >= distance for other in chosen):
            chosen.append(branch)
    return sorted(chosen, key=lambda branch: branch.start)


def colour_range(cells: Distances) -> tuple[float, float]:
    """Choose the distances that get the darkest and the lightest colour.

    Nearly the smallest and the largest off the diagonal: few outliers shall not take the contrast from the rest.

    Args:
        cells: a matrix with at least 2 rows.

    Returns:
        Two numbers, the second one larger.
    """
    low, high = np.quantile(off_diagonal(cells), [0.005, 0.995]).tolist()
    if high - low > 1e-6:
        return low, high
    return 0.0, max(high, 1e-6)


def _name_labels(axes: Axes, names: Sequence[str]) -> None:
    size = float(np.clip(72 * SIDE / len(names) * 0.68, 5.5, 9))
    shown, middles = [_shorten(name) for name in names], np.arange(len(names)) + 0.5
    axes.set_xticks(middles, shown, rotation=90, fontsize=size, color=INK, parse_math=False)
    axes.set_yticks(middles, shown, fontsize=size, color=INK, parse_math=False)


def _mark_branches(axes: Axes, branches: Sequence[Branch], cells: int) -> None:
    """Part branches by lines, and name them on the right with a bar along each."""
    if len(branches) <= MOST_LINES:
        for branch in branches[1:]:
            axes.axhline(branch.start, color=LINE, linewidth=1.1)
            axes.axvline(branch.start, color=LINE, linewidth=1.1)
    beside = axes.get_yaxis_transform()  # x in widths of the matrix, y in cells
    cell = 72 * SIDE / cells  # points
    for branch in choose_named(branches, 1.3 * BRANCH_SIZE / cell):
        gap = min(0.15 * (branch.stop - branch.start), 2 / cell)
        along = [branch.start + gap, branch.stop - gap]
        axes.plot([1.012] * 2, along, color=FAINT, linewidth=2, solid_capstyle="butt", clip_on=False, transform=beside)
        text: dict[str, Any] = {
            "fontsize": BRANCH_SIZE,
            "color": INK,
            "va": "center",
            "parse_math": False,
            "transform": beside,
        }
        axes.text(1.025, branch.middle, _shorten(branch.name), **text)


def _shorten(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 1].rstrip()}…"
