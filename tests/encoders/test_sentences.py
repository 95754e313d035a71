import numpy as np
import pytest

from huse.encoders.families import load_encoder
from huse.encoders.sentences import InferSentEncoder, MeanEncoder
from huse.errors import InputError
from huse.text.infersent import encode, random_infersent
from huse.text.word_vectors import keyed_vectors, mean_word_vectors

TEXTS = ["red shoe", "shoe", "red red shoe"]
WORDS = keyed_vectors(["<s>", "</s>", "red", "shoe"], np.arange(20, dtype=np.float32).reshape(4, 5) / 20)


def infersent(**changes):
    reading = {"version": 1, "pooling": "max", "padding_in_max": False}
    return InferSentEncoder(random_infersent(5, 3, seed=1), WORDS, **{**reading, **changes})


def test_each_applies_what_it_is_named_after():
    expected = encode(random_infersent(5, 3, seed=1), TEXTS, WORDS, version=1, pooling="max")
    np.testing.assert_array_equal(infersent().encode(TEXTS), expected)
    np.testing.assert_array_equal(MeanEncoder(WORDS, 1).encode(TEXTS), mean_word_vectors(TEXTS, WORDS, 1))


@pytest.mark.parametrize(
    "before", [infersent(), infersent(pooling="mean"), infersent(padding_in_max=True), MeanEncoder(WORDS, 1)]
)
def test_a_saved_encoder_gives_the_same_vectors(tmp_path, before):
    before.save(tmp_path)
    after = load_encoder(tmp_path)
    assert after.config == before.config and after.dimension == before.encode(TEXTS).shape[1]
    np.testing.assert_allclose(after.encode(TEXTS), before.encode(TEXTS), atol=1e-6)  # products of mapped arrays


@pytest.mark.parametrize("file", ["words.npy", "weights.safetensors"])
def test_a_missing_file_is_named(tmp_path, file):
    infersent().save(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(InputError, match=file):
        load_encoder(tmp_path)
