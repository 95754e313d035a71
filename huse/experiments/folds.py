"""Probabilities of classified products by models that were fitted without them: k folds.

In each fold, towers and logistic regressions learn from the products of all others. The vectors of encoders are given,
so a fold takes seconds. Where an encoder was fine-tuned on these classes, it has seen the labels, and only towers and
regressions are out of sample.

Letters: N rows, one a picture; M filings, each a product under one class; F features, C classes, D dimension of the
shared space, K neighbours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

from huse.engine.arithmetic import of_numpy, of_torch, refuse_other
from huse.engine.threads import in_threads, same_threads
from huse.engine.work import Spread, here
from huse.errors import InputError
from huse.evaluation.baselines import standardised
from huse.evaluation.calibration import choose_log_linear, fit_temperature
from huse.evaluation.linear import Block, fit_path, probabilities, rows_of
from huse.evaluation.results import MODALITIES
from huse.experiments.presets import read_preset
from huse.fusion import mean_direction, mean_scores, temper
from huse.progress import Progress, progress
from huse.run.baselines import ngram_blocks
from huse.run.checkpoints import Forgets
from huse.run.fitting import Artefacts, prepare_fitting
from huse.run.params.reader import parse_section
from huse.run.params.train import TrainParams
from huse.taxonomy import Bools
from huse.training.loop import train
from huse.wording import counted

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

FOLDS = 5
LEAST_PRODUCTS = 10  # of fewer there is nothing to learn
BATCH, STEPS, PASSES = 256, 200, 8  # of the towers: steps at least, and passes over the rows
STRENGTH, LINEAR_STEPS = 10.0, 10  # C of the regressions, and half of their steps
TOWERS = 0.6  # weight of the towers' probabilities in the mean with those of the regressions
NEIGHBOURS = 10
BLOCK = 256  # filings whose neighbours are looked for together


@dataclass(frozen=True)
class Filed:
    """Classified products as encoders see them: N rows, one a picture, in an order that is theirs alone.

    Attributes:
        images: N × F float32; rows without a picture do not count.
        texts: N × F' float32, of the names.
        names: N, empty where there is none.
        pictured: N, which rows have a picture.
        products: N product numbers.
        classes: N class numbers.
        paths: C class paths, sorted.
    """

    images: Floats
    texts: Floats
    names: Sequence[str]
    pictured: Bools
    products: Integers
    classes: Integers
    paths: Sequence[str]

    @cached_property
    def there(self) -> dict[str, Bools]:
        """Which rows have a picture, `image`, and which a name, `text`."""
        return {"image": self.pictured, "text": np.array([name != "" for name in self.names], dtype=bool)}

    @cached_property
    def filings(self) -> Integers:
        """For each of N rows the number of its filing, counted in the order of first appearance."""
        return pd.factorize(pd.Series(self.products * len(self.paths) + self.classes))[0].astype(np.int64)

    @cached_property
    def first(self) -> Integers:
        """The first row of each of M filings."""
        return np.unique(self.filings, return_index=True)[1].astype(np.int64)

    @cached_property
    def filed(self) -> Integers:
        """The class number of each of M filings."""
        return self.classes[self.first]


@dataclass(frozen=True)
class OutOfSample:
    """What is known of M filings by models that were fitted without their products.

    Attributes:
        towers: `both`, `image` and `text`, each M × C float32, calibrated; a row of NaN where the product lacks that.
        regressions: the same of logistic regressions.
        probabilities: the mean of the two.
        neighbours: M × K filings of other folds, the nearest in the space of the fold first; -1: there are no more.
        similarities: M × K float32, their cosines.
    """

    towers: Mapping[str, Floats]
    regressions: Mapping[str, Floats]
    probabilities: Mapping[str, Floats]
    neighbours: Integers
    similarities: Floats


def out_of_sample(filed: Filed, seed: int, spread: Spread = here) -> OutOfSample:
    """Fit on all folds but one, and score that one.

    Args:
        filed: the products.
        seed: of folds and weights.
        spread: has folds done.

    Raises:
        InputError: there are too few products or classes to learn from.
    """
    check(filed)
    fold = assign_folds(filed.products, filed.classes, FOLDS, seed)
    scores, neighbours, similarities = _towers(filed, fold, seed, spread)
    towers = _calibrated(filed, scores)
    regressions = _calibrated(filed, _regressions(filed, fold, spread))
    mean = {name: TOWERS * of + (1 - TOWERS) * regressions[name] for name, of in towers.items()}
    return OutOfSample(towers, regressions, mean, neighbours, similarities)


def check(filed: Filed) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        InputError: says what there is too little of.
    """
    if len(filed.paths) < 2:
        raise InputError(
            f"expected at least 2 classes, found {len(filed.paths)}: {', '.join(filed.paths)}. There is nothing to "
            "tell apart."
        )
    products = len(np.unique(filed.products))
    if products < LEAST_PRODUCTS:
        raise InputError(f"expected at least {LEAST_PRODUCTS} products to learn from, found {products}. Give more.")


