import numpy as np
import pytest
from gensim.models import KeyedVectors

from huse.errors import InputError
from huse.text.word_vectors import (
    catalogue_sentences,
    coverage,
    label_words,
    mean_word_vectors,
    read_glove,
    train_word_vectors,
    write_glove,
)

SENTENCES = [["<s>", "red", "dress", "</s>"], ["<p>", "blue", "dress", "</p>"]] * 20


@pytest.fixture
def glove(tmp_path):
    def write(content):
        path = tmp_path / "vectors.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def as_dict(vectors):
    return {word: vectors[word].tolist() for word in vectors.index_to_key}


def test_reads_all_words(glove):
    vectors = read_glove(glove("the 1 -2.5\nof 3e-1 4\n"), 2, None)
    assert as_dict(vectors) == {"the": [1, -2.5], "of": [np.float32(0.3), 4]}
    assert vectors.vectors.dtype == np.float32


def test_keeps_wanted_words_and_parses_no_others(glove):
    path = glove("the 1 2\nof bad numbers\nred 5 6")
    assert as_dict(read_glove(path, 2, {"red", "green"})) == {"red": [5, 6]}


@pytest.mark.parametrize(
    "content",
    [
        "2 3\nred 1 2 3\nblue 4 5 6\n",  # word2vec header
        "\ufeffred 1 2 3\nblue 4 5 6\n",  # byte order mark
        "red 1 2 3 \r\nblue 4 5 6 \r\n\r\n",  # fastText's trailing space, Windows line ends, blank line
        "red 1 2 3\nblue 4 5 6\nred 7 8 9\n",  # of a word that comes twice the first counts
    ],
)
def test_tolerates(glove, content):
    assert as_dict(read_glove(glove(content), 3, None)) == {"red": [1, 2, 3], "blue": [4, 5, 6]}


def test_words_may_hold_spaces_and_odd_line_breaks(glove):
    path = glove(". . . 1 2\na\u2028b 3 4\nname x@y.z 5 6\n\u0085 7 8\n")
    assert as_dict(read_glove(path, 2, None)) == {
        ". . .": [1, 2],
        "a\u2028b": [3, 4],
        "name x@y.z": [5, 6],
        "\u0085": [7, 8],
    }
    assert as_dict(read_glove(path, 2, {". . ."})) == {". . .": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a 1 2\n", r"vectors.txt: the file has 2 numbers a line, text_vectors.dimension is 3"),
        ("10 2\na 1 2\n", r"the file has 2 numbers a line, text_vectors.dimension is 3"),
        ("a,1,2,3\n", r"the file has 0 numbers a line"),
        ("a 1 2 3\nb 1 2\n", r"vectors.txt, line 2: expected a word and 3 numbers, found 2 numbers"),
        ("a 1 2 3\nb 1 2 3 4\n", r"line 2: expected a word and 3 numbers, found 4 numbers"),
        ("a 1 2 3\nb 1 x 3\n", r"line 2: expected 3 numbers, found b'x'"),
        ("a 1 2 3\nb 1 nan 3\n", r"line 2: a number is not finite"),
        ("a 1 2 3\nb 1 1e39 3\n", r"line 2: a number is not finite"),
        ("", r"found an empty file"),
        ("\n\n", r"found an empty file"),
        (b"a 1 2 3\ncaf\xe9 1 2 3\n", r"line 2: expected UTF-8"),
        (b"\xff\xfea\x00", r"line 1: expected UTF-8"),
    ],
)
def test_refuses(glove, content, message):
    with pytest.raises(InputError, match=message):
        read_glove(glove(content), 3, None)


def test_refuses_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(InputError, match="cannot read it"):
            read_glove(path, 3, None)


def test_a_wrong_width_is_found_in_words_not_wanted(glove):
    with pytest.raises(InputError, match="line 2"):
        read_glove(glove("a 1 2\nb 1\n"), 2, {"a"})


def test_writing_and_reading_gives_the_same_numbers(tmp_path):
    rng = np.random.default_rng(0)
    numbers = (rng.normal(size=(50, 7)) * 10.0 ** rng.integers(-40, 38, (50, 7))).astype(np.float32)
    numbers[0] = [0.0, -0.0, 1e-45, 3.4028235e38, 1 / 3, 16777217, 0.1]
    vectors = KeyedVectors(7)
    vectors.add_vectors([f"wörd{index}" for index in range(50)], numbers)
    write_glove(tmp_path / "out.txt", vectors)
    again = read_glove(tmp_path / "out.txt", 7, None)
    assert again.index_to_key == vectors.index_to_key
    assert again.vectors.tobytes() == numbers.tobytes()


def test_training_gives_the_same_bytes_for_the_same_seed():
    first, second = (train_word_vectors(SENTENCES, 8, seed=3) for _ in range(2))
    assert first.index_to_key == second.index_to_key
    assert first.vectors.tobytes() == second.vectors.tobytes()
    assert first.vectors.shape == (7, 8)
    assert first.vectors.dtype == np.float32
    assert train_word_vectors(SENTENCES, 8, seed=4).vectors.tobytes() != first.vectors.tobytes()


def test_catalogue_sentences_alternate_the_marks_and_end_with_the_class_path():
    sentences = catalogue_sentences(["red gown", ""], [["dresses", "long"], ["men's", "shirts"]])
    assert sentences == [
        ["<s>", "red", "gown", "dresses", "long", "</s>"],
        ["<p>", "men", "'s", "shirts", "</p>"],
    ]


def test_label_words_hold_tokens_marks_and_lower_case():
    words = label_words(["Men's", "don't care"], ["Men's don't care"])
    assert {"Men", "men", "'s", "n't", "'t", "don", "care", "<s>", "</s>", "<p>", "</p>"} <= words


def test_mean_word_vectors_by_hand():
    vectors = KeyedVectors(2)
    vectors.add_vectors(["red", "shoe"], np.array([[1, 2], [3, 6]], np.float32))
    encoded = mean_word_vectors(["red shoe", "shoe of shoe red", "red"], vectors, 1)
    np.testing.assert_allclose(encoded, [[2, 4], [7 / 3, 14 / 3], [1, 2]], rtol=1e-6)
    assert encoded.dtype == np.float32
    with pytest.raises(InputError, match="'boot'"):
        mean_word_vectors(["boot"], vectors, 1)


def test_coverage_by_hand():
    assert coverage(["red red shoe", "boot", ""], {"red"}) == {
        "coverage": {"running": 2 / 4, "distinct": 1 / 3},
        "names_without": 2 / 3,
    }
    assert coverage([], set())["names_without"] == 0
