"""The families of encoders by the name in an encoder's config: add a new family here."""

from importlib import import_module
from pathlib import Path
from typing import Any

from huse.encoders.contract import CONFIG, Encoder, read_config
from huse.errors import InputError

# Name → module and class. A module is imported when its family is met: some need a second, or a package that is absent.
FAMILIES = {
    "blocks": ("huse.encoders.blocks", "BlocksEncoder"),
    "given": ("huse.encoders.given", "GivenEncoder"),
    "infersent": ("huse.encoders.sentences", "InferSentEncoder"),
    "mean": ("huse.encoders.sentences", "MeanEncoder"),
    "network": ("huse.encoders.network", "NetworkEncoder"),
    "ngrams": ("huse.encoders.ngrams", "NgramsEncoder"),
    "onnx": ("huse.encoders.onnx_pictures", "OnnxPicturesEncoder"),
    "onnx_texts": ("huse.encoders.onnx_texts", "OnnxTextsEncoder"),
    "open_clip_text": ("huse.encoders.pair_texts", "OpenClipTextEncoder"),
    "sentences": ("huse.encoders.transformer", "SentencesEncoder"),
    "tree": ("huse.encoders.tree", "TreeEncoder"),
    "use": ("huse.encoders.use", "UseEncoder"),
    "words": ("huse.encoders.words", "WordsEncoder"),
}


def load_encoder(folder: Path) -> Encoder[Any]:
    """Read an encoder of any family from its folder.

    Raises:
        InputError: the family is unknown, or a file is missing or damaged.
    """
    family = read_config(folder)["family"]
    if family not in FAMILIES:
        raise InputError(f"{folder / CONFIG}: expected a family of encoders ({', '.join(FAMILIES)}), found {family!r}.")
    module, name = FAMILIES[family]
    kind: type[Encoder[Any]] = getattr(import_module(module), name)
    return kind.load(folder)
