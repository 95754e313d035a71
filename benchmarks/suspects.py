"""Wrong classes that are put into a shop, and how high ``huse suspects`` ranks them, beside confident learning.

Run as ``python -m benchmarks.suspects CATALOGUE --images FOLDER --network squeezenet1_1 --weights FILE`` with a CSV
that has the columns `image`, `name` and `classes`. 5 % of the products get another class, drawn by the seed: any other
one, or one with the same parent. All sides see the same folds and the same changed classes:

- ``huse suspects``; and its probabilities, ranked by cleanlab (https://github.com/cleanlab/cleanlab);
- logistic regression on the same vectors as the towers, ranked by the filed class's probability, and by cleanlab;
- logistic regression on vectors of pictures and on all n-grams of names, fused, the same.

A shop's own mistakes count as false alarms here, so no average precision can reach 1 where there are some.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import typer
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.encoders.pictures import open_pictures
from huse.evaluation.baselines import standardised
from huse.evaluation.linear import fit_path, probabilities, rows_of
from huse.experiments.folds import FOLDS, Filed, assign_folds, out_of_sample
from huse.fusion import mean_scores
from huse.progress import progress
from huse.taxonomy import ClassTree
from huse.use.suspects import BOTH, rank
from huse.vision.backbones import BackboneSettings

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BATCH = 32  # pictures
STRENGTHS = (
    3.0,
    10.0,
)  # of the regression on the same vectors; the one with the higher likelihood out of sample counts
STEPS = 10
ANYWHERE, SIBLING = "any other class", "a class with the same parent"


def main(
    catalogue: Annotated[Path, typer.Argument(help="CSV with image, name and classes.")],
    *,
    images: Annotated[Path | None, typer.Option(help="Folder of its pictures; none: names alone.")] = None,
    network: Annotated[str, typer.Option(help="As backbone.network.")] = "squeezenet1_1",
    weights: Annotated[str, typer.Option(help="As backbone.weights.")] = "random",
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the products whose class is changed.")] = 0.05,
    seed: Annotated[
        list[int] | None, typer.Option(help="Of the changes and of the folds; several times: each.")
    ] = None,
    kept: Annotated[
        Path | None, typer.Option(help="Folder that keeps the vectors of pictures for the next run.")
    ] = None,
) -> None:
    """Measure and print one table, and every run as a line of JSON to standard error."""
    shop = read_shop(catalogue, images, network, weights, kept)
    runs: list[dict[str, Any]] = []
    for number in seed or [0]:
        for kind in (ANYWHERE, SIBLING):
            runs += measure(shop, kind, share, number)
            print(json.dumps(runs[-len(RANKINGS) :]), file=sys.stderr, flush=True)
    table = pd.DataFrame(runs)
    shown = Table(title=f"{catalogue}: {len(np.unique(shop.products)):,} products in {len(shop.paths)} classes")
    for column in ("ranking", *(f"{kind}: {what}" for kind in (ANYWHERE, SIBLING) for what in ("AP", "precision"))):
        shown.add_column(column, justify="left" if column == "ranking" else "right")
    for name in RANKINGS:
        cells = []
        for kind in (ANYWHERE, SIBLING):
            rows = table[(table["ranking"] == name) & (table["kind"] == kind)]
            cells += [f"{rows[what].mean():.3f} ± {rows[what].std(ddof=0):.3f}" for what in ("ap", "precision")]
        shown.add_row(name, *cells)
    Console(width=150).print(shown)
    listed = table[table["ranking"] == "huse suspects"].groupby("kind")[["changed", "listed", "found"]].mean()
    print(listed.round(1).to_string())


def read_shop(csv: Path, images: Path | None, network: str, weights: str, kept: Path | None) -> Filed:
    """Return the products, encoded; classes of a single product are left out."""
    table = pd.read_csv(csv, dtype=str, keep_default_na=False).drop_duplicates(["image", "name", "classes"])
    table = table.assign(name=table["name"].str.split().str.join(" ")).reset_index(drop=True)
    pictures = np.zeros((len(table), 1), np.float32)
    if images is not None:
        place = None if kept is None else kept / f"{csv.parent.name}-{network}.npy"
        if place is not None and place.is_file():
            pictures = np.load(place)
        else:
            pictures = _encode(table, images, network, weights)
            if place is not None:
                np.save(place, pictures)
    product = table["name"].str.casefold().where(table["name"] != "", table["image"])
    enough = table.assign(product=product).groupby("classes")["product"].transform("nunique") > 1
    rows = np.flatnonzero(enough)
    table, paths = table.iloc[rows], sorted(set(table["classes"].iloc[rows]))
    names = table["name"].tolist()
    return Filed(
        images=pictures[rows],
        texts=NgramsEncoder.fit([name for name in names if name], NgramVectorSettings(), 0).encode(names),
        names=names,
        pictured=(table["image"] != "").to_numpy() & (images is not None),
        products=pd.factorize(product.iloc[rows])[0].astype(np.int64),
        classes=pd.Index(paths).get_indexer(table["classes"]).astype(np.int64),
        paths=paths,
    )


def _encode(table: pd.DataFrame, images: Path, network: str, weights: str) -> Floats:
    settings = BackboneSettings(network=network, weights=weights, size=224)
    device = torch.device("cpu")
    (encoder,) = open_pictures(settings, table, root=Path(), seed=0, max_pixels=10**8, device=device)
    blocks = [
        encoder.encode([images / image for image in table["image"].iloc[start : start + BATCH]])
        for start in progress(range(0, len(table), BATCH), description="encode", unit="batch")
    ]
    return np.concatenate(blocks)


def changed(shop: Filed, kind: str, share: float, seed: int) -> tuple[Filed, Bools]:
    """Return the shop with other classes, and which rows have one; all rows of a product change together."""
    random = np.random.default_rng([seed, kind == SIBLING])
    siblings, classes = ClassTree.of(shop.paths).siblings, shop.classes.copy()
    numbers, first = np.unique(shop.products, return_index=True)
    for place in random.permutation(len(numbers))[: round(share * len(numbers))]:
        own = shop.classes[first[place]]
        others = np.flatnonzero(siblings[own]) if kind == SIBLING else np.array([], np.int64)
        if not len(others):
            others = np.delete(np.arange(len(shop.paths)), own)
        classes[shop.products == numbers[place]] = random.choice(others)
    return replace(shop, classes=classes), classes != shop.classes


def measure(shop: Filed, kind: str, share: float, seed: int) -> list[dict[str, Any]]:
    """Return the metrics of every ranking."""
    filed, wrong_rows = changed(shop, kind, share, seed)
    wrong = wrong_rows[filed.first]
    known = out_of_sample(filed, seed)
    judged = np.ones(len(filed.filed), dtype=bool)
    ranking = rank(known.probabilities[BOTH], filed.filed, ClassTree.of(filed.paths), judged)
    of = {
        "ours": known.probabilities[BOTH],
        "vectors": _on_same_vectors(filed, seed),
        "ngrams": known.regressions[BOTH],
    }
    order = ranking.order
    about = {
        "kind": kind,
        "seed": seed,
        "changed": int(wrong.sum()),
        "listed": ranking.listed,
        "found": int(wrong[order[: ranking.listed]].sum()),
    }
    found = []
    for name, (which, suspicion) in RANKINGS.items():
        by = ranking.suspicion if suspicion is None else suspicion(of[which], filed.filed)
        hits = wrong[np.argsort(-by, kind="stable")]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        own = {"ap": float(precision[hits].mean()), "precision": float(precision[hits.sum() - 1])}
        found.append({"ranking": name, **about, **own})
    return found


def _on_same_vectors(filed: Filed, seed: int) -> Floats:
    """Return the probabilities of logistic regression on the vectors that the towers read, out of sample."""
    fold = assign_folds(filed.products, filed.classes, FOLDS, seed)
    scores = {strength: np.empty((len(fold), len(filed.paths)), np.float32) for strength in STRENGTHS}
    vectors = [of for of, there in ((filed.images, filed.pictured.any()), (filed.texts, True)) if there]
    with threadpool_limits(limits=1):
        for number in progress(range(FOLDS), description="regression", unit="fold"):
            learned, out = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            blocks = [[standardised(of, learned)] for of in vectors]
            own, others = ([rows_of(block, rows) for block in blocks] for rows in (learned, out))
            path = fit_path(own, filed.classes[learned], len(filed.paths), STRENGTHS, steps=STEPS)
            for strength, fitted in zip(STRENGTHS, path, strict=True):
                scores[strength][out] = probabilities(others, fitted)
    rows = np.arange(len(fold))
    best = max(STRENGTHS, key=lambda strength: np.log(scores[strength][rows, filed.classes] + 1e-30).mean())
    return mean_scores(scores[best], filed.filings)


def self_confidence(probabilities: Floats, filed: Integers) -> Doubles:
    """Rank by the probability of the filed class, the lowest first."""
    own: Doubles = -probabilities[np.arange(len(filed)), filed].astype(np.float64)
    return own


def margin(probabilities: Floats, filed: Integers) -> Doubles:
    """Rank by cleanlab's normalised margin: the filed class's probability less the greatest other one."""
    scores: Doubles = -get_label_quality_scores(filed, _exact(probabilities), method="normalized_margin")
    return scores


def confident_learning(probabilities: Floats, filed: Integers) -> Doubles:
    """Rank what cleanlab's confident learning calls an issue first, both parts by the filed class's probability."""
    own = self_confidence(probabilities, filed)
    issues = find_label_issues(filed, _exact(probabilities), return_indices_ranked_by="self_confidence", n_jobs=1)
    own[issues] += 2  # above all others
    return own


def _exact(probabilities: Floats) -> Doubles:
    exact: Doubles = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    return exact


Suspicion = Callable[[Floats, Integers], Doubles]
SCORES = {
    "ours": "its probabilities",
    "vectors": "regression on the vectors",
    "ngrams": "regression on n-grams, pictures",
}
RANKINGS: dict[str, tuple[str, Suspicion | None]] = {
    "huse suspects": ("ours", None),
    **{
        f"{SCORES[which]}, {told}": (which, by)
        for which in SCORES
        for told, by in (
            ("filed class", self_confidence),
            ("cleanlab's margin", margin),
            ("cleanlab's confident learning", confident_learning),
        )
    },
}

if __name__ == "__main__":
    typer.run(main)
