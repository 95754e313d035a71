"""A picture of runs beside each other: a panel a metric, a row a group, a dot a run."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from huse.experiments.runs.groups import Difference, Group
from huse.experiments.runs.tables import METRICS

INK, FAINT, GRID, PANEL = "#1f2933", "#7b8794", "#e1e6ea", "#f6f8f9"
OTHER, BASE = "#2f6f8f", "#b5651d"
WIDTH, HEIGHT, EDGES, LABEL = 1.85, 0.42, 1.25, 0.085  # inches: a panel, a row, above and below, a letter of a label
MOST_LETTERS = 44
DOTS = 150  # an inch


def draw_runs(groups: Sequence[Group], differences: Sequence[Difference | None], split: str, output: Path) -> None:
    """Draw the headline metrics: every run as a dot, the mean over seeds with its deviation.

    Args:
        groups: at most some dozens.
        differences: of each group; None of the baseline, which has a colour of its own.
        split: that was measured, for the title.
        output: the PNG.
    """
    shown = [metric for metric in METRICS if any(group.values(metric) for group in groups)]
    labels = [_shortened(group.label) for group in groups]
    left = 0.3 + LABEL * max(map(len, labels))
    width, height = left + WIDTH * len(shown) + 0.2, EDGES + HEIGHT * len(groups)
    figure = Figure(figsize=(width, height), dpi=DOTS, facecolor="white")
    for place, name in enumerate(shown):
        bounds = ((left + WIDTH * place) / width, 0.55 / height, (WIDTH - 0.25) / width, (height - EDGES) / height)
        axes = figure.add_axes(bounds)
        _panel(axes, groups, differences, name)
        axes.set_title(METRICS[name], fontsize=9, color=INK, loc="left")
        axes.set_yticks(range(len(groups)), labels if place == 0 else [""] * len(groups), fontsize=8, color=INK)
    title = f"{split} split, percent: a dot a run; the mean over seeds and its standard deviation"
    figure.text(0.1 / width, 1 - 0.28 / height, title, fontsize=9, color=FAINT, va="center")
    figure.savefig(output, format="png", metadata={"Software": None})


def _panel(axes: Axes, groups: Sequence[Group], differences: Sequence[Difference | None], metric: str) -> None:
    for row, (group, difference) in enumerate(zip(groups, differences, strict=True)):
        values = [100 * value for value in group.values(metric)]
        if not values:
            continue
        colour = BASE if difference is None else OTHER
        mean, deviation = 100 * group.mean(metric), 100 * group.deviation(metric)
        axes.plot([mean - deviation, mean + deviation], [row, row], color=colour, linewidth=2.2, alpha=0.55)
        axes.plot(values, [row] * len(values), "o", color=colour, markersize=3.2, alpha=0.6, markeredgewidth=0)
        axes.plot([mean], [row], "|", color=colour, markersize=11, markeredgewidth=2)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.tick_params(axis="x", labelsize=7, colors=FAINT, length=0)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_facecolor(PANEL)  # tells where one panel ends and the next begins
    for side in axes.spines.values():
        side.set_visible(False)


def _shortened(label: str) -> str:
    return label if len(label) <= MOST_LETTERS else f"{label[: MOST_LETTERS - 1]}…"
