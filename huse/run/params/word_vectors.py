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


class WordVectorsParams(Settings):
    """Where the vectors of words come from, and what becomes of words without one."""

    source: str = Field(min_length=1)
    download: bool
    dimension: int = Field(ge=1)
    spellings: SpellingsParams
    oov: Literal["skip", "hash"]
