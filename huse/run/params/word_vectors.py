"""Parameters of the stage `word_vectors`."""

from typing import Literal

from pydantic import Field

from huse.run.params.reader import Section


class SpellingsParams(Section):
    """Under which spellings a word is looked for; see `huse.text.spelling`."""

    as_written: bool
    lower: bool
    capitalised: bool
    hyphens: bool
    accents: bool


class WordVectorsParams(Section):
    """Where the vectors of words come from, and what becomes of words without one."""

    source: str = Field(min_length=1)
    download: bool
    dimension: int = Field(ge=1)
    spellings: SpellingsParams
    oov: Literal["skip", "hash"]
