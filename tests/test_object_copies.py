import hashlib
import json
import os
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from huse import object_copies
from huse.errors import InputError
from huse.object_copies import copied, copied_folder, copied_model, local, local_folder
from huse.storage import Remote
from huse.text.word_files.source import find_source


def message(call, *arguments):
    with pytest.raises(InputError) as found:
        call(*arguments)
    return str(found.value)


def test_a_file_is_copied_once_a_version(store, tmp_path, caplog):
    store.put("shop/weights.pt", b"one")
    first = local(tmp_path, "memory://shop/weights.pt")
    assert first.read_bytes() == b"one" and first.name == "weights.pt"
    assert "is copied to" in caplog.text
    store.total()
    caplog.clear()
    assert local(tmp_path, "memory://shop/weights.pt") == first
    assert store.total() == 0 and not caplog.text
    store.put("shop/weights.pt", b"two")
    assert local(tmp_path, "memory://shop/weights.pt").read_bytes() == b"two"
    assert local(tmp_path, "own.pt") == tmp_path / "own.pt"
    assert "not found" in message(local, tmp_path, "memory://shop/none.pt")


def test_a_user_without_a_home_keeps_copies_among_temporary_files(monkeypatch):
    for name in ("HUSE_OBJECTS", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # which has no entry in the system's table of users
    assert object_copies.kept() == Path(tempfile.gettempdir(), "huse-objects-54321")


def test_a_copy_that_breaks_off_leaves_nothing(store):
    store.put("shop/weights.pt", b"one")
    store.failing["shop/weights.pt"] = [OSError("reset")] * 9
    with pytest.raises(InputError):
        copied(Remote("memory", "shop", "weights.pt"))
    assert not [file for file in object_copies.kept().rglob("*") if file.is_file()]
    assert not list(object_copies.kept().rglob(".partial-*"))


def put_model(store, **files):
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    for name, content in files.items():
        store.put(f"shop/model/{name}", content)
    store.put("shop/model/config.json", json.dumps({"sha256": sha256}).encode())
    return Remote("memory", "shop", "model")


def test_a_model_is_copied_whole_and_once_and_a_change_is_noticed(store, caplog):
    model = put_model(store, **{"towers.bin": b"towers", "image/config.json": b"{}"})
    store.put("shop/model/README.md", b"card")
    folder = copied_model(model)
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == {
        *("config.json", "towers.bin", "image/config.json", "README.md")
    }
    assert "memory://shop/model: is copied to" in caplog.text
    store.total()
    assert copied_model(model) == folder
    assert store.total() == 1  # its config
    other = copied_model(put_model(store, **{"towers.bin": b"others", "image/config.json": b"{}"}))
    assert other != folder and (other / "towers.bin").read_bytes() == b"others"


def test_a_model_that_is_not_whole_is_refused_and_leaves_nothing(store):
    model = put_model(store, **{"towers.bin": b"towers"})
    store.put("shop/model/towers.bin", b"damaged")
    told = message(copied_model, model)
    assert "memory://shop/model/towers.bin: not the file" in told
    store.files.rm("/shop/model/towers.bin")
    assert "memory://shop/model/towers.bin: not found" in message(copied_model, model)
    assert not [file for file in object_copies.kept().rglob("*") if file.is_file()]
    store.put("shop/model/config.json", b"[]")
    assert "does not describe a model" in message(copied_model, model)
    store.put("shop/model/config.json", b'{"sha256": {"../out": "0"}}')
    assert "outside the folder" in message(copied_model, model)
    assert "not found" in message(copied_model, Remote("memory", "shop", "none"))


def test_several_make_one_folder_at_a_time_and_all_get_it(tmp_path):
    def write(partial):
        (partial / "a").write_bytes(b"whole")
        everyone.wait()

    def make(number):
        found = object_copies._written(tmp_path / "made", write, {"a": ""})
        return (found / "a").read_bytes()

    everyone = threading.Barrier(8)
    for broken in (False, True):
        if broken:
            (tmp_path / "made" / "a").rename(tmp_path / "made" / "b")
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(make, range(8))) == {b"whole"}
        assert [file.name for file in tmp_path.rglob("*")] == ["made", "a"]


