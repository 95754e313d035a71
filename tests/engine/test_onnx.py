"""Graphs that cannot be read are named."""

import pytest

from huse.engine.onnx import open_graph
from huse.engine.threads import threads
from huse.errors import InputError

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime, the extra `export`, is not installed")


@pytest.mark.parametrize("content", [b"", b"no graph", None])
def test_a_file_that_is_no_graph_is_named(tmp_path, content):
    file = tmp_path / "network.onnx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"network.onnx: onnxruntime cannot read it"):
        open_graph(file)


def test_without_the_library_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"onnxruntime is not installed, which .*network.onnx needs"):
        open_graph(tmp_path / "network.onnx")


@pytest.mark.parametrize(("asked", "count"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_threads_are_those_that_torch_gets(monkeypatch, asked, count):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr("huse.engine.threads.cores", lambda: 5)
    assert threads() == (count or 5)
