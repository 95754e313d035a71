"""Word vectors on disk, and sources that are read once."""

import json
import os

import numpy as np
import pytest

from huse import word_store
from huse.artifacts import Outputs
from huse.errors import InputError
from huse.text.spelling import Spelled
from huse.text.word_files.source import Source
from huse.word_store import read_source, read_word_vectors, write_word_vectors

TEXT = "red 1 2\nblue 3 4\nGreen 5 6\n"


@pytest.fixture
def stored(tmp_path):
    chosen = {
        "blue": Spelled(np.array([3, 4], np.float32), "as_written", "blue"),
        "t-shirt": Spelled(np.array([0.5, 0], np.float32), "hyphens", "t + shirt"),
    }
    paths = tmp_path / "vectors.npy", tmp_path / "words.parquet"
    with Outputs() as outputs:
        write_word_vectors(outputs, *paths, chosen, dimension=2, about={"source": "v.txt"})
    return paths


def test_what_is_written_is_opened_without_copying(stored):
    vectors = read_word_vectors(*stored)
    assert vectors.index_to_key == ["blue", "t-shirt"]
    assert vectors["t-shirt"].tolist() == [0.5, 0]
    assert isinstance(vectors.vectors, np.memmap)
    assert vectors.vectors.dtype == np.float32
    manifest = json.loads(stored[0].with_suffix(".json").read_text())
    assert (manifest["source"], manifest["shape"]) == ("v.txt", [2, 2])


def test_vectors_of_other_words_are_refused(stored):
    np.save(stored[0], np.ones((2, 2), np.float32))
    with pytest.raises(InputError, match=r"vectors.npy: not what .*vectors.json describes"):
        read_word_vectors(*stored)
    np.save(stored[0], np.ones((3, 2), np.float32))
    with pytest.raises(InputError, match=r"not the vectors of the 2 words"):
        read_word_vectors(*stored)
    stored[0].write_bytes(b"no array")
    with pytest.raises(InputError, match="not a readable array"):
        read_word_vectors(*stored)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text(TEXT)
    return Source(path)


@pytest.fixture
def reads(monkeypatch):
    """The sources that were read, in order."""
    seen = []
    read = word_store.read_words

    def counted(source, *arguments, **options):
        seen.append(source)
        return read(source, *arguments, **options)

    monkeypatch.setattr(word_store, "read_words", counted)
    return seen


def as_dict(found):
    return {word: vector.tolist() for word, vector in found.vectors.items()}


def ask(source, tmp_path, *words):
    return read_source(source, words, tmp_path / "cache", lambda megabytes: None)


def test_a_source_is_read_again_for_new_words_alone(source, tmp_path, reads):
    first = ask(source, tmp_path, "red", "green", "none")
    assert as_dict(first) == {"red": [1, 2], "Green": [5, 6]}
    for words in (("red", "green", "none"), ("red",), ("none",), ()):
        again = ask(source, tmp_path, *words)
        assert as_dict(again) == as_dict(first)
        assert (again.sha256, again.format, again.dimension) == (first.sha256, "GloVe text", 2)
    assert len(reads) == 1
    assert as_dict(ask(source, tmp_path, "blue")) == {"red": [1, 2], "blue": [3, 4], "Green": [5, 6]}
    ask(source, tmp_path, "red", "blue")
    assert len(reads) == 2


def test_a_changed_source_is_read_again(source, tmp_path, reads):
    ask(source, tmp_path, "red")
    source.path.write_text("red 7 8\n")
    assert as_dict(ask(source, tmp_path, "red")) == {"red": [7, 8]}
    os.utime(source.path, ns=(0, 0))
    ask(source, tmp_path, "red")
    assert len(reads) == 3


def test_every_source_is_remembered_by_itself(source, tmp_path, reads):
    other = Source(tmp_path / "other.txt")
    other.path.write_text("red 0 0 1\n")
    for one in (source, other, source, other):
        ask(one, tmp_path, "red")
    assert reads == [source, other]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"source": {}}', b"\xff"])
def test_a_damaged_memory_is_no_memory(source, tmp_path, reads, content):
    ask(source, tmp_path, "red")
    for kind in ("*.json", "*.npy"):
        next((tmp_path / "cache").glob(kind)).write_bytes(content)
        assert as_dict(ask(source, tmp_path, "red")) == {"red": [1, 2]}
    assert len(reads) == 3


def test_what_cannot_be_read_leaves_the_memory_as_it_was(source, tmp_path):
    ask(source, tmp_path, "red")
    before = {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()}
    source.path.write_bytes(b"no vectors")
    with pytest.raises(InputError):
        ask(source, tmp_path, "red")
    assert {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == before
