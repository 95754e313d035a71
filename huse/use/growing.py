"""An index that grows: products embedded by the model, and those that stay when the index is made again.

Letters: N embeddings, R rows of products, D dimension of the shared space.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from huse.errors import InputError
from huse.model.contract import Modality
from huse.storage import Place, Remote, absolute, at, place, versions
from huse.use.entries import entries
from huse.use.index import ADDED, TABLE, Index
from huse.use.model import Model
from huse.wording import counted

Floats = npt.NDArray[np.float32]
BATCH = 512  # rows that are embedded together


@dataclass(frozen=True)
class Added:
    """Products that were added to an index.

    Attributes:
        rows: of N embeddings, as `Index.make` takes them.
        embeddings: N × D float32.
    """

    rows: pd.DataFrame
    embeddings: Floats

    @property
    def products(self) -> int:
        """How many they are."""
        return int(self.rows["product"].nunique())


def readable(products: pd.DataFrame, model: Model) -> pd.DataFrame:
    """Return products without the pictures or the names of a model that has learned from none, which is said.

    Args:
        products: rows with `image` and `name`; those that have nothing else are left out, which is said too.
        model: that is to read them.

    Raises:
        InputError: nothing is left.
    """
    left = _left(products, model)
    if left.empty:
        raise InputError("the model has learned from nothing that its products have. Give another --model.")
    return left


def _left(products: pd.DataFrame, model: Model) -> pd.DataFrame:
    """Do what `readable` does; nothing may be left."""
    of: tuple[tuple[Modality, str, str], ...] = (("image", "image", "pictures"), ("text", "name", "names"))
    for modality, column, what in of:
        if (products[column] != "").any() and not model.knows(modality):
            logging.warning("%s left out: the model has learned from none", what)
            products = products.assign(**{column: ""})
    kept = (products["image"] != "") | (products["name"] != "")
    if not kept.all():
        logging.warning("left out: %s with nothing that the model can read", counted(int((~kept).sum()), "row"))
    return products[kept]


def embed(products: pd.DataFrame, model: Model, folder: Place) -> tuple[pd.DataFrame, Floats]:
    """Embed products by the model; see `readable`.

    Args:
        products: R rows, as `entries` takes them.
        model: embeds them.
        folder: that paths of pictures are relative to.

    Returns:
        As `entries`.

    Raises:
        InputError: a picture cannot be read, or the model can read nothing of them.
    """
    products = readable(products, model)
    halves: list[Floats] = []
    for column, encode in (("image", model.encode_images), ("name", model.encode_texts)):
        embeddings = np.full((len(products), model.dimension), np.nan, np.float32)
        there = np.flatnonzero(products[column] != "")
        items: list[Any] = products[column].iloc[there].tolist()
        if column == "image":
            items = [at(folder, item) for item in items]
        if items:
            embeddings[there] = encode(items)
        halves.append(embeddings)
    return entries(products, halves[0], halves[1], ADDED)


def in_batches(products: pd.DataFrame, size: int = BATCH) -> Iterator[pd.DataFrame]:
    """Yield some products after the other, about so many rows at a time; the rows of a product stay together."""
    ordered = products.iloc[np.argsort(pd.factorize(products["product"])[0], kind="stable")]
    numbers = pd.factorize(ordered["product"])[0]
    starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]])
    start = 0
    while start < len(ordered):
        later = starts[starts >= start + size]
        end = int(later[0]) if len(later) else len(ordered)
        yield ordered.iloc[start:end]
        start = end


def carried(folder: Path, model: Model, known: set[str], pictures: Place) -> Added | None:
    """Return what was added to the index in a folder and is in no catalogue yet, with embeddings of this model.

    Args:
        folder: of the index; there may be none.
        model: of the index that is to be made.
        known: ids of the products in the catalogue; the catalogue's own word on them counts.
        pictures: folder that paths of the index that is to be made are relative to, absolute.

    Returns:
        None where there is nothing. A product whose pictures are gone keeps its names, if it has any; else it is lost,
        which is said.

    Raises:
        InputError: there is an index that cannot be read, or a store of pictures cannot be.
    """
    if not any((folder / f"{TABLE}.lance").glob("_versions/*.manifest")):  # nor where the first build was killed
        return None
    try:
        index = Index.open(folder)
        rows = index.rows(f"origin = '{ADDED}'", embeddings=True)
    except InputError as error:
        raise InputError(f"{error} To make it, move {folder} away first; what was added to it is lost then.") from None
    rows = rows[~rows["product"].isin(known)]
    if rows.empty:
        return None
    rows = rows.assign(image=_led(rows["image"], absolute(place(index.about["images"])), pictures))
    if index.about["fingerprint"] == model.fingerprint:
        embeddings = np.stack(rows["embedding"].to_list()).astype(np.float32)
        return Added(rows.drop(columns=["key", "embedding"]).reset_index(drop=True), embeddings)
    return _embedded_again(rows.drop(columns=["key", "embedding"]), model, pictures)


def _led(images: "pd.Series[str]", old: Place, new: Place) -> "pd.Series[str]":
    """Return paths of pictures that were relative to an old folder, relative to a new one.

    What the new folder has not, and the old one has, gets an absolute path.
    """
    if old == new:
        return images
    left = _there(old, set(images) - _there(new, images))
    return images.map(lambda image: str(at(old, image)) if image in left else image)


def _there(folder: Place, images: Iterable[str]) -> set[str]:
    """Return those of some paths that lead to a picture."""
    files = {image: at(folder, image) for image in images if image}
    objects = versions([file for file in files.values() if isinstance(file, Remote)])
    return {image for image, file in files.items() if (file in objects if isinstance(file, Remote) else file.is_file())}


def _embedded_again(rows: pd.DataFrame, model: Model, folder: Place) -> Added | None:
    """Embed products by another model, from the pictures and names that their rows tell."""
    products = rows[rows["kind"] != "products"].copy()
    products.loc[products["kind"] == "pictures", "name"] = ""
    products.loc[products["kind"] == "names", "image"] = ""
    gone = (products["image"] != "") & ~products["image"].isin(_there(folder, products["image"]))
    if gone.any():
        example = products["image"][gone].iloc[0]
        logging.warning("%d pictures of products added later are gone, first %s", gone.sum(), at(folder, example))
    products = _left(products[~gone].drop(columns=["kind", "origin"]), model)
    lost = rows["product"].nunique() - products["product"].nunique()
    if lost:
        logging.warning("%d products added later have nothing left to embed, so they are lost to the index", lost)
    if products.empty:
        return None
    parts = [embed(batch, model, folder) for batch in in_batches(products)]
    return Added(pd.concat([rows for rows, _ in parts], ignore_index=True), np.concatenate([each for _, each in parts]))
