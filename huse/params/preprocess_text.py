"""Parameters of the stages `preprocess_text`, `word_vectors` and `text_vectors`."""

from pydantic import Field

from huse.params.reader import Section


class PreprocessTextParams(Section):
    """How names are cleaned."""

    fold_accents: bool


class TextVectorsParams(Section):
    """Where the vectors of words come from."""

    word_vectors: str = Field(min_length=1)
    dimension: int = Field(ge=1)
