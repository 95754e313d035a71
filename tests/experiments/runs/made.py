"""Runs made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd

from huse.evaluation.intervals import Run
from huse.experiments.runs.groups import Recorded


def tables(right):
    """What a run did to items: whether images, texts and both were right; every product is found at once."""
    rows = np.arange(len(right))
    correct = {f"correct_{name}": np.asarray(right, float) for name in ("image", "text", "fusion")}
    items = pd.DataFrame({"row": rows, "group": rows, **correct})
    metrics = {name: np.ones(len(right)) for name in ("average_precision", "ahp", "hp_at_2", "hp_at_5", "hp_at_10")}
    ranks = pd.array(np.ones(len(right), int), dtype="Int64")
    queries = pd.DataFrame({"row": rows, "query": "image", "found": "text", "first_rank": ranks, **metrics})
    return Run(items, queries)


def recorded(name, right, *, seed=13, train_seed=None, beta=10, split="one", at_hand=True, label="", **more):
    metrics = {"classification.image.accuracy": float(np.mean(right)), "retrieval.mean.map": 1.0}
    params = {"seed": seed, "train.seed": train_seed, "train.beta": beta, **more}
    return Recorded(name, params, metrics, split, tables(right) if at_hand else None, label)


def with_baseline(run, right, prefix="baseline_"):
    """Add the columns of a baseline that is right about those items, and finds every product second."""
    baseline = tables(right)
    baseline.queries["first_rank"] += 1
    items, queries = (
        pd.concat([own, other.drop(columns=[name for name in ("row", "group", "query", "found") if name in other])
                   .add_prefix(prefix)], axis=1)
        for own, other in ((run.items.items, baseline.items), (run.items.queries, baseline.queries))
    )  # fmt: skip
    return replace(run, items=Run(items, queries))
