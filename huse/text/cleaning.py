"""Cleans product names: letters and single spaces, lower case, no stop words."""

import string
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import filterfalse

from pydantic import Field

from huse.settings import Settings
from huse.text.stopwords import DROPPED

# A table of bytes: letters, digits and line ends stay, anything else becomes a space.
_KEPT = (string.ascii_letters + string.digits + "\n").encode()
_LETTERS_OR_SPACE = bytes(byte if byte in _KEPT else ord(" ") for byte in range(256))
_DIGITS = string.digits.encode()

_BLOCK = 1024  # names at a time, so that their words stay in the CPU's cache

# Latin letters that Unicode does not decompose.
_LATIN_LETTERS = {
    "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "ẞ": "SS", "ß": "ss", "Þ": "TH", "þ": "th",
    "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d",
    "Ħ": "H", "ħ": "h", "ı": "i", "Ŧ": "T", "ŧ": "t", "Ŋ": "N", "ŋ": "n", "ĸ": "k",
}  # fmt: skip


class CleaningSettings(Settings):
    """How names are cleaned."""

    fold_accents: bool = Field(default=True, description="chloé -> chloe; false: chlo, as in the notebook")


@cache
def _fold_character(character: str) -> str:
    if character in _LATIN_LETTERS:
        return _LATIN_LETTERS[character]
    # Letters and their marks only: NFKD would turn a trademark sign into the letters TM.
    if unicodedata.category(character)[0] not in "LM":
        return character
    parts = unicodedata.normalize("NFKD", character)
    return "".join(_LATIN_LETTERS.get(part, part) for part in parts if unicodedata.category(part)[0] != "M")


def fold_letters(text: str) -> str:
    """Replace accented and special Latin letters by a to z: "Chloé Søren" → "Chloe Soren".

    Takes the compatibility decomposition (NFKD) of every letter without its combining marks, and the usual spelling of
    letters that NFKD does not split (ø æ œ ß ł đ ð þ ı …). Other characters stay.
    """
    return text if text.isascii() else "".join(map(_fold_character, text))


def clean_names(names: Sequence[str], fold_accents: bool) -> list[str]:
    """Clean product names.

    In this order: fold accents; replace every run of characters outside A-Z, a-z, 0-9 by a space; drop digits; drop
    stop words; lower case. Stop words are matched with their case, so "The" stays. The negations no, nor and not stay
    too.

    Args:
        names: N, as in the catalogue.
        fold_accents: False drops accented letters, as the published notebook did: "Chloé" → "chlo".

    Returns:
        N strings of words of a to z with single spaces between them; empty where nothing is left.
    """
    distinct = list(dict.fromkeys(names))
    if 2 * len(distinct) > len(names):
        return _clean(names, fold_accents)
    # Pictures of a product share its name; clean it once.
    cleaned = dict(zip(distinct, _clean(distinct, fold_accents), strict=True))
    return [cleaned[name] for name in names]


def _clean(names: Sequence[str], fold_accents: bool) -> list[str]:
    blocks = (names[start : start + _BLOCK] for start in range(0, len(names), _BLOCK))
    return [name for block in blocks for name in _clean_block(block, fold_accents)]


def _clean_block(names: Sequence[str], fold_accents: bool) -> list[str]:
    folded = map(fold_letters, names) if fold_accents else names
    text = "\n".join([name.replace("\n", " ") for name in folded])
    letters = text.encode("ascii", "replace").translate(_LETTERS_OR_SPACE, _DIGITS)
    # All names of a block as one list of words, in which a mark ends each name: a few calls a block, not a few a name.
    words = letters.replace(b"\n", b" \x00 ").decode("ascii").split()
    kept = " ".join(filterfalse(DROPPED.__contains__, words)).lower()
    return kept.replace(" \x00", "\x00").replace("\x00 ", "\x00").split("\x00")
