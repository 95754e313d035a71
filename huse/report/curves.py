"""Curves of training, grouped into charts.

A curve is a table with a column of steps or epochs and a column of values; curves of one folder share a chart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from huse.report.metric_tables import readable

PAIRS = "share of pairs"
# Folder of the curves: title, label of the values, caption.
KNOWN = {
    "": (
        "Loss",
        "loss",
        "Terms before weighting, and their weighted sum, on training batches. The scale is logarithmic.",
    ),
    "validation": ("Validation", "share", "Metrics on the validation split; the best state by them was kept."),
    "regions/image_image": ("Semantic graph, two pictures", PAIRS, "Pairs in each region of the graph loss's σ."),
    "regions/text_text": ("Semantic graph, two names", PAIRS, "Pairs in each region of σ."),
    "regions/image_text": ("Semantic graph, picture and name", PAIRS, "Pairs in each region of σ."),
}
MOST_POINTS = 300  # of a curve; with more, evenly spaced ones are shown


@dataclass(frozen=True)
class Picture:
    """Curves that share their axes.

    Attributes:
        x: label of the steps or epochs.
        y: label of the values.
        points: columns `x`, `y` and `curve`.
        logarithmic: whether the values have a logarithmic scale.
    """

    title: str
    caption: str
    x: str
    y: str
    points: pd.DataFrame
    logarithmic: bool


def training_pictures(curves: Mapping[str, pd.DataFrame]) -> list[Picture]:
    """Group the curves of training by folder.

    Args:
        curves: by their names, such as ``validation/recall_at_1``; each with a column `step` and one of the last
            part of its name.

    Returns:
        Known folders first, in their order, then others by name. Empty curves are left out.
    """
    folders: dict[str, list[pd.DataFrame]] = {}
    for name in sorted(curves):
        folder, leaf = str(PurePosixPath(name).parent), PurePosixPath(name).name
        points = thin(curves[name][["step", leaf]].set_axis(["x", "y"], axis=1).dropna(), MOST_POINTS)
        if len(points):
            folders.setdefault("" if folder == "." else folder, []).append(points.assign(curve=readable(leaf)))
    order = [folder for folder in KNOWN if folder in folders] + sorted(set(folders) - set(KNOWN))
    pictures = []
    for folder in order:
        points = pd.concat(folders[folder], ignore_index=True)
        title, y, caption = KNOWN.get(folder, (folder.replace("/", ", ").replace("_", " "), "value", ""))
        logarithmic = folder == "" and bool((points["y"] > 0).all())
        pictures.append(Picture(title, caption, "step", y, points, logarithmic))
    return pictures


def finetuning_pictures(epochs: pd.DataFrame) -> list[Picture]:
    """Make the charts of fine-tuning: losses, accuracy.

    Args:
        epochs: columns `epoch`, `loss`, `validation_loss`, `validation_accuracy`; no rows where it was off.
    """
    if epochs.empty:
        return []
    pictures = []
    for title, y, columns, caption in (
        ("Fine-tuning: loss", "loss", ["loss", "validation_loss"], "Of the image network, a value an epoch."),
        ("Fine-tuning: accuracy", "accuracy", ["validation_accuracy"], "Of the image network alone, on validation."),
    ):
        points = epochs.melt("epoch", columns, "curve", "y").rename(columns={"epoch": "x"}).dropna()
        points["curve"] = [readable(name) for name in points["curve"]]
        pictures.append(Picture(title, caption, "epoch", y, points, logarithmic=False))
    return pictures


def thin(points: pd.DataFrame, most: int) -> pd.DataFrame:
    """Keep at most `most` rows at even spacing, the first and the last among them."""
    if len(points) <= most:
        return points
    return points.iloc[[place * (len(points) - 1) // (most - 1) for place in range(most)]]
