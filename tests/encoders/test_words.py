import numpy as np
import pytest

from huse.encoders.families import load_encoder
from huse.encoders.words import WordsEncoder
from huse.errors import InputError
from huse.text.cleaning import Cleaning
from huse.text.spelling import STEPS
from huse.text.tfidf import fit_tfidf, weighted_mean
from huse.text.word_vectors import keyed_vectors

TRAINING = ["red shoe", "red dress", "blue shoe"]
WORDS = keyed_vectors(["blue", "dress", "red", "shoe"], np.eye(4, dtype=np.float32))
VOCABULARY = keyed_vectors(
    ["Paris", "green", "hat", "red"], np.array([[0, 0, 3, 3], [1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9, 9]], np.float32)
)


def encoder(**changes):
    values = {"words": WORDS, "vocabulary": VOCABULARY, "cleaning": Cleaning(), "spellings": STEPS}
    return WordsEncoder(**{"tfidf": fit_tfidf(TRAINING), **values, **changes})


def test_names_of_known_words_are_weighted_by_tfidf():
    names = ["red shoe", "blue blue dress", "shoe"]
    np.testing.assert_array_equal(encoder().encode(names), weighted_mean(names, fit_tfidf(TRAINING), WORDS))
    # By hand: df of red and shoe is 2 of 3, so their idf is equal, and so are their shares.
    np.testing.assert_allclose(encoder().encode(["Red SHOE!"]), [[0, 0, 0.5, 0.5]], rtol=1e-6)


def test_a_word_that_training_lacks_says_nothing_beside_one_that_it_has():
    np.testing.assert_array_equal(encoder().encode(["red hat"]), encoder().encode(["red"]))


def test_a_name_of_words_that_training_lacks_is_their_mean():
    np.testing.assert_allclose(encoder().encode(["green hat hat"]), [[11 / 3, 14 / 3, 17 / 3, 20 / 3]], rtol=1e-6)


def test_a_name_without_any_known_word_is_zeros():
    np.testing.assert_array_equal(encoder().encode(["zebra", "", "7"]), np.zeros((3, 4)))


def test_a_spelling_counts_where_it_is_on():
    assert encoder().encode(["paris"]).any()
    assert not encoder(spellings=("as_written", "lower")).encode(["paris"]).any()


def test_accents_are_folded_where_the_catalogue_was():
    only = {"spellings": ("as_written",)}
    assert encoder(**only).encode(["rèd"]).any()
    assert not encoder(**only, cleaning=Cleaning(fold_accents=False)).encode(["rèd"]).any()


def test_names_are_cleaned_as_the_catalogue_was():
    russian = keyed_vectors(["красный", "xl2"], np.eye(2, dtype=np.float32))
    made = {"tfidf": fit_tfidf(["красный", "xl2"]), "words": russian}
    keeping, notebooks = Cleaning(digits="keep"), Cleaning(letters="ascii", digits="drop", fold_accents=False)
    np.testing.assert_array_equal(encoder(**made, cleaning=keeping).encode(["КРАСНЫЙ", "XL2"]), np.eye(2))
    assert not encoder(**made, cleaning=notebooks).encode(["КРАСНЫЙ", "XL2"]).any()


def test_a_saved_encoder_gives_the_same_bits(tmp_path):
    names = ["red shoe", "green hat", "paris", "zebra", "Rèd dress", "red2 dress"]
    cleaned = [encoder(cleaning=Cleaning(letters=a, digits=b)) for a in ("ascii", "unicode") for b in ("drop", "keep")]
    for number, before in enumerate((encoder(), *cleaned, encoder(spellings=("as_written",)))):
        folder = tmp_path / str(number)
        folder.mkdir()
        before.save(folder)
        after = load_encoder(folder)
        assert after.config == before.config and after.cleaning == before.cleaning and after.dimension == 4
        np.testing.assert_array_equal(after.encode(names), before.encode(names))


def test_a_config_of_another_cleaning_is_named(tmp_path):
    encoder().save(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"unicode"', '"runes"'))
    with pytest.raises(InputError, match=r"(?s)config\.json.*letters.*Copy the folder again"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("file", ["words.npy", "words.parquet", "vocabulary.npy", "document_frequency.parquet"])
@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_damaged_folder_is_named(tmp_path, file, content):
    encoder().save(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=file.partition(".")[0]):
        load_encoder(tmp_path)
