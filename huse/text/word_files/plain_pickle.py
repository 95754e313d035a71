"""Reads a pickle as data: nothing is imported, called or built, so that a file from anywhere can do no harm."""

import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huse.errors import InputError

_MARK = object()

# What a damaged or hostile file can raise here; a length of a terabyte is a MemoryError.
_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, MemoryError, OverflowError)

# Operations whose argument is the value itself.
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
# Sets as lists: nothing is hashed that could be nested without end.
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list, "EMPTY_TUPLE": tuple}
_COLLECTED = {"LIST": list, "TUPLE": tuple, "FROZENSET": list}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(eq=False)
class NamedObject:
    """What would be an object: the name of its class or maker, what that would be given, and its state."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None


def read_plain(path: Path) -> Any:
    """Return the content of a pickle, with a `NamedObject` for everything that is no plain value.

    Raises:
        InputError: the file is no whole pickle, or uses what plain data has no use for.
    """
    try:
        with path.open("rb") as file:
            return _Reader().read(file)
    except _DAMAGE as error:
        raise InputError(f"{path}: not readable as saved gensim KeyedVectors ({error}). Save them anew.") from None


class _Reader:
    """A pickle's stack and memory."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def read(self, file: Any) -> Any:
        """Return the one value that the file holds; see `read_plain`."""
        for operation, argument, _ in pickletools.genops(file):
            name = operation.name
            if name in _VALUES:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name in _EMPTY:
                self.stack.append(_EMPTY[name]())
            elif name in _COLLECTED:
                self.stack.append(_COLLECTED[name](self._since_mark()))
            elif name in _TUPLES:
                self.stack[-_TUPLES[name] :] = [tuple(self.stack[-_TUPLES[name] :])]
            elif name == "STOP":
                return self.stack.pop()
            elif name not in ("PROTO", "FRAME"):
                self._step(name, argument)
        raise EOFError("cut off")

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name == "MARK":
            stack.append(_MARK)
        elif name == "MEMOIZE":
            self.memory[len(self.memory)] = stack[-1]
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memory[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memory[argument])
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = [stack.pop()] if name == "APPEND" else self._since_mark()
            stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self._since_mark()
            stack[-1].update(zip(_plain(items[::2]), items[1::2], strict=True))
        elif name == "GLOBAL":
            stack.append(NamedObject(argument.replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            stack.append(NamedObject(".".join([stack.pop(-2), stack.pop()])))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments = stack.pop()
            stack.append(NamedObject(stack.pop().name, arguments))
        elif name == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        else:
            raise ValueError(f"operation {name}")

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]


def _plain(keys: list[Any]) -> list[Any]:
    """Return the keys of a dictionary; others than plain values could be nested without end."""
    if not all(isinstance(key, str | int | bytes) for key in keys):
        raise TypeError("a key is no plain value")
    return keys