def assign_folds(products: Integers, classes: Integers, count: int, seed: int) -> Integers:
    """Return the fold of each row: all rows of a product in one, the products of a class evenly over all.

    Args:
        products: N product numbers from 0 on.
        classes: N class numbers; that of a product's first row counts.
        count: of folds.
        seed: of the draw.
    """
    numbers, first = np.unique(products, return_index=True)
    drawn = np.random.default_rng(seed).random(len(numbers))
    fold = np.empty(len(numbers), np.int64)
    fold[np.lexsort([drawn, classes[first]])] = np.arange(len(numbers)) % count
    return fold[np.searchsorted(numbers, products)]


def _towers(filed: Filed, fold: Integers, seed: int, spread: Spread) -> tuple[dict[str, Floats], Integers, Floats]:
    """Return the scores of both modalities, N × C, by towers without the row's fold; and the neighbours of filings."""
    scores = _no_scores(filed)
    neighbours = np.full((len(filed.filed), NEIGHBOURS), -1, np.int64)
    similarities = np.zeros((len(filed.filed), NEIGHBOURS), np.float32)
    settings = {number: _settings(int((fold != number).sum())) for number in np.unique(fold).tolist()}
    with progress(total=sum(of.steps for of in settings.values()), description="folds", unit="step") as bar:
        work = Towers(filed, fold, settings, seed, bar=bar)
        for number, found in zip(settings, spread(work, settings), strict=True):
            for name, those in found.scores.items():
                scores[name][(fold == number) & filed.there[name]] = those
            of_fold = fold[filed.first] == number
            queries, others = np.flatnonzero(of_fold), np.flatnonzero(~of_fold)
            width = found.places.shape[1]
            neighbours[queries, :width], similarities[queries, :width] = others[found.places], found.cosines
            if spread is not here:
                bar.update(settings[number].steps)
    return scores, neighbours, similarities


def _no_scores(filed: Filed) -> dict[str, Floats]:
    return {name: np.full((len(filed.classes), len(filed.paths)), np.nan, np.float32) for name in MODALITIES}


@dataclass(frozen=True)
class Scored:
    """What is known of the rows of a fold by towers that were fitted without it.

    Attributes:
        scores: `image` and `text`, of its rows that have one, n × C float32.
        places: of the K filings, among those of other folds, that are nearest to each filing of the fold.
        cosines: the same shape, float32.
    """

    scores: Mapping[str, Floats]
    places: Integers
    cosines: Floats


