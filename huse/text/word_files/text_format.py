"""Word vectors as text: GloVe, word2vec text with its header, fastText .vec.

D numbers a line.
"""

import statistics
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from huse.errors import InputError
from huse.kinds import kind_of
from huse.text.word_files.found import Found

PARSED_LINES = 512  # parsed together: one call a line would be slow
SAMPLE_LINES = 20  # that tell the numbers a line

MOST_DIGITS = 12  # of a count in a header

CONTROL = bytes({*range(32)} - set(b"\t\n\v\f\r"))  # bytes that never occur in text

BOM = b"\xef\xbb\xbf"


def header(head: bytes) -> tuple[int, int] | None:
    """Return words and dimension if the first line has them ("400000 300"), as in word2vec."""
    fields = head.partition(b"\n")[0].removeprefix(BOM).split()
    if len(fields) != 2 or not all(field.isdigit() and len(field) < MOST_DIGITS for field in fields):
        return None
    words, dimension = map(int, fields)
    return (words, dimension) if dimension else None


def is_binary(head: bytes) -> bool:
    """Whether bytes follow the header that text never holds: a sign of binary numbers."""
    said, _, rest = head.partition(b"\n")
    return header(said) is not None and len(rest.translate(None, CONTROL)) < len(rest)


def read_text(blocks: Iterable[bytes], head: bytes, wanted: Iterable[str], *, name: str, first: int = 0) -> Found:
    """Read words from text, in one pass.

    The numbers of unwanted words are never parsed. Words with spaces are never wanted. If a word comes twice, its first
    sound line counts. A line with the wrong count of numbers, or without numbers, is skipped and noted as a fault.

    Args:
        blocks: the bytes of the file; words are UTF-8.
        head: the first block.
        wanted: the words to keep.
        name: of the file, for messages.
        first: see `huse.text.word_files.reading.read_words`.

    Raises:
        InputError: no line is a word and its numbers.
    """
    return _TextReader(head, wanted, name, first).read(blocks)


class _TextReader:
    def __init__(self, head: bytes, wanted: Iterable[str], name: str, first: int) -> None:
        said, lines = header(head), _first_lines(head)
        # In a file with one number a line, the header looks like the other lines.
        if said and len(lines) > 1 and statistics.mode(map(_trailing_numbers, lines[1:])) != said[1]:
            said = None
        lines = lines[1:] if said else lines
        self.name = name
        self.first = first + bool(said)  # lines whose words are always kept, header included
        self.count = said[0] if said else None
        self.dimension = said[1] if said else (statistics.mode(map(_trailing_numbers, lines)) if lines else 0)
        if not self.dimension:
            found = kind_of(head) or repr(head[:40]) + (" with tabs" if b"\t" in head[:1000] else "")
            raise InputError(
                f"{name}: expected a word and its numbers a line, single spaces between them, found {found}."
            )
        ending = any(line.endswith((b" ", b" \r")) for line in lines)  # fastText ends its lines with a space
        self.spaces = self.dimension + ending
        self.kept: list[tuple[int, bytes]] = []
        self.found = Found(self.dimension, "word2vec text" if said else "GloVe text")
        self.found.look_for(wanted)
        self.lines = 0  # read, header included
        self.irregulars, self.irregular = 0, b""  # lines that are not a word and D numbers; the first one

    def read(self, blocks: Iterable[bytes]) -> Found:
        """Read all blocks; see `read_text`."""
        for whole_lines, all_spaces in _lines(blocks):
            lines, spaces = whole_lines, all_spaces
            if self.count is not None and not self.lines and lines:
                self.lines, spaces, lines = 1, spaces - lines[0].count(b" "), lines[1:]
            self._take(lines, spaces)
            self.lines += len(lines)
            if len(self.kept) >= PARSED_LINES:
                self._parse()
        self._parse()
        if 2 * self.irregulars > self.lines:
            raise InputError(
                f"{self.name}: expected a word and {self.dimension} numbers a line, with single spaces between them; "
                f"found otherwise in {self.irregulars:,} of {self.lines:,} lines, first {self.irregular[:40]!r}."
            )
        if self.count is not None and self.lines - 1 < self.count:
            self.found.faults.append(f"the first line says {self.count:,} words, {self.lines - 1:,} lines follow")
        return self.found

    def _take(self, lines: list[bytes], spaces: int) -> None:
        """Keep the lines whose word is wanted and new; `spaces` is their number in all lines."""
        missing = self.found.missing
        # With the right number of spaces, nearly always all lines are sound.
        regular = spaces == self.spaces * len(lines)
        for number, line in enumerate(lines, start=self.lines + 1):
            if not regular and not self._is_regular(line, number):
                continue
            word = line[: line.find(b" ")]
            # Errors in two lines can cancel out, so each kept line is checked by itself.
            if (word in missing or number <= self.first) and (not regular or self._is_regular(line, number)):
                self.kept.append((number, line))

    def _is_regular(self, line: bytes, number: int) -> bool:
        """Whether a line is a word without spaces and D numbers; notes a fault."""
        line = line.rstrip(b" \r")
        surplus = line.count(b" ") - self.dimension
        if surplus == 0 or not line:
            return surplus == 0
        self.irregular = self.irregular or line
        self.irregulars += 1
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
            # One is damaged: parse each by itself.
            numbers = np.full((len(rows), self.dimension), np.nan, np.float32)
            for place, (_, row) in enumerate(rows):
                try:
                    numbers[place] = _numbers([row])[0]
                except ValueError:
                    continue
        for (word, _), (number, _), vector in zip(rows, self.kept, numbers, strict=True):
            leads = number <= self.first
            if word in self.found.missing or (leads and not self.found.has(word)):
                self.found.leading += self.found.add(word, vector, f"line {number:,}") and leads
        self.kept.clear()


def _lines(blocks: Iterable[bytes]) -> Iterator[tuple[list[bytes], int]]:
    """Yield the whole lines of every block, without line ends, and the number of spaces in them."""
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
    # Through float64, as other readers do: the same float32 to the last bit.
    parsed = np.loadtxt(rows, np.float64, delimiter=" ", comments=None, encoding="latin-1", ndmin=2)
    with np.errstate(over="ignore"):
        return parsed.astype(np.float32)
