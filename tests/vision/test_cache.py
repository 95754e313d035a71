import multiprocessing
import os
import signal
import sqlite3

import numpy as np
import pytest

from huse.vision.cache import VectorCache, vector_key
from tests.vision.conftest import count_vectors


def vector(number, dimension=4):
    return np.random.default_rng(number).normal(size=dimension).astype(np.float32)


def keys(count, start=0):
    return [vector_key("network", f"{number:064x}", "") for number in range(start, start + count)]


def found(store, wanted, dimension=4):
    return dict(store.get(wanted, dimension))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a folder" / "vectors.sqlite"


def test_what_was_put_is_found_again_bit_by_bit(path):
    wanted = keys(1300)  # more than one query's
    VectorCache(path).put({key: vector(number) for number, key in enumerate(wanted)})
    store = VectorCache(path)
    vectors = found(store, [*wanted, *keys(5, 10_000)])
    assert set(vectors) == set(wanted)
    assert all(vectors[key].tobytes() == vector(number).tobytes() for number, key in enumerate(wanted))
    assert found(store, []) == {}
    assert store.fault == ""
    assert count_vectors(path) == 1300


def test_a_key_is_made_of_all_that_decides():
    parts = [("a", "b", "c"), ("a", "b", ""), ("a", "bc", ""), ("ab", "", "c")]
    assert len({vector_key(*each) for each in parts}) == 4
    assert vector_key("a", "b", "c") == vector_key("a", "b", "c")


def test_the_last_put_counts(path):
    (key,) = keys(1)
    store = VectorCache(path)
    store.put({key: vector(1)})
    store.put({key: vector(2)})
    assert found(store, [key])[key].tobytes() == vector(2).tobytes()


def test_vectors_of_another_length_and_damaged_ones_are_not_found(path):
    first, second = keys(2)
    store = VectorCache(path)
    store.put({first: vector(1), second: vector(2)})
    assert found(store, [first], dimension=5) == {}
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE vectors SET vector = ? WHERE key = ?", (vector(3).tobytes(), first))
    connection.close()
    assert set(found(store, [first, second])) == {second}


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_is_no_error(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    store = VectorCache(path)
    assert str(path) in store.fault
    store.put({key: vector(0) for key in keys(1)})
    assert found(store, keys(1)) == {}
    assert path.read_bytes() == content


def test_damage_on_the_way_is_no_error(path):
    store = VectorCache(path)
    store.put({key: vector(0) for key in keys(1)})
    path.write_bytes(b"\0" * 100)
    assert found(store, keys(1)) == {}
    assert str(path) in store.fault


def test_a_folder_that_cannot_be_written_is_no_error(path):
    path.parent.write_text("")
    assert VectorCache(path).fault


def test_the_file_can_be_deleted_between_two_batches(path):
    store = VectorCache(path)
    path.unlink()
    store.put({key: vector(0) for key in keys(1)})
    assert store.fault == ""
    assert count_vectors(path) == 1


def write_batches(path, start, count):
    store = VectorCache(path)
    for number in range(start, start + count):
        store.put({key: vector(number) for key in keys(1, number)})


def test_two_processes_at_once(path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_batches, args=(path, start, 60)) for start in (0, 30)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    store = VectorCache(path)
    vectors = found(store, keys(90))
    assert len(vectors) == 90
    assert all(vectors[key].tobytes() == vector(number).tobytes() for number, key in enumerate(keys(90)))


def write_and_die(path):
    store = VectorCache(path)
    store.put({key: vector(number) for number, key in enumerate(keys(10))})
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO vectors VALUES (?, 0, ?)", (b"half", b"written"))
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_loses_no_more_than_what_was_being_written(path):
    process = multiprocessing.get_context("spawn").Process(target=write_and_die, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    store = VectorCache(path)
    assert len(found(store, keys(10))) == 10
    assert count_vectors(path) == 10
    store.put({key: vector(11) for key in keys(1, 11)})
    assert store.fault == ""
