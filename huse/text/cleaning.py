"""Cleans product names: words of letters with single spaces, lower case, no stop words."""

import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import filterfalse, pairwise
from typing import Literal

import regex
from pydantic import Field

from huse.settings import Settings
from huse.text.stopwords import DROPPED

# A table of bytes: letters, digits and line ends stay, anything else becomes a space.
_KEPT = (string.ascii_letters + string.digits + "\n").encode()
_LETTERS_OR_SPACE = bytes(byte if byte in _KEPT else ord(" ") for byte in range(256))
_DIGITS = string.digits.encode()

_KEEPING = (("letters", "unicode"), ("digits", "keep"))  # settings that lose least
_FIRST = 5  # emptied names to look among for examples

_BLOCK = 1024  # names at a time, so that their words stay in the CPU's cache

# Latin letters that Unicode does not decompose.
_LATIN_LETTERS = {
    "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "ẞ": "SS", "ß": "ss", "Þ": "TH", "þ": "th",
    "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d",
    "Ħ": "H", "ħ": "h", "ı": "i", "Ŧ": "T", "ŧ": "t", "Ŋ": "N", "ŋ": "n", "ĸ": "k",
}  # fmt: skip

# Latin letters, those of no script that decompose to Latin ones (𝐁 → B), and the marks of all of them.
_FOLDED = regex.compile(r"(?:[[[\p{Latin}\p{Common}]&&\p{L}]--[A-Za-z]]|(?<=[A-Za-z])\p{M})\p{M}*", regex.V1)

_WIDTHS = regex.compile(r"[\uff00-\uffef]+")  # Latin as wide as Chinese, Japanese half as wide
# What stands within a word without being a letter: format characters but the space without width, variations of a
# sign, the stroke that widens Arabic, the apostrophes of Ukrainian and Hebrew, the quotation mark of Hebrew
# abbreviations.
_WITHIN = regex.compile(
    r"[[\p{Cf}\p{VS}\u0640]--\u200b]"
    r"|(?<=[\p{Cyrillic}\p{Hebrew}]\p{M}*)['\u2019\u02bc\u05f3](?=[\p{Cyrillic}\p{Hebrew}])"
    r"|(?<=\p{Hebrew}\p{M}*)[\"\u201d\u05f4](?=\p{Hebrew})",
    regex.V1,
)
# Letters of scripts that put no space between words.
_UNSPACED = r"[[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]&&\p{L}]"
_RUNS = regex.compile(
    rf"((?:{_UNSPACED}\p{{M}}*)+)|((?:[[\p{{L}}\p{{Nd}}]--{_UNSPACED}--[\u02b0-\u02ff]]\p{{M}}*)+)", regex.V1
)
_DIGIT = regex.compile(r"\p{Nd}\p{M}*")
_BEYOND_ASCII = regex.compile(r"[[\p{L}\p{M}\p{Nd}]--\p{ASCII}]", regex.V1)  # what a word may have


class Cleaning(Settings):
    """Which words are left of a name."""

    letters: Literal["unicode", "ascii"] = Field(
        default="unicode", description="unicode: of every script; ascii: a to z alone, as in the notebook"
    )
    digits: Literal["drop", "mixed", "keep"] = Field(
        default="drop", description="drop: xl2 -> xl; mixed: kept in words with letters, as xl2; keep: also 501 alone"
    )
    fold_accents: bool = Field(
        default=True, description="of Latin letters, chloé -> chloe; false with ascii: chlo, as in the notebook"
    )


class CleaningSettings(Cleaning):
    """How names are cleaned."""

    max_emptied: float = Field(
        default=0.05, ge=0, le=1, description="a larger share of names without any word left stops the run"
    )

    def allows(self, emptied: int, names: int) -> bool:
        """Say whether a run goes on with so many emptied names of all."""
        return emptied <= self.max_emptied * names


