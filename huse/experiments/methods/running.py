"""Trains and measures every entry of the comparison, and keeps what it has found.

Part of the edge, like `huse.run.fitting`: it reads artefacts and keeps its results in the cache.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from huse.evaluation.hierarchy import ClassTree
from huse.evaluation.results import SplitResults
from huse.experiments.methods.entries import COMMON, Changes, Entry
from huse.experiments.methods.measuring import Measured, measure, unseen_by_path
from huse.labels.taxonomy import split_path
from huse.progress import progress
from huse.run.artifacts import Outputs
from huse.run.checkpoints import Checkpoint, fingerprint_code
from huse.run.fitting import Artefacts, Fitting, prepare_fitting
from huse.run.params.reader import parse_section
from huse.run.params.train import TrainParams
from huse.training.loop import VALIDATION, train
from huse.training.validation import score

# What a run's result depends on beside parameters and data: all that this module reaches by imports.
CODE = (
    *("huse/engine", "huse/errors.py", "huse/evaluation", "huse/experiments", "huse/files.py", "huse/labels"),
    *("huse/mixup.py", "huse/model", "huse/nesting.py", "huse/progress.py", "huse/run", "huse/training"),
)


@dataclass(frozen=True)
class Outcome:
    """What became of an entry.

    Attributes:
        entry: the entry.
        chosen: the setting that was best on validation.
        tried: the score on validation of each setting, in the order of the grid.
        runs: the chosen setting on the test split, one a seed.
    """

    entry: Entry
    chosen: Changes
    tried: list[float]
    runs: list[Measured]


def with_changes(params: TrainParams, changes: Changes) -> TrainParams:
    """Return the parameters with some replaced.

    Args:
        params: the section ``train``.
        changes: ``graph.zeta_quantile`` to a value.

    Raises:
        InputError: there is no such parameter, or the value does not fit.
    """
    values = params.model_dump()
    for name, value in changes.items():
        *sections, last = name.split(".")
        at = values
        for section in sections:
            at = at[section]
        at[last] = value
    return parse_section(TrainParams, values, where="comparison: train")


class Runner:
    """Trains on one catalogue's artefacts."""

    def __init__(self, artefacts: Artefacts, params: TrainParams, device: torch.device, folder: Path) -> None:
        """Say what to train on.

        Args:
            artefacts: of the catalogue.
            params: steps, batches and optimiser; what tells methods apart is as `COMMON` says.
            device: to train on.
            folder: where results are kept; one that is there is not computed again.
        """
        self._artefacts, self._device, self._folder = artefacts, device, folder
        self._params = with_changes(params, COMMON)
        self._tree = ClassTree.of([split_path(path) for path in artefacts.labels["classes"]])
        self._about = {"code": fingerprint_code(CODE), "data": artefacts.fingerprints(), "device": device.type}

    def outcome(self, entry: Entry, seeds: Sequence[int]) -> Outcome:
        """Choose the setting that is best on validation with the first seed, and measure it with every seed."""
        tried = [self._run({**entry.changes, **setting}, seeds[0])[0] for setting in entry.grid]
        chosen = entry.grid[int(np.argmax(tried))]
        runs = [self._run({**entry.changes, **chosen}, seed)[1] for seed in seeds]
        return Outcome(entry, chosen, tried, runs)

    def _run(self, changes: Changes, seed: int) -> tuple[float, Measured]:
        """Return the score on validation by the declared criterion, and what is measured on test."""
        params = with_changes(self._params, changes)
        decides = {**self._about, "train": params.model_dump(), "seed": seed}
        content = json.dumps(decides, sort_keys=True)
        place = self._folder / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.safetensors"
        kept = _read(place)
        if kept is not None:
            return kept
        fitting = prepare_fitting(self._artefacts, params, seed, self._device)
        with Checkpoint(self._folder / "checkpoints", decides, CODE) as checkpoint:
            trained = train(
                fitting.network,
                fitting.data,
                fitting.method,
                fitting.losses,
                fitting.settings,
                seed=seed,
                checkpoint=checkpoint,
            )
            best = {name.removeprefix(VALIDATION): value for name, value in trained.best().items()}
            value, measured = score(best, params.criterion), self._measure(fitting)
            _write(place, value, measured)
            checkpoint.remove()
        return value, measured

    def _measure(self, fitting: Fitting) -> Measured:
        embeddings, scores = {}, {}
        for modality, vectors in (("image", fitting.data.images[0]), ("text", fitting.data.texts)):
            embedded = fitting.network.embed(modality, vectors)  # type: ignore[arg-type]
            embeddings[modality], scores[modality] = (values.cpu().numpy() for values in embedded)
        products = self._artefacts.products
        results = SplitResults(embeddings, scores, products["class_index"].to_numpy(np.int64))
        validation, test = (
            results.rows(np.flatnonzero(products["split"] == split)) for split in ("validation", "test")
        )
        measured = measure(validation, test, self._artefacts.labels["class_labels"], self._tree)
        unseen = unseen_by_path(results, products["split"].to_numpy(), self._tree.paths)
        return Measured({**measured.figures, **unseen}, measured.queries)


def compare(runner: Runner, entries: Sequence[Entry], seeds: Sequence[int]) -> Iterable[Outcome]:
    """Yield the outcome of one entry after the other."""
    with progress(total=len(entries), description="compare", unit="method") as bar:
        for entry in entries:
            outcome = runner.outcome(entry, seeds)
            bar.update()
            logging.info("%s: best on validation with %s", entry.name, dict(outcome.chosen))
            yield outcome


def _write(place: Path, value: float, measured: Measured) -> None:
    about: dict[str, Any] = {"score": value, "figures": measured.figures}
    with Outputs() as outputs:
        save_file(measured.queries, outputs.path(place), {"about": json.dumps(about)})


def _read(place: Path) -> tuple[float, Measured] | None:
    try:
        with safe_open(place, "np") as file:
            about = json.loads(file.metadata()["about"])
        return about["score"], Measured(about["figures"], load_file(place))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
