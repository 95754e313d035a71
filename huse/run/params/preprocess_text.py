"""Parameters of the stage `preprocess_text`."""

from huse.run.params.reader import Section


class PreprocessTextParams(Section):
    """How names are cleaned."""

    fold_accents: bool