@dataclass(frozen=True, eq=False)
class Towers:
    """The work of fitting towers on all folds but one, and scoring that one; see `huse.engine.work.Work`.

    A batch is the number of a fold.

    Attributes:
        filed: the products.
        fold: of each of N rows.
        settings: of the towers without a fold, by its number.
        seed: of weights; each fold adds its number.
        cpus: threads of the machine where the command runs. Elsewhere they are as many, as sums depend on it.
        arithmetic: of that machine; where the work has come to, it must be the same.
        bar: counts the steps, where the command runs.
    """

    gpus: ClassVar[int] = 0

    filed: Filed
    fold: Integers
    settings: Mapping[int, TrainParams]
    seed: int
    cpus: int = field(default_factory=torch.get_num_threads)
    arithmetic: str = field(default_factory=of_torch)
    bar: Progress[None] | None = None

    def __call__(self, batches: Iterable[int], /) -> Iterator[Scored]:
        """Yield what is known of each fold.

        Raises:
            InputError: this machine may round otherwise.
        """
        refuse_other(self.arithmetic, of_torch())
        for number in batches:
            with same_threads(self.cpus):
                scored = self._scored(number)
            yield scored

    def packed(self, batch: int, /) -> int:
        """Return the batch: it has all that is needed."""
        return batch

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it without the bar, which is on the terminal."""
        return Towers, (self.filed, self.fold, self.settings, self.seed, self.cpus, self.arithmetic)

    def _scored(self, number: int) -> Scored:
        filed, out = self.filed, self.fold == number
        if self.bar is not None:
            learned = counted(len(np.unique(filed.products[~out])), "product")
            self.bar.describe(f"fold {number + 1} of {FOLDS}: learning from {learned}")
        network = _fit(filed, out, self.settings[number], self.seed + number, self.bar)
        halves, scores = [], {}
        for name, vectors in zip(MODALITIES, (filed.images, filed.texts), strict=True):
            embeddings, found = network.embed_arrays(name, vectors)
            there = filed.there[name]
            scores[name] = found[out & there]
            halves.append(np.where(there[:, None], embeddings, np.float32(np.nan)))
        whole = mean_direction(np.concatenate(halves), np.tile(filed.filings, 2))
        of_fold = out[filed.first]
        return Scored(scores, *_nearest(whole[of_fold], whole[~of_fold]))


def _fit(filed: Filed, out: Bools, settings: TrainParams, seed: int, bar: Progress[None] | None) -> Any:
    """Train towers on the rows of other folds, and return the network.

    The state after the last step is taken, so nothing is chosen on what is left out: it is validated once, in the end.
    """
    count, classes = len(out), list(filed.paths)
    products = pd.DataFrame(
        {
            "row": np.arange(count),
            "image": np.where(filed.pictured, "picture", ""),
            "name": list(filed.names),
            "classes": [classes[number] for number in filed.classes],
            "class_index": filed.classes,
            "split": np.where(out, "validation", "train"),
        }
    )
    labels = {
        "scheme": "leaf",
        "labels": classes,
        "classes": classes,
        "class_labels": [[number] for number in range(len(classes))],
    }
    none = np.zeros((len(classes), len(classes)), np.float32)  # the settings below take distances from the tree
    artefacts = Artefacts(products, filed.images[None], filed.texts, labels, none, none)
    fitting = prepare_fitting(artefacts, settings, seed, torch.device("cpu"))
    about = (fitting.settings, fitting.settings)  # of the losses and of the loop
    train(fitting.network, fitting.data, fitting.method, *about, seed=seed, checkpoint=Forgets(), bar=bar)
    return fitting.network


def _settings(rows: int) -> TrainParams:
    """Return the settings of the preset `products`, for so few steps that no single wrong class is learned by heart."""
    steps = max(STEPS, PASSES * rows // BATCH)
    changes = {"batch_size": BATCH, "steps": steps, "validate_every": steps, "criterion": "accuracy", "class_pull": 0}
    return parse_section(TrainParams, {**read_preset("products")["train"], **changes}, where="folds")


def _regressions(filed: Filed, fold: Integers, spread: Spread) -> dict[str, Floats]:
    """Return the scores of logistic regressions on picture vectors and on n-grams of names, N × C, out of sample."""
    scores, names = _no_scores(filed), list(filed.names)
    work = Regressions(filed, fold, ngram_blocks(names, [name for name in names if name]))
    jobs = [(number, name) for number in range(FOLDS) for name in MODALITIES]
    done = progress(spread(work, jobs), total=len(jobs), description="a second opinion on each product", unit="part")
    for (number, name), found in zip(jobs, done, strict=True):
        if found is not None:
            scores[name][(fold == number) & filed.there[name]] = found
    return scores


@dataclass(frozen=True, eq=False)
class Regressions:
    """The work of fitting a regression on all folds but one, and scoring that one; see `huse.engine.work.Work`.

    A batch is the number of a fold, and a modality.

    Attributes:
        filed: the products.
        fold: of each of N rows.
        ngrams: of the names.
        arithmetic: of the machine where the command runs; where the work has come to, it must be the same.
    """

    gpus: ClassVar[int] = 0
    cpus: ClassVar[int] = 1

    filed: Filed
    fold: Integers
    ngrams: Sequence[Block]
    arithmetic: str = field(default_factory=of_numpy)

    def __call__(self, batches: Iterable[tuple[int, str]], /) -> Iterator[Floats | None]:
        """Yield the scores of each fold's rows, n × C float32; None where there is nothing to learn from, or to score.

        One thread a regression, whatever the number of cores: sums depend on how they are split.

        Raises:
            InputError: this machine may round otherwise.
        """
        refuse_other(self.arithmetic, of_numpy())
        with threadpool_limits(limits=1):
            yield from in_threads(self._scores, batches, ahead=len(MODALITIES) * FOLDS)

    def packed(self, batch: tuple[int, str], /) -> tuple[int, str]:
        """Return the batch: it has all that is needed."""
        return batch

    def _scores(self, batch: tuple[int, str]) -> Floats | None:
        (number, name), filed = batch, self.filed
        there, out = filed.there[name], self.fold == number
        learned, asked = np.flatnonzero(~out & there), np.flatnonzero(out & there)
        if not len(learned) or not len(asked):
            return None
        blocks = self.ngrams if name == "text" else [[standardised(filed.images, learned)]]
        path = fit_path(
            [rows_of(block, learned) for block in blocks],
            *(filed.classes[learned], len(filed.paths), [STRENGTH]),
            steps=LINEAR_STEPS,
        )
        return probabilities([rows_of(block, asked) for block in blocks], next(iter(path)))


def _calibrated(filed: Filed, scores: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return probabilities of M filings by `both`, `image` and `text`: means over their rows, calibrated and fused.

    Temperatures and weight are fitted on what was left out; a handful of numbers learns nothing of a single filing.
    """
    labels = [[number] for number in range(len(filed.paths))]
    means = {name: mean_scores(of, filed.filings) for name, of in scores.items()}
    found = {"both": choose_log_linear(means["image"], means["text"], filed.filed, labels).scores(**means)}
    for name, of in means.items():
        known = ~np.isnan(of[:, 0])
        found[name] = of.copy()
        if known.any():
            found[name][known] = temper(of[known], fit_temperature(of[known], filed.filed[known], labels))
    return found


def _nearest(queries: Floats, others: Floats) -> tuple[Integers, Floats]:
    """Return the places of the K others that are nearest to each query, the nearest first, and the cosines."""
    count = min(NEIGHBOURS, len(others))
    places, cosines = np.empty((len(queries), count), np.int64), np.empty((len(queries), count), np.float32)
    for start in range(0, len(queries), BLOCK):
        rows = slice(start, start + BLOCK)
        found = queries[rows] @ others.T
        some = np.argpartition(-found, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(found, some, axis=1)
        order = np.lexsort([some, -near], axis=1)
        places[rows] = np.take_along_axis(some, order, axis=1)
        cosines[rows] = np.take_along_axis(near, order, axis=1)
    return places, cosines
