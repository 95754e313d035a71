"""One reader for all sets of word vectors."""

from collections.abc import Callable, Collection

from huse.errors import InputError
from huse.files import fingerprint_file
from huse.text.word_files.binary_format import read_binary
from huse.text.word_files.blocks import Advance, Blocks
from huse.text.word_files.fasttext_format import FASTTEXT, least_size, read_fasttext
from huse.text.word_files.found import Found
from huse.text.word_files.source import Source
from huse.text.word_files.text_format import header, is_binary, read_text

PICKLE = b"\x80"  # the first byte of a file that gensim's `save` wrote


def read_words(
    source: Source,
    wanted: Collection[str],
    compose: Collection[str] = (),
    *,
    first: int = 0,
    advance: Advance = lambda count: None,
) -> Found:
    """Read the vectors of some words from a set of word vectors in any known format.

    The content tells the format, not the name: GloVe text, word2vec text, fastText .vec and word2vec binary, each plain
    or packed by gzip or zip; fastText binary. Text and word2vec binary are read in one pass, in blocks, at any size.
    Files of gensim's `save` are pickles, and are refused.

    Args:
        source: see `find_source`.
        wanted: words to keep, spelled as in the file.
        compose: words that fastText's binary format may compose from parts if it does not have them as a whole.
        first: number of words from the start of the source to keep too; sources begin with the most frequent words.
        advance: called with the megabytes read since the last call.

    Returns:
        The words found.

    Raises:
        InputError: the source is damaged or of no known format.
    """
    with Blocks(source, advance) as blocks:
        head = blocks.head
        if not _is_fasttext(source, blocks):
            found = _reader(head)(blocks, head, wanted, name=str(source), first=first)
            found.sha256 = blocks.sha256()
            return found
    found = read_fasttext(source.path, wanted, compose, first)
    found.sha256 = fingerprint_file(source.path)
    return found


def _reader(head: bytes) -> Callable[..., Found]:
    """Return what reads a set in one pass, by its first bytes."""
    return read_binary if is_binary(head) else read_text


def peek(source: Source) -> tuple[str, int]:
    """Return the format of a source and its numbers a word, by its first block.

    Raises:
        InputError: see `read_words`.
    """
    with Blocks(source, lambda count: None) as blocks:
        head = blocks.head
        if _is_fasttext(source, blocks):
            _refuse_cut(source, least_size(head))
            return "fastText binary", int.from_bytes(head[8:12], "little")  # after its mark and version
        if is_binary(head):
            count, dimension = header(head) or (0, 0)
            if not blocks.packed:
                _refuse_cut(source, count * (1 + 4 * dimension))  # after a word stands a space
            return "word2vec binary", dimension
        lines = head[: head.rfind(b"\n") + 1] or head  # the last one may go on in the next block
        found = _reader(head)([lines], head, (), name=str(source))
        return found.format, found.dimension


def _refuse_cut(source: Source, least: int) -> None:
    size = source.path.stat().st_size
    if size < least:
        raise InputError(
            f"{source}: its first bytes tell of {least:,} bytes or more, found {size:,}: it is cut off. Fetch it again."
        )


def fingerprint_words(source: Source) -> str:
    """Return the SHA-256 of a source's bytes, unpacked, as `read_words` does."""
    with Blocks(source, lambda count: None) as blocks:
        for _ in blocks:
            pass
        return blocks.sha256()


def _is_fasttext(source: Source, blocks: Blocks) -> bool:
    if blocks.head.startswith(PICKLE):
        raise InputError(
            f"{source}: expected word vectors, found a pickle, which could run code of its own and is not read. "
            "Save the vectors in the word2vec format: vectors.save_word2vec_format(path, binary=True)."
        )
    fasttext = blocks.head.startswith(FASTTEXT)
    if fasttext and blocks.packed:
        raise InputError(f"{source}: this format is read from a file that is not packed. Unpack it first.")
    return fasttext
