"""An encoder of names: TF-IDF of word and character n-grams, projected by a truncated SVD.

Letters: N names, F n-grams, D values a vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from huse.encoders.contract import CONFIG, read_config, write_config
from huse.errors import InputError
from huse.files import write_array
from huse.text.directions import find_directions
from huse.text.few_names import few_times
from huse.text.ngrams import PRODUCTS, SEPARATORS, Arithmetic, Ngrams, NgramSettings, Terms

PROJECTION = "projection.npy"
BLOCK = 65_536  # names at a time
SETTINGS = tuple(NgramSettings.model_fields)


class NgramVectorSettings(NgramSettings):
    """Which n-grams count, and how they become a vector."""

    dimension: int = Field(default=1024, ge=1, le=8192, description="values of a vector; fewer where names are few")
    fitted_on: int = Field(
        default=50_000, ge=2, description="training names, evenly drawn, that n-grams are counted and projected by"
    )


@dataclass(frozen=True)
class NgramsEncoder:
    """Encodes names by their n-grams.

    Attributes:
        ngrams: those of the training names, and their weights.
        projection: F × D float32, each value one of float16; its columns are the directions in which the training
            names vary most.
        arithmetic: what computes the projections; scipy needs no torch.
    """

    family: ClassVar[str] = "ngrams"

    ngrams: Ngrams
    projection: npt.NDArray[np.float32]
    arithmetic: Arithmetic = "torch"

    @classmethod
    def fit(cls, training_names: Sequence[str], settings: NgramVectorSettings, seed: int) -> Self:
        """Count n-grams, and find the projection.

        A name that several pictures share counts once.

        Args:
            training_names: as in the catalogue; only those of the training split.
            settings: see there.
            seed: of `find_directions`.

        Raises:
            InputError: see `Ngrams.fit`.
        """
        names = draw_evenly(list(dict.fromkeys(training_names)), settings.fitted_on)
        ngrams = Ngrams.fit(names, NgramSettings(**settings.model_dump(include=set(SETTINGS))))
        dimension = min(settings.dimension, len(names), ngrams.size)
        if dimension == 0:
            return cls(ngrams, np.zeros((0, 1), np.float32))
        projection = find_directions(ngrams.weigh(names), dimension, seed)
        projection[:] = projection.astype(np.float16)
        return cls(ngrams, projection)

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.projection.shape[1])

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        told = {} if self.arithmetic == "torch" else {"arithmetic": self.arithmetic}
        return {"family": self.family, "dimension": self.dimension, **self.ngrams.settings.model_dump(), **told}

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode names as written in a catalogue.

        Returns:
            N × D float32; zeros where no n-gram is known.
        """
        few = few_times(self.ngrams, items, self.projection, self._of_known, self.arithmetic)
        if few is not None:
            return few
        vectors = np.empty((len(items), self.dimension), np.float32)
        for start in range(0, len(items), BLOCK):
            rows = slice(start, start + BLOCK)
            weighed = self.ngrams.weigh(items[rows])
            weighed.times(self.projection, self._of_known, out=vectors[rows], arithmetic=self.arithmetic)
        return vectors

    @cached_property
    def _of_known(self) -> npt.NDArray[np.float32]:
        """The projected character n-grams of each word that the n-grams have."""
        product: npt.NDArray[np.float32] = self.ngrams.known @ self.projection[len(self.ngrams.words.terms) :]
        return product

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        for kind in SEPARATORS:
            terms: Terms = getattr(self.ngrams, kind)
            table = pd.DataFrame({"term": pd.Series(terms.terms, dtype=str), "names": terms.document_frequency})
            table.to_parquet(folder / f"{kind}.parquet", index=False)
        write_array(folder / PROJECTION, self.projection.astype(np.float16))
        write_config(folder, {**self.config, "training_names": self.ngrams.words.names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("training_names", *SETTINGS))
        try:
            settings = NgramSettings.model_validate({name: config[name] for name in SETTINGS})
            kinds = []
            for kind, separator in SEPARATORS.items():
                table = pd.read_parquet(folder / f"{kind}.parquet")
                frequency, count = table["names"].to_numpy(), int(config["training_names"])
                kinds.append(Terms(table["term"].tolist(), frequency, count, separator))
            ngrams = Ngrams(settings, *kinds)
            arithmetic = config.get("arithmetic", "torch")
            if arithmetic not in PRODUCTS:
                raise ValueError(f"arithmetic {arithmetic}")
            projection = np.load(folder / PROJECTION, allow_pickle=False)
            if projection.dtype != np.float16 or projection.ndim != 2 or len(projection) != ngrams.size:
                raise ValueError(f"{ngrams.size} n-grams, {projection.shape} {projection.dtype} projection")
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            files = ", ".join([CONFIG, *(f"{kind}.parquet" for kind in SEPARATORS)])
            raise InputError(
                f"{folder}: expected {files} and {PROJECTION} of an encoder of n-grams, found one missing or damaged "
                f"({error}). Copy the folder again."
            ) from None
        return cls(ngrams, projection.astype(np.float32), arithmetic)


def draw_evenly(names: Sequence[str], most: int) -> Sequence[str]:
    """Return names from first to last, equally far from each other; all, where there are not more than `most`."""
    if len(names) <= most:
        return names
    return [names[row] for row in np.linspace(0, len(names) - 1, most).astype(int).tolist()]
