"""Products that are read once, and what is asked of them afterwards."""

import numpy as np
import pytest

from huse.encoders.contract import ItemError
from huse.encoders.words import WordsEncoder
from huse.errors import InputError
from tests.use.test_model import TEXTS, make


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.fixture(scope="module")
def pictures():
    return list(np.random.default_rng(0).integers(0, 256, (6, 40, 60, 3), dtype=np.uint8))


@pytest.fixture
def encoded(monkeypatch):
    """How many texts were encoded, call by call."""
    counts, encode = [], WordsEncoder.encode
    monkeypatch.setattr(WordsEncoder, "encode", lambda self, texts: counts.append(len(texts)) or encode(self, texts))
    return counts


def test_all_is_asked_of_one_reading_and_is_what_each_call_gives(model, pictures, encoded):
    reading = model.read(pictures, TEXTS)
    found = reading.embeddings(), reading.probabilities(), reading.classify(2), reading.decide(0.7)
    assert encoded == [6] and len(reading) == 6
    np.testing.assert_array_equal(found[0], model.encode(pictures, TEXTS))
    np.testing.assert_array_equal(found[1], model.class_probabilities(pictures, TEXTS))
    assert found[2] == model.classify(pictures, TEXTS, top=2) and found[3] == model.decide(pictures, TEXTS, 0.7)
    with pytest.raises(InputError, match="top: expected at least 1, found 0"):
        reading.classify(0)


def test_a_slice_is_what_was_read_of_its_products(model, pictures):
    images = [pictures[0], None, b"no picture", [pictures[3], b"neither"], pictures[4]]
    texts = ["red hat", "shoe", "hat", None, ""]
    reading = model.read(images, texts, errors="report")
    assert [error.number for error in reading.errors] == [2, 3]
    whole = reading.embeddings(), reading.probabilities(), reading.decide()
    assert np.isnan(whole[0]).any(axis=1).tolist() == [False, False, True, False, False]
    for rows in (slice(0, 2), slice(2, 3), slice(2, 5), slice(3, None)):
        part, expected = reading[rows], range(5)[rows]
        np.testing.assert_allclose(part.embeddings(), whole[0][rows], atol=1e-6)
        np.testing.assert_array_equal(part.probabilities(), whole[1][rows])
        assert part.decide() == whole[2][rows] and len(part) == len(expected)
        assert [error.number + rows.start for error in part.errors] == [n for n in (2, 3) if n in expected]
    assert "picture left out" in reading[3:4].decide()[0].remarks[0] and reading[3:4].decide()[0].class_path


def test_a_name_that_cannot_be_encoded_is_called_so(model, pictures, monkeypatch):
    def refuse(encoder, texts):
        raise ItemError(0, "text", "no vector was given for this name")

    monkeypatch.setattr(WordsEncoder, "encode", refuse)
    (decision,) = model.read(pictures[:1], ["hat"], errors="report").decide()
    assert decision.remarks == ("name left out, no vector was given for this name",) and decision.by_picture
