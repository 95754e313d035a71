"""The result of reading a set of word vectors."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

SHOWN = 3  # faults to name, of many


@dataclass
class Found:
    """The vectors of the wanted words.

    Attributes:
        vectors: word → D float32; in the order of the source.
        leading: how many of the first `vectors` are the source's first words, kept whether wanted or not.
        dimension: D.
        format: describes the source.
        composed: words whose vector fastText composed from parts.
        faults: parts of the source that were skipped, and why; for messages.
        sha256: of the source's bytes, unpacked.
        missing: UTF-8 of the words not yet found, for readers of bytes.
    """

    dimension: int
    format: str
    vectors: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    composed: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    sha256: str = ""
    missing: set[bytes] = field(default_factory=set)
    leading: int = 0

    def look_for(self, words: Iterable[str]) -> None:
        """Look for words."""
        self.missing.update(word.encode("utf-8", "surrogatepass") for word in words)

    def add(self, word: bytes | str, vector: npt.NDArray[np.float32], place: str) -> bool:
        """Keep the D float32 of a word, text or UTF-8; if they are not finite, note a fault at `place` and refuse."""
        if vector.shape != (self.dimension,) or not np.isfinite(vector).all():
            self.faults.append(f"{place} holds something that is no finite number")
            return False
        if isinstance(word, bytes):
            self.missing.discard(word)
        self.vectors[word if isinstance(word, str) else word.decode("utf-8", "surrogatepass")] = vector
        return True

    def has(self, word: bytes) -> bool:
        """Whether the vector of a word, in UTF-8, is kept."""
        return word.decode("utf-8", "surrogatepass") in self.vectors

    def fault_summary(self) -> str:
        """Name the first faults and count the rest; empty where there are none."""
        more = len(self.faults) - SHOWN
        return "; ".join(self.faults[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
