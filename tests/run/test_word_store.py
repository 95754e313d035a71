"""The word vectors in use, on disk."""

import json

import numpy as np
import pandas as pd
import pytest

from huse.errors import InputError
from huse.run.artifacts import Outputs
from huse.run.word_store import read_word_vectors


@pytest.fixture
def stored(tmp_path):
    words = pd.DataFrame({"word": ["blue", "t-shirt"]})
    vectors = np.array([[3, 4], [0.5, 0]], np.float32)
    paths = tmp_path / "vectors.npy", tmp_path / "words.parquet"
    with Outputs() as outputs:
        outputs.described_array(paths[0], vectors, {"source": "v.txt"})
        outputs.table(paths[1], words)
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
    with pytest.raises(InputError, match=r"vectors.npy: not the array that .*vectors.json describes"):
        read_word_vectors(*stored)
    np.save(stored[0], np.ones((3, 2), np.float32))
    with pytest.raises(InputError, match="expected 2 × any float32, found 3 × 2 float32"):
        read_word_vectors(*stored)
    stored[0].write_bytes(b"no array")
    with pytest.raises(InputError, match="not a readable array"):
        read_word_vectors(*stored)
