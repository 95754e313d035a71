"""One reader for all sets of word vectors."""

from collections.abc import Collection

from huse.errors import InputError
from huse.files import fingerprint_file
from huse.text.word_files.binary_format import read_binary
from huse.text.word_files.blocks import Advance, Blocks
from huse.text.word_files.found import Found
from huse.text.word_files.gensim_formats import FASTTEXT, PICKLE, read_fasttext, read_keyed_vectors
from huse.text.word_files.source import Source
from huse.text.word_files.text_format import is_binary, read_text


def read_words(
    source: Source, wanted: Collection[str], compose: Collection[str] = (), *, advance: Advance = lambda count: None
) -> Found:
    """Read the vectors of some words from a set of word vectors in any known format.

    The format is told by the content, not by the name: GloVe text, word2vec text, fastText .vec, each also packed
    by gzip or zip; word2vec binary, packed or not; fastText binary; saved gensim KeyedVectors. Text and word2vec
    binary are read in one pass, in blocks, whatever their size.

    Args:
        source: see `find_source`.
        wanted: the words to keep, spelled as in the file.
        compose: words for which fastText's binary format puts a vector together from parts of words, where it does
            not have them whole.
        advance: called with the megabytes of the file that were read since the last call.

    Returns:
        The words found.

    Raises:
        InputError: the source is damaged or of no known format.
    """
    with Blocks(source, advance) as blocks:
        head = blocks.head
        saved = head.startswith((FASTTEXT, PICKLE))
        if saved and blocks.packed:
            raise InputError(f"{source}: this format is read from a file that is not packed. Unpack it first.")
        if not saved:
            if is_binary(head):
                found = read_binary(blocks, head, wanted, name=str(source))
            else:
                found = read_text(blocks, head, wanted, name=str(source))
            found.sha256 = blocks.sha256()
            return found
    fasttext = head.startswith(FASTTEXT)
    found = read_fasttext(source.path, wanted, compose) if fasttext else read_keyed_vectors(source.path, wanted)
    found.sha256 = "+".join(fingerprint_file(file) for file in source.files())
    return found
