"""What is known of objects: by their versions, and no more than that."""

import sqlite3

import pytest

from huse import object_copies, storage
from huse.errors import InputError
from huse.storage import Remote
from huse.vision.known import DIGEST, FILE, Known, checked_by, copied_pictures, copy_of, readers

FOLDER = Remote("memory", "shop", "pictures")


@pytest.fixture
def objects(store):
    """Three objects."""
    found = [FOLDER / f"{number}.jpg" for number in range(3)]
    for one in found:
        store.put(f"{one.store}/{one.key}", str(one).encode())
    return found


def test_what_was_said_is_known_until_the_object_changes(objects, store):
    Known(objects).put(DIGEST, {objects[0]: "zero", objects[1]: "one"})
    assert Known(objects).get(DIGEST) == {objects[0]: "zero", objects[1]: "one"}
    assert Known(objects).get("another way") == {}
    store.put("shop/pictures/1.jpg", b"changed")
    assert Known(objects).get(DIGEST) == {objects[0]: "zero"}
    Known(objects).put(DIGEST, {objects[1]: "new"})
    assert Known(objects).get(DIGEST) == {objects[0]: "zero", objects[1]: "new"}
    assert Known([]).get(DIGEST) == {}


def test_what_is_said_of_an_object_that_changed_meanwhile_is_not_taken_for_the_new_one(objects, store):
    known = Known(objects)
    store.put("shop/pictures/1.jpg", b"changed while it was read")
    known.put(DIGEST, {objects[1]: "old"})
    assert Known(objects).get(DIGEST) == {}


def test_a_store_that_tells_no_version_is_read_each_time(objects, monkeypatch):
    monkeypatch.setattr(storage, "VERSIONS", ())
    Known(objects).put(DIGEST, {objects[0]: "zero"})
    assert Known(objects).get(DIGEST) == {}


def test_a_damaged_file_is_as_if_nothing_were_known(objects):
    object_copies.kept().mkdir(parents=True)
    (object_copies.kept() / FILE).write_bytes(b"no database, but long enough to look like one" * 99)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(object_copies.kept() / FILE).execute("SELECT * FROM known")
    Known(objects).put(DIGEST, {objects[0]: "zero"})
    assert Known(objects).get(DIGEST) == {}


def test_pictures_are_copied_once_and_again_where_a_copy_is_damaged(objects, store, tmp_path, caplog):
    caplog.set_level("INFO")
    local = tmp_path / "own.jpg"
    files = copied_pictures([objects[0], local, objects[1], objects[0]])
    assert files[1] == local and files[0] == files[3]
    assert [files[0].read_bytes(), files[2].read_bytes()] == [str(one).encode() for one in objects[:2]]
    assert store.total() == 2 and "2 pictures, such as memory://shop/pictures/0.jpg, are copied" in caplog.text
    assert copied_pictures(objects[:2]) == [files[0], files[2]]
    assert store.total() == 0
    digest = files[0].stem
    assert copy_of(objects[0], digest) == files[0] and copy_of(local, digest) == local
    files[0].write_bytes(b"damaged")
    assert copy_of(objects[0], digest) == objects[0]
    assert copied_pictures(objects[:1])[0].read_bytes() == str(objects[0]).encode()
    assert store.total() == 1
    with pytest.raises(InputError, match=r"none\.jpg: picture file does not exist"):
        copied_pictures([FOLDER / "none.jpg"])


def test_more_objects_than_files_are_read_at_a_time(objects, tmp_path):
    assert readers([tmp_path, *objects]) >= storage.READERS
    assert readers([tmp_path]) == readers([])


def test_a_check_depends_on_its_limit():
    assert checked_by(1) != checked_by(2)
    assert checked_by(1) == checked_by(1)
