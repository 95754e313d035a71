"""Sources of word vectors are read once."""

import os

import numpy as np
import pytest

from huse.errors import InputError
from huse.run import word_cache
from huse.run.word_cache import read_source
from huse.text.word_files.source import Source

TEXT = "red 1 2\nblue 3 4\nGreen 5 6\n"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text(TEXT)
    return Source(path)


@pytest.fixture
def reads(monkeypatch):
    """The sources that were read, in order."""
    seen = []
    read = word_cache.read_words

    def counted(source, *arguments, **options):
        seen.append(source)
        return read(source, *arguments, **options)

    monkeypatch.setattr(word_cache, "read_words", counted)
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


def test_an_array_of_other_numbers_is_no_memory(source, tmp_path, reads):
    ask(source, tmp_path, "red")
    np.save(next((tmp_path / "cache").glob("*.npy")), np.array([[9, 9]], np.float32))
    assert as_dict(ask(source, tmp_path, "red")) == {"red": [1, 2]}
    assert len(reads) == 2


def test_what_another_version_read_is_no_memory(source, tmp_path, reads, monkeypatch):
    ask(source, tmp_path, "red")
    monkeypatch.setattr(word_cache, "VERSION", word_cache.VERSION + 1)
    ask(source, tmp_path, "red")
    assert len(reads) == 2


def test_a_source_put_in_place_of_another_is_told_from_it(source, tmp_path, reads):
    ask(source, tmp_path, "red")
    state = source.path.stat()
    other = tmp_path / "other"
    other.write_text(TEXT.replace("1 2", "7 8"))
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(source.path)
    assert as_dict(ask(source, tmp_path, "red")) == {"red": [7, 8]}


def test_a_source_that_changes_while_it_is_read_is_refused(source, tmp_path, monkeypatch):
    read = word_cache.read_words

    def changing(*arguments, **options):
        found = read(*arguments, **options)
        source.path.write_text("red 70 80\n")
        return found

    monkeypatch.setattr(word_cache, "read_words", changing)
    with pytest.raises(InputError, match=r"v.txt: changed while it was read"):
        ask(source, tmp_path, "red")
    monkeypatch.undo()
    assert as_dict(ask(source, tmp_path, "red")) == {"red": [70, 80]}


def test_what_cannot_be_read_leaves_the_memory_as_it_was(source, tmp_path):
    ask(source, tmp_path, "red")
    before = {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()}
    source.path.write_bytes(b"no vectors")
    with pytest.raises(InputError):
        ask(source, tmp_path, "red")
    assert {path: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == before
