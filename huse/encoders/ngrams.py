"""An encoder of names: TF-IDF of word and character n-grams, projected by a truncated SVD.

Letters: N names, F n-grams, D values a vector.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from huse.encoders.contract import CONFIG, read_config, write_config
from huse.engine.cores import cores
from huse.errors import InputError
from huse.text.ngrams import Ngrams, NgramSettings, Terms

PROJECTION = "projection.npy"
KINDS = ("words", "characters")
PASSES = 3  # of the SVD over the rows; more change no metric
BLOCK = 16_384  # names that a thread takes at a time
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
    """

    family: ClassVar[str] = "ngrams"

    ngrams: Ngrams
    projection: npt.NDArray[np.float32]

    @classmethod
    def fit(cls, training_names: Sequence[str], settings: NgramVectorSettings, seed: int) -> Self:
        """Count n-grams, and find the projection by a randomized SVD (Halko et al. 2011, arXiv 0909.4061).

        A name that several pictures share counts once.

        Args:
            training_names: as in the catalogue; only those of the training split.
            settings: see there.
            seed: of the SVD.

        Raises:
            InputError: see `Ngrams.fit`.
        """
        names = list(dict.fromkeys(training_names))
        if len(names) > settings.fitted_on:
            names = [names[row] for row in np.linspace(0, len(names) - 1, settings.fitted_on).astype(int)]
        ngrams = Ngrams.fit(names, NgramSettings(**settings.model_dump(include=set(SETTINGS))))
        dimension = min(settings.dimension, len(names), ngrams.size)
        if dimension == 0:
            return cls(ngrams, np.zeros((0, 1), np.float32))
        with threadpool_limits(1):  # sums must not depend on the number of threads
            rows = ngrams.weigh(names).rows()
            _, _, directions = randomized_svd(rows, dimension, n_iter=PASSES, random_state=seed)
        return cls(ngrams, directions.T.astype(np.float16).astype(np.float32))

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.projection.shape[1])

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {"family": self.family, "dimension": self.dimension, **self.ngrams.settings.model_dump()}

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode names as written in a catalogue.

        Returns:
            N × D float32; zeros where no n-gram is known.
        """
        vectors = np.zeros((len(items), self.dimension), np.float32)

        def encode(start: int) -> None:
            block = slice(start, start + BLOCK)
            vectors[block] = self.ngrams.weigh(items[block]).times(self.projection)

        with ThreadPoolExecutor(cores()) as threads:
            list(threads.map(encode, range(0, len(items), BLOCK)))
        return vectors

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`."""
        for kind in KINDS:
            terms: Terms = getattr(self.ngrams, kind)
            table = pd.DataFrame({"term": pd.Series(terms.terms, dtype=str), "names": terms.document_frequency})
            table.to_parquet(folder / f"{kind}.parquet", index=False)
        with (folder / PROJECTION).open("wb") as file:
            np.save(file, self.projection.astype(np.float16), allow_pickle=False)
        write_config(folder, {**self.config, "training_names": self.ngrams.words.names})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("training_names", *SETTINGS))
        try:
            settings = NgramSettings.model_validate({name: config[name] for name in SETTINGS})
            kinds = []
            for kind in KINDS:
                table = pd.read_parquet(folder / f"{kind}.parquet")
                kinds.append(Terms(table["term"].tolist(), table["names"].to_numpy(), int(config["training_names"])))
            ngrams = Ngrams(settings, *kinds)
            projection = np.load(folder / PROJECTION, allow_pickle=False)
            if projection.dtype != np.float16 or projection.ndim != 2 or len(projection) != ngrams.size:
                raise ValueError(f"{ngrams.size} n-grams, {projection.shape} {projection.dtype} projection")
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise InputError(
                f"{folder}: expected {CONFIG}, {', '.join(f'{kind}.parquet' for kind in KINDS)} and {PROJECTION} of an "
                f"encoder of n-grams, found one missing or damaged ({error}). Copy the folder again."
            ) from None
        return cls(ngrams, projection.astype(np.float32))
