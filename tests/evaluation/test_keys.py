import numpy as np

from huse.evaluation.keys import LAST, by_query, first_copies, pack, packed_cosines, packed_places


def test_keys_sort_by_falling_cosine_then_by_place():
    cosines = np.array([0.5, -1, 1, 0, -0.0, 1e-40, -1e-40, 0.5, -0.25, 2**-149], dtype=np.float32)
    places = np.array([7, 0, 1, 3, 2, 0, 0, 6, 2**32 - 1, 0], dtype=np.uint32)
    order = np.argsort(pack(cosines, places)).tolist()
    assert order == sorted(range(10), key=lambda n: (-cosines[n], places[n]))
    assert (pack(cosines, places) < LAST).all()


def test_what_was_packed_comes_back():
    cosines = np.random.default_rng(0).uniform(-1, 1, size=(3, 50)).astype(np.float32)
    places = np.arange(150, dtype=np.uint32).reshape(3, 50)
    keys = pack(cosines, places)
    assert (packed_cosines(keys) == cosines).all()
    assert (packed_places(keys) == places).all()
    assert packed_cosines(np.array([LAST])) == -np.inf


def test_keys_are_laid_out_by_query():
    keys = np.array([5, 3, 9], dtype=np.uint64)
    assert by_query(keys, np.array([1, 1, 3]), 4).tolist() == [[LAST, LAST], [5, 3], [LAST, LAST], [9, LAST]]
    assert by_query(keys[:0], np.array([], dtype=np.int64), 2).shape == (2, 0)


def test_copies_are_found_whatever_the_sign_of_zero():
    rows = np.array([[1, 0], [0, 1], [1, -0.0], [0, 1], [-1, 0]], dtype=np.float32)
    assert first_copies(rows).tolist() == [0, 1, 0, 1, 4]
    assert first_copies(rows[:0]).tolist() == []
