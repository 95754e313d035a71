"""The contract of an encoder: it turns items into vectors, and can be saved to a folder and loaded.

Letters: N items, D values a vector.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from huse.errors import InputError

CONFIG = "config.json"

Loaded = TypeVar("Loaded")
Item_contra = TypeVar("Item_contra", contravariant=True)


class ItemError(InputError):
    """An item cannot be encoded.

    Attributes:
        number: of the item in its list, from 0.
        kind: ``picture`` or ``text``.
        reason: why it cannot be encoded.
    """

    def __init__(self, number: int, kind: str, reason: str, name: str = "") -> None:
        """Make the message.

        Args:
            number: see above.
            kind: see above.
            reason: see above.
            name: of the item, such as its path; without one it is named by kind and number.
        """
        self.number, self.kind, self.reason, self._name = number, kind, reason, name
        super().__init__(f"{name or f'{kind} {number}'}: {reason}.")

    def after(self, others: int) -> "ItemError":
        """Return the error for a list in which so many other items come first."""
        return ItemError(self.number + others, self.kind, self.reason, self._name)


class Encoder(Protocol[Item_contra]):
    """Turns N items into N × D float32.

    Attributes:
        dimension: D.
        config: JSON; together with the fingerprints of the weights, it determines the vectors.
    """

    @property
    def dimension(self) -> int:
        """D."""

    @property
    def config(self) -> dict[str, Any]:
        """What `load` needs beside the weights."""

    def encode(self, items: Sequence[Item_contra]) -> npt.NDArray[np.float32]:
        """Return N × D float32; raises an `ItemError` for the first item that cannot be encoded."""

    def save(self, folder: Path) -> None:
        """Write all that `load` needs into an existing, empty folder; no pickle."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises an `InputError` that names a missing or damaged file."""


def encode_each_once(
    texts: Sequence[str], dimension: int, encode: Callable[[list[str]], npt.NDArray[np.float32]]
) -> npt.NDArray[np.float32]:
    """Encode different texts, in an order that is theirs alone: long ones first, then by alphabet.

    For encoders in which a text goes through a network in a batch with others, which changes its vector by rounding
    (2e-7): so the same texts, in any order and number, get the same bytes.

    Args:
        texts: N.
        dimension: D.
        encode: M different texts → M × D float32.

    Returns:
        N × D float32; zeros where a text has no visible character.
    """
    told = {text for text in texts if any(each.isprintable() and not each.isspace() for each in text)}
    different = sorted(told, key=lambda text: (-len(text), text))
    vectors = np.zeros((len(different) + 1, dimension), np.float32)  # the last one stands for nothing
    if different:
        vectors[:-1] = encode(different)
    row = {text: number for number, text in enumerate(different)}
    return vectors[[row.get(text, -1) for text in texts]]


def files_of(save: Callable[[Path], None]) -> dict[str, bytes]:
    """Return what the `save` of an encoder writes: path in its folder → content."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        save(folder)
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def from_files(load: Callable[[Path], Loaded], files: Mapping[str, bytes]) -> Loaded:
    """Return what the `load` of an encoder makes of such files."""
    with TemporaryDirectory() as name:
        for path, content in files.items():
            file = Path(name) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return load(Path(name))


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the config of an encoder, or of a model, into its folder."""
    text = json.dumps(config, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")


def read_config(folder: Path, keys: Sequence[str] = ("family",)) -> dict[str, Any]:
    """Read the config of an encoder from its folder.

    Args:
        folder: of the encoder.
        keys: required ones.

    Raises:
        InputError: the file is missing or damaged, or lacks a key.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in keys if key not in config]
    except FileNotFoundError:
        raise InputError(f"{path}: not found. Expected the folder of an encoder; copy all of it.") from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: does not describe an encoder ({error}). Copy the folder again.") from None
    if not isinstance(config, dict) or missing:
        raise InputError(f"{path}: expected the keys {', '.join(keys)} of an encoder. Copy the folder again.")
    return config
