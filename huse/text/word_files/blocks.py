"""Reads a source block by block, unpacking and fingerprinting it."""

import gzip
import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self, cast

from huse.errors import InputError
from huse.text.word_files.source import Source

BLOCK = 1 << 20  # bytes: fits the CPU's cache, and the loop costs little

GZIP = b"\x1f\x8b"
MEGABYTE = 1_000_000

Advance = Callable[[int], object]


class Blocks:
    """The bytes of a source, in blocks. Iterate once, inside a ``with`` statement.

    Gzip is recognised by its first bytes. `advance` is called with the megabytes read since the last call.

    Attributes:
        head: the first block, which tells the format.
        packed: the file is gzip or zip.
    """

    def __init__(self, source: Source, advance: Advance) -> None:
        self._source = source
        self._advance = advance
        self._digest = hashlib.sha256()
        self._hashing: Future[None] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                self._raw: IO[bytes] = stack.enter_context(self._source.path.open("rb"))
                self._stream = stack.enter_context(self._unpacked(self._raw))
            except (OSError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
                raise InputError(f"{self._source}: cannot be read ({error}). Unpack it, and name the file.") from None
            # A thread computes the digest during parsing: hashlib releases the interpreter's lock.
            self._pool = stack.enter_context(ThreadPoolExecutor(1))
            self.head = self._read()
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def __iter__(self) -> Iterator[bytes]:
        megabytes = 0
        block = self.head
        while block:
            if self._hashing:
                self._hashing.result()
            self._hashing = self._pool.submit(self._digest.update, block)
            yield block
            now = self._raw.tell() // MEGABYTE
            self._advance(now - megabytes)
            megabytes = now
            block = self._read()

    def sha256(self) -> str:
        """Return the SHA-256 of all bytes read, unpacked, in hexadecimal."""
        if self._hashing:
            self._hashing.result()
        return self._digest.hexdigest()

    def _unpacked(self, raw: IO[bytes]) -> IO[bytes]:
        if self._source.member is not None:
            self.packed = True
            return zipfile.ZipFile(raw).open(self._source.member)
        self.packed = raw.read(len(GZIP)) == GZIP
        raw.seek(0)
        return cast(IO[bytes], gzip.open(raw)) if self.packed else raw

    def _read(self) -> bytes:
        try:
            return self._stream.read(BLOCK)
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
            raise InputError(f"{self._source}: damaged or cut off ({error}). Fetch it again.") from None
