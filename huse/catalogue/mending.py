"""Undoes what exports do to texts, before anything else looks at them.

Shops' tables come with ``&amp;`` and ``&nbsp;``, with the bytes of a character written out in hexadecimal, with
invisible characters, and with accents apart from their letters.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Set

# With the semicolon alone: without it, "R&D", "M&S" and "&not" of a name would change.
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
ESCAPES = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
# Soft hyphen, zero-width space, marks of direction, word joiner, byte order mark. Joiners (U+200C, U+200D) shape words
# in Persian or Hindi, and stay there.
INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
    "|(?<![^\u0000-\u024f])[\u200c\u200d]|[\u200c\u200d](?![^\u0000-\u024f])"
)
# Tags that descriptions are formatted with; other words in angle brackets may be part of a name.
TAG = re.compile(
    r"</?(?:a|b|big|br|center|div|em|font|h[1-6]|hr|i|img|li|ol|p|small|span|strong|sub|sup|table|tbody|td|tr|u|ul)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
# UTF-8 that some program has read as cp1252. Not every run that could be: "ROSÉ®" is as it was meant.
MISREAD = re.compile("[\u00c2\u00c3][^\\w\\s]|[\u00c2\u00c3][\u0080-\u00bfŠŒŽšœžŸƒˆ]|â€.|(?:[ÐÑ][^ -~]){2,}")
# What programs write into an empty cell.
EMPTY = {"nan", "nat", "none", "null", "na", "n/a", "n.a.", r"\n", "undefined", "#name?", "#ref!", "#value!", "#div/0!"}
MOST_ESCAPED = 3  # times that a text is escaped again, as in &amp;amp;


def mend(text: str, *, tags: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return a text as it was meant, and the kinds of repair that it took; see `KINDS`.

    White space stays as it is: `huse.catalogue.reading.tidy` sees to it.

    Args:
        text: as the table has it.
        tags: whether HTML tags become spaces too; in a class path ``<`` has another meaning.
    """
    if text.isascii() and not any(mark in text for mark in "&\\<"):
        return text, ()
    found = []
    for kind, repair in (KINDS | {"HTML tags": _without_tags} if tags else KINDS).items():
        repaired = repair(text)
        if repaired != text:
            found.append(kind)
            text = repaired
    return text, tuple(found)


def says_nothing(text: str, words: Set[str] = EMPTY) -> bool:
    """Say whether a text has no letter and no digit, or is one of some words, in any case and with marks around it."""
    text = text.casefold()
    bare = " ".join(re.findall(r"[\w/]+", text))
    return not any(map(str.isalnum, text)) or not {text, bare}.isdisjoint(words) or set(bare.split()) <= EMPTY


def _unescape(text: str) -> str:
    for _ in range(MOST_ESCAPED):
        before, text = text, ENTITY.sub(lambda match: html.unescape(match[0]), text)
        if text == before:
            break
    return text


def _decode(escapes: re.Match[str]) -> str:
    """Return the characters of UTF-8 bytes that are written out; others stay."""
    try:
        return bytes.fromhex(escapes[0].replace("\\x", "")).decode("utf-8")
    except UnicodeDecodeError:
        return escapes[0]


def _undo_misreading(text: str) -> str:
    """Read again what was read as cp1252, as often as it was; each time makes the text shorter."""
    while (again := MISREAD.sub(_read_again, text)) != text:
        text = again
    return text


def _read_again(run: re.Match[str]) -> str:
    """Return the characters of UTF-8 bytes that were taken for letters of cp1252; others stay."""
    try:
        # What cp1252 has no letter for is left as the byte's number.
        return b"".join(_byte(letter) for letter in run[0]).decode("utf-8")
    except UnicodeError:
        return run[0]


def _byte(letter: str) -> bytes:
    return letter.encode("latin-1" if "\x80" <= letter <= "\x9f" else "cp1252")


def _without_tags(text: str) -> str:
    return TAG.sub(" ", text)


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text)


KINDS: dict[str, Callable[[str], str]] = {
    "HTML entities": _unescape,
    "bytes written out": lambda text: ESCAPES.sub(_decode, text),
    "UTF-8 read as cp1252": _undo_misreading,
    "invisible characters": lambda text: INVISIBLE.sub("", text),
    "accents apart from their letters": _compose,
}
