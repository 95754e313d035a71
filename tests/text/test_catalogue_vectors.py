import numpy as np

from huse.text import catalogue_vectors
from huse.text.catalogue_vectors import catalogue_sentences, epochs_of, train_word_vectors

SENTENCES = [["<s>", "red", "dress", "</s>"], ["<p>", "blue", "dress", "</p>"]] * 20


def as_bytes(found):
    return {word: vector.tobytes() for word, vector in found.vectors.items()}


def test_training_gives_the_same_bytes_for_the_same_seed():
    first, second = (train_word_vectors(SENTENCES, 8, seed=3) for _ in range(2))
    assert list(first.vectors) == list(second.vectors)
    assert as_bytes(first) == as_bytes(second)
    assert set(first.vectors) == {"<s>", "</s>", "<p>", "</p>", "red", "blue", "dress"}
    assert {(vector.shape, vector.dtype) for vector in first.vectors.values()} == {((8,), np.dtype(np.float32))}
    assert as_bytes(train_word_vectors(SENTENCES, 8, seed=4)) != as_bytes(first)


def test_names_of_a_large_shop_are_read_fewer_times(monkeypatch):
    assert [epochs_of(count) for count in (1, 100_000, 200_000, 10_000_000)] == [30, 30, 15, 5]
    often = train_word_vectors(SENTENCES, 8, seed=3)
    monkeypatch.setattr(catalogue_vectors, "ENOUGH", 10 * len(SENTENCES))
    assert as_bytes(train_word_vectors(SENTENCES, 8, seed=3)) != as_bytes(often)


def test_catalogue_sentences_alternate_the_marks_and_end_with_the_class_path():
    sentences = catalogue_sentences(["red gown", ""], [["dresses", "long"], ["men's", "shirts"]])
    assert sentences == [
        ["<s>", "red", "gown", "dresses", "long", "</s>"],
        ["<p>", "men", "'s", "shirts", "</p>"],
    ]
