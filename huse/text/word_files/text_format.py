"""Word vectors as text: GloVe, word2vec text with its header, fastText .vec.

D numbers a line.
"""

import statistics
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from huse.errors import InputError
from huse.text.word_files.found import Found

PARSED_LINES = 512  # together: one call for each line would take longer than the numbers
SAMPLE_LINES = 20  # that tell how many numbers a line has

BOM = b"\xef\xbb\xbf"


def header(head: bytes) -> tuple[int, int] | None:
    """Return words and dimension where the first line says them ("400000 300"), as word2vec writes it."""
    fields = head.partition(b"\n")[0].removeprefix(BOM).split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def is_binary(head: bytes) -> bool:
    """Whether a header is followed by something that is no line of text with numbers in it."""
    said, _, rest = head.partition(b"\n")
    return header(said) is not None and bool(rest) and _trailing_numbers(rest.partition(b"\n")[0]) == 0


def read_text(blocks: Iterable[bytes], head: bytes, wanted: Iterable[str], *, name: str) -> Found:
    """Read words from text, in one pass.

    The numbers of a word that is not wanted are never parsed. A word may hold spaces, and is then never one that
    is wanted; of a word that comes twice the first counts. A line with another count of numbers, or with
    something else in their place, is passed over and is a fault.

    Args:
        blocks: the bytes of the file; words are UTF-8.
        head: the first of them.
        wanted: the words to keep.
        name: of the file, for messages.

    Raises:
        InputError: no line looks like a word and its numbers.
    """
    return _TextReader(head, wanted, name).read(blocks)


class _TextReader:
    def __init__(self, head: bytes, wanted: Iterable[str], name: str) -> None:
        said, lines = header(head), _first_lines(head)
        # The header of a file of one number a line looks like its lines.
        if said and len(lines) > 1 and statistics.mode(map(_trailing_numbers, lines[1:])) != said[1]:
            said = None
        lines = lines[1:] if said else lines
        self.count = said[0] if said else None
        self.dimension = said[1] if said else (statistics.mode(map(_trailing_numbers, lines)) if lines else 0)
        if not self.dimension:
            raise InputError(f"{name}: expected a word and its numbers a line, found {head[:40]!r}.")
        ending = any(line.endswith((b" ", b" \r")) for line in lines)  # fastText ends its lines with a space
        self.spaces = self.dimension + ending
        self.missing = {word.encode("utf-8", "surrogatepass") for word in wanted}
        self.kept: list[tuple[int, bytes]] = []
        self.found = Found(self.dimension, "word2vec text" if said else "GloVe text")
        self.lines = 0  # read, the header among them

    def read(self, blocks: Iterable[bytes]) -> Found:
        for whole_lines, all_spaces in _lines(blocks):
            lines, spaces = whole_lines, all_spaces
            if self.count is not None and not self.lines and lines:
                self.lines, spaces, lines = 1, spaces - lines[0].count(b" "), lines[1:]
            self._take(lines, spaces)
            self.lines += len(lines)
            if len(self.kept) >= PARSED_LINES:
                self._parse()
        self._parse()
        if self.count is not None and self.lines - 1 < self.count:
            self.found.faults.append(f"the first line says {self.count:,} words, {self.lines - 1:,} lines follow")
        return self.found

    def _take(self, lines: list[bytes], spaces: int) -> None:
        """Keep the lines whose word is wanted and was not seen before.

        Args:
            lines: whole lines.
            spaces: in all of them together.
        """
        missing = self.missing
        # As many spaces as there should be in all lines together: then each is as it should be.
        regular = spaces == self.spaces * len(lines)
        for number, line in enumerate(lines, start=self.lines + 1):
            if not regular and not self._is_regular(line, number):
                continue
            word = line[: line.find(b" ")]
            if word in missing:
                missing.discard(word)
                self.kept.append((number, line))

    def _is_regular(self, line: bytes, number: int) -> bool:
        """Whether a line is a word without spaces and D numbers; notes a fault."""
        line = line.rstrip(b" \r")
        surplus = line.count(b" ") - self.dimension
        if surplus == 0 or not line:
            return surplus == 0
        if surplus < 0 or all(map(_is_number, line.split(b" ")[1 : surplus + 1])):
            found = line.count(b" ")
            self.found.faults.append(f"line {number:,} has {found} numbers in place of {self.dimension}")
        return False

    def _parse(self) -> None:
        if not self.kept:
            return
        rows = [line.rstrip(b" \r").partition(b" ")[::2] for _, line in self.kept]
        try:
            numbers = _numbers([row for _, row in rows])
        except ValueError:
            # One of them is damaged: read each by itself.
            numbers = np.full((len(rows), self.dimension), np.nan, np.float32)
            for place, (_, row) in enumerate(rows):
                try:
                    numbers[place] = _numbers([row])[0]
                except ValueError:
                    continue
        finite = [bool(np.isfinite(vector).all()) for vector in numbers]
        for (word, _), (number, _), vector, good in zip(rows, self.kept, numbers, finite, strict=True):
            if good:
                self.found.vectors[word.decode("utf-8", "surrogatepass")] = vector
            else:
                self.found.faults.append(f"line {number:,} holds something that is no finite number")
        self.kept.clear()


def _lines(blocks: Iterable[bytes]) -> Iterator[tuple[list[bytes], int]]:
    """Yield the whole lines of every block, without their ends, and how many spaces they hold together."""
    rest, before, first = b"", 0, True
    for block in blocks:
        clean = block.removeprefix(BOM) if first else block
        first = False
        spaces = before + int(np.count_nonzero(np.frombuffer(clean, np.uint8) == ord(" ")))
        lines = clean.split(b"\n")
        lines[0] = rest + lines[0]
        rest = lines.pop()
        before = rest.count(b" ")
        yield lines, spaces - before
    if rest:
        yield [rest], before


def _first_lines(head: bytes) -> list[bytes]:
    lines = head.removeprefix(BOM).split(b"\n", SAMPLE_LINES)
    whole = lines[:-1] if len(lines) > 1 else lines
    return [line for line in whole if line.strip()]


def _trailing_numbers(line: bytes) -> int:
    fields = line.rstrip(b" \r").split(b" ")
    count = 0
    for field in reversed(fields[1:]):
        if not _is_number(field):
            break
        count += 1
    return count


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _numbers(rows: list[bytes]) -> npt.NDArray[np.float32]:
    # By way of float64, as everyone who reads a float and rounds it does: the same float32 in the last bit.
    parsed = np.loadtxt(rows, np.float64, delimiter=" ", comments=None, encoding="latin-1", ndmin=2)
    with np.errstate(over="ignore"):
        return parsed.astype(np.float32)
