"""Parameters of the stage `preprocess_text`."""

from huse.settings import Settings


class PreprocessTextParams(Settings):
    """How names are cleaned."""

    fold_accents: bool
