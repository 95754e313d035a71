"""Errors that a user can mend, wrong input and what the system refuses; and how all is said to a terminal."""

import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Errors of the system that say more about the machine than about the program, and what to do.
REMEDIES = {
    errno.ENOSPC: "Make room on the disk",
    errno.EDQUOT: "Make room within the quota",
    errno.EFBIG: "Raise the limit on the size of files",
    errno.EROFS: "Make the folder writable",
    errno.EEXIST: "Move the file that stands where a folder is to be, or give another place",
    errno.ENOTDIR: "Move the file that stands where a folder is to be, or give another place",
    errno.EACCES: "Allow this user to read and write it",
    errno.EPERM: "Allow this user to read and write it",
    errno.ENAMETOOLONG: "Give a shorter name",
    errno.EMFILE: "Raise the limit on open files",
    errno.EBUSY: "If it is a mount point, mount the folder above it instead; else end what uses it",
    errno.EIO: "Look whether the disk is full, or damaged",
}
# What torch and the loader of libraries say of it.
NO_MEMORY = ("can't allocate memory", "failed to map segment from shared object")
LONGEST = 2000  # characters of a message
# Signs that Python counts as not printable: the second and third join or part the letters of Persian, of Indian scripts
# and of emoji, and steer nothing.
KEPT = "\n\u200c\u200d"
# What SQLite says in place of its number, of DVC's notes on files.
UNNUMBERED = {
    "database or disk is full": errno.ENOSPC,
    "disk I/O error": errno.EIO,
    "attempt to write a readonly database": errno.EROFS,
    "unable to open database file": errno.EACCES,
}


class InputError(Exception):
    """Input is wrong.

    The message names the file, row or parameter, says what was expected and what was found, and what
    to do about it. A stage prints it without a traceback and ends with exit code 2. It may repeat any value that a
    user gave, so what may be a secret in a URL is left out here, once for all. So are paths of copies: see `call`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(as_called(shown(message)))


_CALLED: dict[str, str] = {}  # paths → what the user calls them


def call(path: Path, name: str) -> None:
    """Have messages of this process name a path as the user does, such as a copy by the URL that it was made of."""
    _CALLED[str(path)] = name


def as_called(text: str) -> str:
    """Return a text with paths named as `call` said."""
    for path, name in _CALLED.items():
        text = text.replace(path, name)
    return text


def shown(text: str) -> str:
    """Return a text without what may be a credential: user and password, query, and signature of its URLs.

    Of a password with a slash, too, as those of S3 often have one; and of a URL that has lost one of its slashes.
    """
    text = re.sub(r"(?<=:/)(/?)(?!arn:)[^/@\s:]*:(?!\d{1,5}(?:/|\s|$))\S*@", r"\1…@", text)
    text = re.sub(r"(?<!abfs)(?<!abfss)(?<!az)(?<!azure)(://)[^/@\s]+@", r"\1…@", text)  # there, it is the container
    return re.sub(r"(://[^\s?#]*)[?#]\S*?(?=[:;,.)'\"]*(?:\s|$))", r"\1?…", text)


def said_of_system(error: Exception) -> str | None:
    """Return one line on an error of the system that a user can mend, such as a full disk; None for any other.

    Libraries that write files themselves wrap such an error, and name its number or its kind in their message.
    """
    named = re.search(r"os error (\d+)", str(error))
    number = getattr(error, "errno", None) or (int(named[1]) if named else None)
    number = number or UNNUMBERED.get(str(error))
    if isinstance(error, MemoryError) or any(said in str(error) for said in NO_MEMORY):
        wanted = str(error).splitlines() or ["the memory is used up"]
        return f"{wanted[0].rstrip('.')}. Lower batch_size, or whatever was raised, or use a machine with more memory."
    if number not in REMEDIES:
        return None
    quoted = re.search(r"file '([^']+)'", str(error))
    place = getattr(error, "filename", None) or (quoted and quoted[1])
    return f"{f'{place}: ' if place else ''}{os.strerror(number)}. {REMEDIES[number]}, and run it again."


def for_terminal(text: str) -> str:
    """Return a message without signs that steer a terminal, which input may hold; a long one without its middle."""
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
    return "".join(one if one.isprintable() or one in KEPT else repr(one)[1:-1] for one in text)


class _ForTerminal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return for_terminal(as_called(super().format(record)))


def log_to_terminal() -> None:
    """Have what is logged from the level INFO on printed to stderr, as `for_terminal` says it."""
    handler = logging.StreamHandler()
    handler.setFormatter(_ForTerminal())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


@contextmanager
def in_one_line(system: str = "") -> Iterator[None]:
    """Print an error that a user can mend without a traceback, and end the process.

    The exit code is 2 for an `InputError`, 1 for an error of the system.

    Args:
        system: what to add to an error of the system.
    """
    try:
        yield
    except InputError as error:
        print(f"error: {for_terminal(str(error))}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        said = said_of_system(error)
        if said is None:
            raise
        print(f"error: {for_terminal(said)}{system}", file=sys.stderr)
        sys.exit(1)
