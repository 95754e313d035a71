"""Parameters of the stage `word_vectors`."""

from typing import Literal

from pydantic import Field

from huse.settings import Settings


class SpellingsParams(Settings):
    """Under which spellings a word is looked for; see `huse.text.spelling`."""

    as_written: bool
    lower: bool
    capitalised: bool
    hyphens: bool
    accents: bool

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of those that are on, in the order in which they are tried."""
        return tuple(step for step, on in self.model_dump().items() if on)


class WordVectorsParams(Settings):
    """Where the vectors of words come from, and what becomes of words without one."""

    source: str = Field(min_length=1)
    download: bool
    dimension: int = Field(ge=1)
    vocabulary: int = Field(ge=0)
    spellings: SpellingsParams
    oov: Literal["skip", "hash"]
