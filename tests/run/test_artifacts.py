import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from huse.errors import InputError
from huse.run import artifacts
from huse.run.artifacts import (
    Blocks,
    Outputs,
    fingerprint_products,
    halves,
    read_array,
    read_json,
    read_labels,
    read_names,
    read_table,
    read_vectors,
)
from tests.conftest import ROOT


@pytest.fixture
def products():
    return pd.DataFrame(
        {"image": ["a.jpg", "b.jpg"], "name": ["A", "B"], "classes": ["x", "y"], "split": ["train", "test"]}
    )


def write_vectors(path, products, array=None):
    with Outputs() as outputs:
        values = np.eye(2, 3, dtype=np.float32) if array is None else array
        outputs.vectors(path, values, rows=fingerprint_products(products), parameters={"seed": 1})


def test_outputs_appear_together_when_the_block_ends(tmp_path):
    one, folder = tmp_path / "deep" / "one.json", tmp_path / "folder"
    with Outputs() as outputs:
        outputs.json(one, {"b": 1, "a": "é"})
        outputs.path(folder).mkdir()
        assert not one.exists()
        assert not folder.exists()
    assert one.read_text(encoding="utf-8") == '{\n  "b": 1,\n  "a": "é"\n}\n'
    assert folder.is_dir()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "folder", "one.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS])
def test_an_error_names_the_output_and_no_partial_file(tmp_path, number):
    with pytest.raises(OSError, match="told") as found, Outputs() as outputs:
        outputs.path(tmp_path / "one.csv").touch()
        partial = outputs.path(tmp_path / "two.csv")
        raise OSError(number, "told", *([str(partial)] if number == errno.EROFS else []))
    assert found.value.filename == str(tmp_path / "two.csv")
    with pytest.raises(OSError, match="told") as found, Outputs() as outputs:
        outputs.path(tmp_path / "one.csv").touch()
        raise OSError(number, "told", "a picture")
    assert found.value.filename == "a picture"


def test_an_array_in_blocks_has_the_bytes_of_the_whole(tmp_path, products):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_vectors(tmp_path / "whole.npy", products, values)
    write_vectors(tmp_path / "blocks.npy", products, Blocks((2, 3), iter([values[:1], values[1:]])))
    for ending in ("npy", "json"):
        assert (tmp_path / f"blocks.{ending}").read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()


def test_an_error_leaves_everything_as_it_was(tmp_path):
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text("old")
    with pytest.raises(RuntimeError), Outputs() as outputs:
        outputs.json(one, 1)
        outputs.json(two, 2)
        raise RuntimeError
    assert one.read_text() == "old"
    assert list(tmp_path.iterdir()) == [one]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_until_all_outputs_are_moved(tmp_path, monkeypatch, number):
    """And comes only once, to the handler that was there."""
    move = artifacts._move
    monkeypatch.setattr(
        artifacts,
        "_move",
        lambda partial, final: (move(partial, final), os.kill(os.getpid(), number), time.sleep(0.01)),
    )
    seen = []
    before = signal.signal(number, lambda *_: seen.append([path.exists() for path in places]))
    places = [tmp_path / name for name in ("one.json", "two.json", "three.json")]
    try:
        with Outputs() as outputs:
            for place in places:
                outputs.json(place, 1)
    finally:
        signal.signal(number, before)
    assert seen == [[True] * 3]


def test_what_a_killed_run_left_is_overwritten(tmp_path):
    folder = tmp_path / "images"
    left = tmp_path / f".partial-{_ended()}-images"
    left.mkdir()
    (left / "stale.png").touch()
    folder.mkdir()
    (folder / "old.png").touch()
    with Outputs() as outputs:
        place = outputs.path(folder)
        place.mkdir()
        (place / "new.png").touch()
    assert [path.name for path in folder.iterdir()] == ["new.png"]
    assert not left.exists()


def _ended():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_two_processes_with_one_output_each_write_it_whole(tmp_path):
    place = tmp_path / "[a].csv"
    other = "import sys, pathlib; from huse.run.artifacts import Outputs\nwith Outputs() as outputs: "
    other += "outputs.path(pathlib.Path(sys.argv[1])).write_text('other')"
    with Outputs() as outputs, outputs.path(place).open("w") as file:
        file.write("half")
        file.flush()
        subprocess.run([sys.executable, "-c", other, place], check=True, cwd=ROOT)
        assert place.read_text() == "other"
        file.write(" and half")
    assert place.read_text() == "half and half"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("place", ["/proc/x.csv", "/proc/deep/x.csv"])