@cache
def _fold_letter(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(_LATIN_LETTERS.get(part, part) for part in parts if unicodedata.category(part)[0] != "M")


def fold_letters(text: str) -> str:
    """Replace accented and special Latin letters by a to z: "Chloé Søren" → "Chloe Soren".

    Takes the compatibility decomposition (NFKD) of every Latin letter without its combining marks, and the usual
    spelling of letters that NFKD does not split (ø æ œ ß ł đ ð þ ı …). Other scripts and characters stay: their marks
    make other letters, as in й, or are vowels.
    """
    return text if text.isascii() else _FOLDED.sub(lambda found: _fold_letter(found[0]), text)


def clean_names(names: Sequence[str], how: Cleaning) -> list[str]:
    """Clean product names.

    In this order: fold accents; take the words, which are the runs of letters and digits; drop digits; drop stop words;
    lower case. Stop words are English and are matched with their case, so "The" stays. The negations no, nor and not
    stay too.

    With `letters` unicode, names are first composed (NFC), and characters of unusual width become usual ones. A letter
    keeps its marks, as the vowels of Devanagari. Chinese, Japanese, Thai, Lao, Khmer and Burmese have no spaces between
    words: there, every two neighbouring characters (with their marks) are a word, as in search engines (Lucene's
    CJKAnalyzer). Most Chinese words have two, and no dictionary is needed, nor lacks the brands.

    Args:
        names: N, as in the catalogue.
        how: with `letters` ascii and accents not folded, accented letters are dropped, as the published notebook did:
            "Chloé" → "chlo".

    Returns:
        N strings of lower-case words with single spaces between them; empty where nothing is left.
    """
    distinct = list(dict.fromkeys(names))
    if 2 * len(distinct) > len(names):
        return _clean(names, how)
    # Pictures of a product share its name; clean it once.
    cleaned = dict(zip(distinct, _clean(distinct, how), strict=True))
    return [cleaned[name] for name in names]


def emptied_names(names: Iterable[str], cleaned: Iterable[str]) -> list[str]:
    """Return the names of which cleaning left no word; a product without a name has none to lose."""
    return [name for name, left in zip(names, cleaned, strict=True) if name and not left]


def describe_emptied(emptied: Sequence[str], count: int, how: Cleaning) -> str:
    """Say how many of `count` names cleaning has emptied, which, and which other setting keeps how many of them."""
    first = ", ".join(map(repr, dict.fromkeys(emptied[:_FIRST])))
    others = ((setting, value, how.changed(**{setting: value})) for setting, value in _KEEPING)
    keeping = [
        f"preprocess_text.{setting}: {value} keeps {kept} of them"
        for setting, value, other in others
        if (kept := sum(map(bool, clean_names(emptied, other))))
    ]
    share = f"{len(emptied)} of {count} names ({len(emptied) / count:.1%})"
    return ". ".join([f"{share} have no word left after cleaning, first {first}", *keeping])


def _clean(names: Sequence[str], how: Cleaning) -> list[str]:
    names = [name if name.isascii() else _compose(name, how) for name in names]
    blocks = (names[start : start + _BLOCK] for start in range(0, len(names), _BLOCK))
    cleaned = [name for block in blocks for name in _clean_block(block, how)]
    if how.letters == "unicode":
        for row, name in enumerate(names):
            if not name.isascii() and _BEYOND_ASCII.search(name):
                cleaned[row] = _chosen(_unicode_words(name, how.digits), how)
    return cleaned


def _compose(name: str, how: Cleaning) -> str:
    if how.letters == "unicode":
        name = _WIDTHS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), name)
        name = _WITHIN.sub("", unicodedata.normalize("NFC", name))
    return fold_letters(name) if how.fold_accents else name


def _clean_block(names: Sequence[str], how: Cleaning) -> list[str]:
    text = "\n".join([name.replace("\n", " ") for name in names])
    deleted = _DIGITS if how.digits == "drop" else b""
    letters = text.encode("ascii", "replace").translate(_LETTERS_OR_SPACE, deleted)
    # All names of a block as one list of words, in which a mark ends each name: a few calls a block, not a few a name.
    words = letters.replace(b"\n", b" \x00 ").decode("ascii").split()
    return _chosen(words, how).replace(" \x00", "\x00").replace("\x00 ", "\x00").split("\x00")


def _chosen(words: Iterable[str], how: Cleaning) -> str:
    if how.digits == "mixed":
        words = filterfalse(str.isdecimal, words)
    return " ".join(filterfalse(DROPPED.__contains__, words)).lower()


def _unicode_words(name: str, digits: str) -> Iterator[str]:
    def written(digit: regex.Match[str]) -> str:
        return "" if digits == "drop" else str(unicodedata.decimal(digit[0][0], ""))

    for unspaced, word in _RUNS.findall(name):
        if unspaced:
            characters = regex.findall(r"\X", unspaced)
            yield from map("".join, pairwise(characters)) if len(characters) > 1 else characters
        elif kept := _DIGIT.sub(written, word):
            yield kept
