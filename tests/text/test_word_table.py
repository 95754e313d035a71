"""A table of words gives what gensim's KeyedVectors gives, and gensim is not imported for it."""

import subprocess
import sys

import numpy as np
import pytest

from huse.text.word_table import WordTable
from huse.text.word_vectors import keyed_vectors
from tests.conftest import ROOT

WORDS = ["hat", "red", "shoe"]


def test_it_is_what_gensim_has():
    vectors = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    ours, theirs = WordTable(WORDS, vectors), keyed_vectors(WORDS, vectors)
    assert (ours.vector_size, len(ours), ours.key_to_index) == (theirs.vector_size, len(theirs), theirs.key_to_index)
    assert ours.index_to_key == theirs.index_to_key
    np.testing.assert_array_equal(ours["red"], theirs["red"])
    np.testing.assert_array_equal(ours[["shoe", "hat"]], theirs[["shoe", "hat"]])
    assert "red" in ours and "Red" not in ours
    with pytest.raises(KeyError):
        ours["Red"]


def test_an_encoder_of_words_needs_no_gensim():
    code = "import sys, huse.encoders.words; assert 'gensim' not in sys.modules and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