@pytest.mark.parametrize("write", [Path.touch, Path.mkdir, lambda path: pa.OSFile(str(path), "w")])
def test_a_folder_that_takes_no_files_is_said(place, write):
    with pytest.raises(InputError, match=f"{place}: cannot be written .No such file"), Outputs() as outputs:
        write(outputs.path(Path(place)))


def test_another_file_that_is_not_found_is_not_the_outputs_fault(tmp_path):
    with pytest.raises(FileNotFoundError), Outputs() as outputs:
        outputs.path(tmp_path / "a").touch()
        (tmp_path / "b").read_text()


def test_nan_is_no_metric(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"), Outputs() as outputs:
        outputs.json(tmp_path / "m.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_vectors_come_back_for_their_own_products_alone(tmp_path, products):
    path = tmp_path / "v.npy"
    write_vectors(path, products)
    assert np.array_equal(read_vectors(path, products=products), np.eye(2, 3))
    for other in (
        products.iloc[::-1].reset_index(drop=True),
        products.assign(name=["A", "C"]),
        products.assign(split="test"),
    ):
        with pytest.raises(InputError, match="made for other products or another row order"):
            read_vectors(path, products=other)


def test_arrays_of_another_shape_or_type(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((2, 3)))
    for shape, said in (((None, 4), "expected any × 4 float32, "), ((2, 3), ""), ((2,), "expected 2 float32, ")):
        with pytest.raises(InputError, match=f"{said}found 2 × 3 float64"):
            read_array(path, shape=shape)


PICKLED = io.BytesIO()
np.save(PICKLED, np.array([{}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01", PICKLED.getvalue()], ids=["empty", "cut", "pickled"])
def test_damaged_and_pickled_arrays_are_refused(tmp_path, content):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable array"):
        read_array(path, shape=(1,))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.json", None, r"none\.json: not found. Run `dvc repro`"),
        ("bad.json", "{", "not valid JSON"),
        ("other.json", "[]", "expected an object with image, row"),
        ("bad.parquet", "PAR1", "not a readable table"),
        ("t.parquet", None, "expected the columns image, row; found image, name, classes, split"),
    ],
)
def test_missing_and_damaged_json_and_tables(tmp_path, products, name, content, said):
    with Outputs() as outputs:
        outputs.table(tmp_path / "t.parquet", products)
    assert read_table(tmp_path / "t.parquet", ["image"]).equals(products)
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said):
        (read_json if name.endswith("json") else read_table)(tmp_path / name, ["image", "row"])


def test_an_array_without_its_own_manifest_is_refused(tmp_path, products):
    path = tmp_path / "v.npy"
    write_vectors(path, products)
    np.save(path, np.ones((2, 3), dtype=np.float32))
    with pytest.raises(InputError, match=r"v\.npy: not the array that .*v\.json describes"):
        read_vectors(path, products=products)


def test_views_have_one_row_a_product_in_each(tmp_path, products):
    path = tmp_path / "v.npy"
    views = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    write_vectors(path, products, views)
    np.testing.assert_array_equal(read_vectors(path, products=products, views=True), views)
    with pytest.raises(InputError, match="expected 2 × any float32, found 3 × 2 × 2"):
        read_vectors(path, products=products)
    with pytest.raises(InputError, match="made for other products"):
        read_vectors(path, products=products[::-1], views=True)


@pytest.mark.parametrize("broken", [[np.nan, 0], [np.inf, -np.inf]])
@pytest.mark.parametrize("views", [False, True])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_vectors_that_are_not_finite_name_the_picture(tmp_path, products, broken, views):
    path, array = tmp_path / "v.npy", np.zeros((3, 2, 2), np.float32)
    array[2, 1] = broken
    write_vectors(path, products, array if views else array[2])
    with pytest.raises(InputError, match=r"row 1 \(b\.jpg\) has a value that is not finite"):
        read_vectors(path, products=products, views=views)


def test_names_and_labels_of_another_catalogue_are_refused(tmp_path, products):
    with Outputs() as outputs:
        outputs.table(tmp_path / "names.parquet", products[["name"]].assign(row=[0, 1], clean=["a", "b"]))
        outputs.json(tmp_path / "labels.json", {"classes": ["x", "y"], "labels": [], "class_labels": []})
    assert read_names(tmp_path / "names.parquet", products=products) == ["a", "b"]
    assert read_labels(tmp_path / "labels.json", products=products)["classes"] == ["x", "y"]
    other = products.assign(name=["B", "A"], classes="x")
    with pytest.raises(InputError, match="made of other names than the 2 of this catalogue"):
        read_names(tmp_path / "names.parquet", products=other)
    with pytest.raises(InputError, match="made for other classes"):
        read_labels(tmp_path / "labels.json", products=other)


def test_large_vectors_are_mapped_and_the_file_is_never_written_to(tmp_path, products, monkeypatch):
    path = tmp_path / "image.npy"
    write_vectors(path, products)
    before = path.read_bytes()
    assert not isinstance(read_vectors(path, products=products), np.memmap)
    monkeypatch.setattr(artifacts, "MAPPED_ABOVE", 10)
    mapped = read_vectors(path, products=products)
    assert isinstance(mapped, np.memmap)
    mapped[:] = 7
    assert path.read_bytes() == before


def test_an_empty_field_is_a_half_that_is_missing():
    products = pd.DataFrame({"image": ["a.jpg", "", "b.jpg"], "name": ["A", "B", ""]})
    assert {name: those.tolist() for name, those in halves(products).items()} == {
        "image": [True, False, True],
        "text": [True, True, False],
    }


def test_where_a_folder_is_a_mount_point_nothing_is_replaced(tmp_path, monkeypatch):
    one, folder = tmp_path / "one.json", tmp_path / "model"
    one.write_text("before")
    folder.mkdir()
    (folder / "weights").write_text("before")
    replace = Path.replace

    def busy(path, target):
        if path == folder:
            raise OSError(errno.EBUSY, "Device or resource busy", str(path), None, str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(OSError, match="busy"), Outputs() as outputs:
        outputs.json(one, {})
        outputs.path(folder).mkdir()
    assert one.read_text() == (folder / "weights").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "one.json"]


def test_arrays_that_are_written_together_are_as_those_written_alone(tmp_path):
    arrays = [np.random.default_rng(width).normal(size=(7, width)).astype(np.float32) for width in (3, 2)]
    about = {"rows": "x", "parameters": {"a": 1}}
    with Outputs() as outputs:
        for number, array in enumerate(arrays):
            outputs.vectors(tmp_path / f"alone{number}.npy", array, **about)
        blocks = ([array[start : start + 3] for array in arrays] for start in range(0, 7, 3))
        finals = [tmp_path / f"together{number}.npy" for number in range(2)]
        outputs.vectors_together(finals, blocks, count=7, **about)
    for number in range(2):
        for ending in ("npy", "json"):
            alone, together = ((tmp_path / f"{name}{number}.{ending}").read_bytes() for name in ("alone", "together"))
            assert alone == together


def test_the_fingerprint_is_that_of_the_rows_as_json(monkeypatch):
    rows = [
        ["a.jpg", 'Says "hat"', "hats", "train"],
        ["", "Tab\there \\ and é 女 \u2028 \x01", "a<b", "test"],
        ["c.jpg", "", "a<c", "validation"],
    ]
    monkeypatch.setattr(artifacts, "TOGETHER", 2)
    table = pd.DataFrame(rows, columns=["image", "name", "classes", "split"]).assign(other=1)
    content = "".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert fingerprint_products(table) == hashlib.sha256(content.encode()).hexdigest()


def test_another_process_replaces_the_same_folder_meanwhile(tmp_path, monkeypatch):
    """It has moved the folder away, and then put its own there, each just before this process does."""
    final, replace, calls = tmp_path / "folder", Path.replace, []

    def fill(folder, content):
        folder.mkdir()
        (folder / "file").write_text(content)

    def meanwhile(path, target):
        calls.append(path)
        if len(calls) == 1:
            shutil.rmtree(final)
        if len(calls) == 2:
            fill(final, "another's")
        return replace(path, target)

    fill(final, "before")
    with Outputs() as outputs:
        fill(outputs.path(final), "mine")
        monkeypatch.setattr(Path, "replace", meanwhile)
    assert (final / "file").read_text() == "mine" and len(calls) == 4
    assert list(tmp_path.iterdir()) == [final]
