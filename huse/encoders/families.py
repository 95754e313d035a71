"""The families of encoders by the name in an encoder's config: add a new family here."""

from pathlib import Path
from typing import Any

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import CONFIG, Encoder, read_config
from huse.encoders.given import GivenEncoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.ngrams import NgramsEncoder
from huse.encoders.sentences import InferSentEncoder, MeanEncoder
from huse.encoders.transformer import SentencesEncoder
from huse.encoders.tree import TreeEncoder
from huse.encoders.use import UseEncoder
from huse.encoders.words import WordsEncoder
from huse.errors import InputError

FAMILIES: dict[str, type[Encoder[Any]]] = {
    encoder.family: encoder
    for encoder in (
        NetworkEncoder,
        WordsEncoder,
        NgramsEncoder,
        BlocksEncoder,
        InferSentEncoder,
        MeanEncoder,
        TreeEncoder,
        SentencesEncoder,
        UseEncoder,
        GivenEncoder,
    )
}


def load_encoder(folder: Path) -> Encoder[Any]:
    """Read an encoder of any family from its folder.

    Raises:
        InputError: the family is unknown, or a file is missing or damaged.
    """
    family = read_config(folder)["family"]
    if family not in FAMILIES:
        raise InputError(f"{folder / CONFIG}: expected a family of encoders ({', '.join(FAMILIES)}), found {family!r}.")
    return FAMILIES[family].load(folder)
