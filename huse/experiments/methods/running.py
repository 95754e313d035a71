"""Trains and measures every entry of the comparison, and caches the results.

Part of the edge, like `huse.run.fitting`: it reads artefacts and the cache.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from huse.engine.arithmetic import of_torch, refuse_other
from huse.engine.threads import same_threads
from huse.engine.work import Spread
from huse.engine.work import here as in_this_process
from huse.evaluation import intervals
from huse.evaluation.results import SplitResults
from huse.evaluation.splits import EvaluationSettings, measure_splits
from huse.evaluation.summary import Catalogue
from huse.evaluation.tables import items_table, queries_table
from huse.experiments.methods.entries import COMMON, Changes, Entry
from huse.experiments.runs.groups import Recorded, numbers
from huse.nesting import flatten, nest
from huse.progress import progress
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_split, halves
from huse.run.checkpoints import Checkpoint, Forgets, fingerprint_code
from huse.run.fitting import TRAINING_CODE, Artefacts, Fitting, can_learn, prepare_fitting
from huse.run.params.reader import parse_section
from huse.run.params.train import TrainParams
from huse.run.place import Run
from huse.run.relations import relations
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


@dataclass(frozen=True)
class Trial:
    """A training to be measured.

    Attributes:
        params: the section ``train``.
        seed: of weights and batches.
        decides: on its result, beside the code.
    """

    params: TrainParams
    seed: int
    decides: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What its result is known by."""
        content = json.dumps(self.decides, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Trials:
    """The work of training and measuring; see `huse.engine.work.Work`. A batch is a `Trial`.

    Attributes:
        artefacts: to train on.
        catalogue: the classes.
        device: to train on.
        checkpoints: folder of the states of trainings that were killed; None, as elsewhere: they begin again.
        cpus: threads of the machine where the command runs. Elsewhere they are as many, as sums depend on it.
        arithmetic: of that machine; where the work has come to, it must be the same.
    """

    artefacts: Artefacts
    catalogue: Catalogue
    device: torch.device
    checkpoints: Path | None
    cpus: int = field(default_factory=torch.get_num_threads)
    arithmetic: str = field(default_factory=of_torch)

    @property
    def gpus(self) -> int:
        """See `huse.engine.work.Work`."""
        return int(self.device.type == "cuda")

    def __call__(self, batches: Iterable[Trial], /) -> Iterator[Found]:
        """Yield what is found by each; its checkpoint goes when the next one is asked for.

        Raises:
            InputError: parameters do not fit; or this machine may round otherwise.
        """
        refuse_other(self.arithmetic, of_torch())
        for trial in batches:
            if self.checkpoints is None:
                yield self._found(trial, Forgets())
                continue
            with Checkpoint(self.checkpoints, trial.decides, CODE) as checkpoint:
                yield self._found(trial, checkpoint)
                checkpoint.remove()

    def packed(self, batch: Trial, /) -> Trial:
        """Return the batch: it has all that is needed."""
        return batch

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it without the folder, which is here."""
        return Trials, (self.artefacts, self.catalogue, self.device, None, self.cpus, self.arithmetic)

    def _found(self, trial: Trial, checkpoint: Any) -> Found:
        with same_threads(self.cpus):
            fitting = prepare_fitting(self.artefacts, trial.params, trial.seed, self.device)
            settings = fitting.settings  # of the losses and of the loop
            fitted = (fitting.network, fitting.data, fitting.method, settings, settings)
            trained = train(*fitted, seed=trial.seed, checkpoint=checkpoint)
            best = {name.removeprefix(VALIDATION): value for name, value in trained.best().items()}
            return score(best, trial.params.criterion), *self._measured(fitting)

    def _measured(self, fitting: Fitting) -> tuple[Mapping[str, float], intervals.Run]:
        """Return the metrics of the test split, as in the stage `evaluate`, and the tables of its items."""
        embeddings, scores = {}, {}
        for modality, vectors in (("image", fitting.data.images[0]), ("text", fitting.data.texts)):
            embedded = fitting.network.embed(modality, vectors)  # type: ignore[arg-type]
            embeddings[modality], scores[modality] = (values.cpu().numpy() for values in embedded)
        products = self.artefacts.products
        results = SplitResults.of(
            embeddings, scores, products["class_index"].to_numpy(np.int64), there=halves(products)
        )
        split, groups = products["split"].to_numpy(), products["group"].to_numpy()
        _, test = measure_splits(results, split, groups, self.catalogue, seed=0, resamples=0)
        queries = queries_table(test.measured, test.rows).drop(columns=["neighbours", "similarities"])
        return numbers(test.metrics), intervals.Run(items_table(test.measured, test.rows, test.groups), queries)


class Runner:
    """Trains on one catalogue's artefacts."""

    def __init__(self, here: Run, params: TrainParams, device: torch.device, evaluation: EvaluationSettings) -> None:
        """Read what to train on.

        Args:
            here: folder of the artefacts; its cache keeps the results, which are not computed again.
            params: steps, batches and optimiser; `COMMON` sets what differs by method.
            device: to train on.
            evaluation: tree and number of queries of the evaluation.

        Raises:
            InputError: an artefact is missing, or made from other products.
        """
        artefacts = Artefacts.read(here)
        self._folder = here.cache / paths.COMPARISON
        self._params = with_changes(params, COMMON)
        catalogue = relations(here, evaluation, artefacts.labels, artefacts.adjacency)
        self._work = Trials(artefacts, catalogue, device, self._folder / "checkpoints")
        self._split = fingerprint_split(artefacts.products, "test")
        self._about = {"code": fingerprint_code(CODE), "data": artefacts.fingerprints(here), "device": device.type}
        self._about |= {"queries": str(evaluation.queries), "tree": str(catalogue.tree.paths)}

    def can_learn(self, entry: Entry) -> bool:
        """Whether the training split has what the method of an entry learns from."""
        return can_learn(entry.changes["method"], self._work.artefacts.products.query("split == 'train'"))

    def outcome(self, entry: Entry, seeds: Sequence[int]) -> Outcome:
        """Choose the best setting on validation with the first seed, then measure it with every seed."""
        tried = [(setting, self._run(entry, setting, seeds[0])[0]) for setting in entry.grid]
        chosen, _ = max(tried, key=lambda pair: pair[1])
        return Outcome(entry, chosen, tried, [self._run(entry, chosen, seed)[1] for seed in seeds])

    def have_trained(self, entries: Sequence[Entry], seeds: Sequence[int], spread: Spread) -> None:
        """Have all that `outcome` needs of some entries trained together, and keep it."""

        def tracked(work: Trials, trials: Sequence[Trial]) -> Iterator[Found]:
            return iter(progress(spread(work, trials), total=len(trials), description="train", unit="run"))

        first = [(entry, setting, seeds[0]) for entry in entries for setting in entry.grid]
        self._keep(self._new(first), tracked)
        best = [(entry, self.outcome(entry, seeds[:1]).chosen) for entry in entries]
        self._keep(self._new([(*each, seed) for each in best for seed in seeds]), tracked)

    def _new(self, runs: Iterable[tuple[Entry, Changes, int]]) -> list[Trial]:
        """Return those of which nothing is kept, each once."""
        trials = {trial.name: trial for trial in (self._trial(*run) for run in runs)}
        return [trial for trial in trials.values() if _read(self._place(trial)) is None]

    def _trial(self, entry: Entry, setting: Changes, seed: int) -> Trial:
        params = with_changes(self._params, {**entry.changes, **setting})
        return Trial(params, seed, {**self._about, "train": params.model_dump(), "seed": seed})

    def _run(self, entry: Entry, setting: Changes, seed: int) -> tuple[float, Recorded]:
        """Return the validation score by the criterion, and the test results."""
        trial = self._trial(entry, setting, seed)
        value, metrics, items = _read(self._place(trial)) or self._keep([trial], in_this_process)[0]
        named = {**dict(flatten({"train": trial.params.model_dump()})), "train.seed": seed}
        return value, Recorded(f"{entry.name}, seed {seed}", named, metrics, self._split, items, entry.label)

    def _keep(
        self, trials: Sequence[Trial], spread: Callable[[Trials, Sequence[Trial]], Iterator[Found]]
    ) -> list[Found]:
        """Have trials done, keep what they find as it comes, and return it."""
        kept = []
        for trial, found in zip(trials, spread(self._work, trials), strict=True):
            value, metrics, run = found
            with Outputs() as outputs:
                for file, table in zip(_tables(self._place(trial)), (run.items, run.queries), strict=True):
                    outputs.table(file, table)
                outputs.json(self._place(trial), {"score": value, "metrics": metrics})
            kept.append(found)
        return kept

    def _place(self, trial: Trial) -> Path:
        return self._folder / f"{trial.name}.json"


def _tables(place: Path) -> list[Path]:
    return [place.with_suffix(f".{name}.parquet") for name in ("items", "queries")]


def _read(place: Path) -> Found | None:
    try:
        about = json.loads(place.read_bytes())
        return about["score"], about["metrics"], intervals.Run(*(pd.read_parquet(file) for file in _tables(place)))
    except (OSError, KeyError, TypeError, ValueError):
        return None