def test_a_folder_is_copied_whole_and_once_and_a_change_is_noticed(store, tmp_path, caplog):
    store.put("shop/net/config.json", b"{}")
    store.put("shop/net/weights/model.safetensors", b"one")
    store.put("shop/network/other", b"beside it")
    folder = local_folder(tmp_path, "memory://shop/net")
    assert folder.name == "net" and "memory://shop/net: is copied to" in caplog.text
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert files == {"config.json": b"{}", "weights/model.safetensors": b"one"}
    store.total()
    assert local_folder(tmp_path, "memory://shop/net") == folder and store.total() == 0
    store.put("shop/net/weights/model.safetensors", b"two")
    again = local_folder(tmp_path, "memory://shop/net")
    assert again != folder and (again / "weights" / "model.safetensors").read_bytes() == b"two"
    assert local_folder(tmp_path, "net") == tmp_path / "net"


def test_a_folder_that_is_not_there_or_breaks_off_leaves_nothing(store):
    assert "expected a folder, found nothing" in message(copied_folder, Remote("memory", "shop", "none"))
    store.put("shop/net/a", b"a")
    store.put("shop/net/b", b"b")
    store.failing["shop/net/b"] = [OSError("reset")] * 9
    assert "memory://shop/net/b" in message(copied_folder, Remote("memory", "shop", "net"))
    assert not [file for file in object_copies.kept().rglob("*") if file.is_file()]


def test_a_copy_that_lacks_a_file_is_made_again(store, tmp_path):
    store.put("shop/net/config.json", b"{}")
    store.put("shop/net/weights/model.safetensors", b"one")
    model = put_model(store, **{"towers.bin": b"towers"})

    def copies():
        return (
            local_folder(tmp_path, "memory://shop/net"),
            copied_model(model),
            local(tmp_path, "memory://shop/net/config.json"),
        )

    net, towers, file = copies()
    for damage in (
        (net / "weights" / "model.safetensors").unlink,
        lambda: shutil.rmtree(net),
        lambda: (net / "config.json").write_bytes(b""),
        (towers / "towers.bin").unlink,
        (towers / "config.json").unlink,
        file.unlink,
        lambda: file.write_bytes(b"{"),
    ):
        damage()
        assert copies() == (net, towers, file)
        assert (net / "weights" / "model.safetensors").read_bytes() == b"one" and (
            net / "config.json"
        ).stat().st_size == 2
        assert (towers / "towers.bin").read_bytes() == b"towers" and (towers / "config.json").is_file()
        assert file.read_bytes() == b"{}"
    assert not list(object_copies.kept().rglob(".partial-*"))


def test_a_folder_in_place_of_a_file_and_a_file_in_place_of_a_folder_are_told(store, monkeypatch):
    store.put("shop/net/config.json", b"{}")
    assert message(copied, Remote("memory", "shop", "net")) == "memory://shop/net: is a folder. Name a file in it."
    told = message(copied_folder, Remote("memory", "shop", "net/config.json"))
    assert "expected a folder, found an object" in told
    monkeypatch.setattr(Remote, "objects", lambda self: {"a": "1", "a/b": "1"})
    assert "memory://shop/net/a: is an object and a folder" in message(copied_folder, Remote("memory", "shop", "net"))


def test_messages_name_a_copy_by_its_url(store, tmp_path):
    store.put("shop/net/config.json", b"{}")
    net = local_folder(tmp_path, "memory://shop/net")
    file = local(tmp_path, "memory://shop/net/config.json")
    towers = copied_model(put_model(store, **{"towers.bin": b"towers"}))
    assert str(InputError(f"{towers / 'towers.bin'}: damaged")) == "memory://shop/model/towers.bin: damaged"
    assert str(InputError(f"{net / 'model.bin'}: missing; {file}: odd")) == (
        "memory://shop/net/model.bin: missing; memory://shop/net/config.json: odd"
    )


def test_the_home_of_nobody_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert local_folder(tmp_path, "~/net") == tmp_path / "home" / "net"
    assert local_folder(tmp_path, "~no-such-user/net") == tmp_path / "~no-such-user" / "net"
    with pytest.raises(InputError, match=r"no-such-user/words\.txt: expected a file of word vectors, found nothing"):
        find_source("~no-such-user/words.txt", tmp_path, download=False)


def test_names_that_leave_the_folder_are_refused(monkeypatch):
    monkeypatch.setattr(Remote, "objects", lambda self: {"good": "1", "a/../../bad": "2"})
    assert "outside the folder: a/../../bad" in message(copied_folder, Remote("memory", "shop", "net"))
