"""Trains and measures every entry of the comparison, and caches the results.

Part of the edge, like `huse.run.fitting`: it reads artefacts and the cache.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from huse.evaluation import intervals
from huse.evaluation.results import SplitResults
from huse.evaluation.splits import measure_splits
from huse.evaluation.summary import Catalogue
from huse.evaluation.tables import items_table, queries_table
from huse.experiments.methods.entries import COMMON, Changes, Entry
from huse.experiments.runs.groups import Recorded, numbers
from huse.labels.graph import class_distances
from huse.nesting import flatten, nest
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_split, halves
from huse.run.checkpoints import Checkpoint, fingerprint_code
from huse.run.fitting import TRAINING_CODE, Artefacts, Fitting, prepare_fitting
from huse.run.params.reader import parse_section
from huse.run.params.train import TrainParams
from huse.run.place import Run
from huse.taxonomy import ClassTree
from huse.training.loop import VALIDATION, train
from huse.training.validation import score

# The code that a run's result depends on: all that this module imports, directly or not.
CODE = (*TRAINING_CODE, "huse/evaluation", "huse/experiments", "huse/descent.py", "huse/fusion.py", "huse/wording.py")

# The validation score; the metrics and the tables of items of the test split.
Found = tuple[float, Mapping[str, float], intervals.Run]


@dataclass(frozen=True)
class Outcome:
    """The outcome of an entry.

    Attributes:
        entry: the entry.
        chosen: the best setting on validation.
        tried: each setting with its validation score, in grid order.
        runs: of the chosen setting on the test split, one a seed.
    """

    entry: Entry
    chosen: Changes
    tried: list[tuple[Changes, float]]
    runs: list[Recorded]


def with_changes(params: TrainParams, changes: Changes) -> TrainParams:
    """Return the parameters with some replaced.

    Args:
        params: the section ``train``.
        changes: ``graph.zeta_quantile`` to a value.

    Raises:
        InputError: there is no such parameter, or the value does not fit.
    """
    values = nest({**dict(flatten(params.model_dump())), **changes})
    return parse_section(TrainParams, values, where="comparison: train")


class Runner:
    """Trains on one catalogue's artefacts."""

    def __init__(self, here: Run, params: TrainParams, device: torch.device, queries: int | None = None) -> None:
        """Read what to train on.

        Args:
            here: folder of the artefacts; its cache keeps the results, which are not computed again.
            params: steps, batches and optimiser; `COMMON` sets what differs by method.
            device: to train on.
            queries: items that are queries in the evaluation, at most.

        Raises:
            InputError: an artefact is missing, or made from other products.
        """
        self._artefacts = artefacts = Artefacts.read(here)
        self._device, self._folder = device, here.cache / paths.COMPARISON
        self._params = with_changes(params, COMMON)
        labels = artefacts.labels["class_labels"]
        tree = ClassTree.of(artefacts.labels["classes"])
        self._catalogue = Catalogue(labels, tree, class_distances(artefacts.adjacency, labels), queries)
        self._split = fingerprint_split(artefacts.products, "test")
        self._about = {"code": fingerprint_code(CODE), "data": artefacts.fingerprints(here), "device": device.type}
        self._about["queries"] = str(queries)

    def outcome(self, entry: Entry, seeds: Sequence[int]) -> Outcome:
        """Choose the best setting on validation with the first seed, then measure it with every seed."""
        tried = [(setting, self._run(entry, setting, seeds[0])[0]) for setting in entry.grid]
        chosen, _ = max(tried, key=lambda pair: pair[1])
        return Outcome(entry, chosen, tried, [self._run(entry, chosen, seed)[1] for seed in seeds])

    def _run(self, entry: Entry, setting: Changes, seed: int) -> tuple[float, Recorded]:
        """Return the validation score by the criterion, and the test results."""
        params = with_changes(self._params, {**entry.changes, **setting})
        decides = {**self._about, "train": params.model_dump(), "seed": seed}
        content = json.dumps(decides, sort_keys=True)
        place = self._folder / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.json"
        value, metrics, items = _read(place) or self._train(params, seed, decides, place)
        named = {**dict(flatten({"train": params.model_dump()})), "train.seed": seed}
        return value, Recorded(f"{entry.name}, seed {seed}", named, metrics, self._split, items, entry.label)

    def _train(self, params: TrainParams, seed: int, decides: dict[str, Any], place: Path) -> Found:
        fitting = prepare_fitting(self._artefacts, params, seed, self._device)
        with Checkpoint(self._folder / "checkpoints", decides, CODE) as checkpoint:
            settings = fitting.settings  # of the losses and of the loop
            fitted = (fitting.network, fitting.data, fitting.method, settings, settings)
            trained = train(*fitted, seed=seed, checkpoint=checkpoint)
            best = {name.removeprefix(VALIDATION): value for name, value in trained.best().items()}
            value, (metrics, items) = score(best, params.criterion), self._measure(fitting)
            with Outputs() as outputs:
                for file, table in zip(_tables(place), (items.items, items.queries), strict=True):
                    outputs.table(file, table)
                outputs.json(place, {"score": value, "metrics": metrics})
            checkpoint.remove()
        return value, metrics, items

    def _measure(self, fitting: Fitting) -> tuple[Mapping[str, float], intervals.Run]:
        """Return the metrics of the test split, as in the stage `evaluate`, and the tables of its items."""
        embeddings, scores = {}, {}
        for modality, vectors in (("image", fitting.data.images[0]), ("text", fitting.data.texts)):
            embedded = fitting.network.embed(modality, vectors)  # type: ignore[arg-type]
            embeddings[modality], scores[modality] = (values.cpu().numpy() for values in embedded)
        products = self._artefacts.products
        results = SplitResults.of(
            embeddings, scores, products["class_index"].to_numpy(np.int64), there=halves(products)
        )
        split, groups = products["split"].to_numpy(), products["group"].to_numpy()
        _, test = measure_splits(results, split, groups, self._catalogue, seed=0, resamples=0)
        queries = queries_table(test.measured, test.rows).drop(columns=["neighbours", "similarities"])
        return numbers(test.metrics), intervals.Run(items_table(test.measured, test.rows, test.groups), queries)


def _tables(place: Path) -> list[Path]:
    return [place.with_suffix(f".{name}.parquet") for name in ("items", "queries")]


def _read(place: Path) -> Found | None:
    try:
        about = json.loads(place.read_bytes())
        return about["score"], about["metrics"], intervals.Run(*(pd.read_parquet(file) for file in _tables(place)))
    except (OSError, KeyError, TypeError, ValueError):
        return None
