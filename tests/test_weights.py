import pickle
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from huse.errors import InputError
from huse.weights import read_state_dict, write_state_dict
from tests.faults import damage, many

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2), "b.weight": torch.zeros(2)}


class Code:
    """An object whose class is code."""


def equal(found, expected):
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("name", ["w.pth", "w.pth.tar", "w.ckpt", "w.bin", "w.pkl", "w.safetensors", "w"])
def test_the_content_tells_the_format(tmp_path, name):
    path = tmp_path / name
    for save in (
        lambda: torch.save(STATE, path),
        lambda: torch.save(OrderedDict(STATE), path, _use_new_zipfile_serialization=False),
        lambda: save_file(STATE, path),
    ):
        save()
        equal({key: read_state_dict(path)[key] for key in STATE}, STATE)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"state_dict": STATE}, STATE),
        ({"model": STATE, "optimizer": {}, "epoch": 3}, STATE),
        ({"model_ema": STATE}, STATE),
        ({"ema": {"a": torch.ones(1)}, "model_state_dict": STATE}, STATE),  # the weights themselves before their mean
        ({"network": {"state_dict": STATE}}, STATE),
        ({"model": torch.ones(1), "c": torch.ones(2)}, {"model": torch.ones(1), "c": torch.ones(2)}),  # no checkpoint
    ],
)
def test_the_weights_of_a_checkpoint_are_taken(tmp_path, content, expected):
    torch.save(content, tmp_path / "w.pth")
    equal(read_state_dict(tmp_path / "w.pth"), expected)


def test_a_prefix_is_taken_off_only_where_names_need_it(tmp_path):
    doubled = {f"{prefix}{name}": value for prefix in ("", "teacher.") for name, value in STATE.items()}
    torch.save(doubled, tmp_path / "w.pth")
    equal(read_state_dict(tmp_path / "w.pth", list(STATE)), doubled)  # the caller names what is unexpected
    torch.save({"a.weight": STATE["a.weight"]}, tmp_path / "w.pth")
    equal(read_state_dict(tmp_path / "w.pth", ["weight"]), {"weight": STATE["a.weight"]})
    equal(read_state_dict(tmp_path / "w.pth", ["other"]), {"a.weight": STATE["a.weight"]})


def saved(content, path):
    torch.save(content, path)
    return path.read_bytes()


def zipped(path, name):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "content")
    return path.read_bytes()


def scripted(path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)
    return path.read_bytes()


def truncated(path, save):
    save(path)
    return path.read_bytes()[:-100]


@pytest.mark.filterwarnings("ignore:.*torch.jit", "ignore:.*TorchScript")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: b"", "it is empty"),
        (lambda path: b"<!DOCTYPE html><html>404</html>", "it is an HTML page"),
        (
            lambda path: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "it is a pointer of Git LFS",
        ),
        (lambda path: b"\x1f\x8b" + bytes(20), "it is a gzip archive"),
        (lambda path: b"\x89HDF\r\n\x1a\n" + bytes(20), "it is an HDF5 file"),
        (lambda path: pickle.dumps({"a": [1.0]}, protocol=4), "it is a pickle that torch.save has not written"),
        (lambda path: zipped(path, "model/a.onnx"), "it is a zip archive of other files: model/a.onnx"),
        (lambda path: b"no tensors", "it is neither of torch.save nor of safetensors"),
        (lambda path: truncated(path, lambda path: torch.save(STATE, path)), "it is truncated"),
        (lambda path: truncated(path, lambda path: save_file({"a": torch.ones(999)}, path)), "not fully covered"),
        (lambda path: saved(Code(), path), "it holds an object of tests.test_weights.Code, which is code"),
        (scripted, "it is a TorchScript program"),
    ],
)
def test_what_is_no_state_dict_is_named_without_advice_to_load_it(tmp_path, make, message):
    path = tmp_path / "w.pth"
    path.write_bytes(make(path))
    with pytest.raises(InputError) as seen, warnings.catch_warnings(action="error"):
        read_state_dict(path)
    said = str(seen.value)
    assert message in said
    assert "Get the file again" in said
    assert not {"weights_only", "trust", "\x1b", "\n"} & {
        part for part in ("weights_only", "trust", "\x1b", "\n") if part in said
    }


def test_a_checkpoint_without_weights_says_what_it_holds(tmp_path):
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"found dict with other content: epoch, optimizer. Save model"):
        read_state_dict(tmp_path / "w.pth")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value):
    """At once, not when the vectors of all pictures have been computed."""
    torch.save({"model": {**STATE, "count": torch.tensor(3), "c": torch.tensor([1, value])}}, tmp_path / "w.pth")
    with pytest.raises(InputError, match="these weights hold a number that is not finite: c"):
        read_state_dict(tmp_path / "w.pth")


def test_weights_that_a_network_uses_twice(tmp_path):
    whole = torch.arange(6.0)
    state = {"a": whole, "b": whole, "part": whole[2:4], "turned": whole.reshape(2, 3).T}
    write_state_dict(state, tmp_path / "w.safetensors")
    found = read_state_dict(tmp_path / "w.safetensors")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_weights_may_be_read_by_whoever_may_read_other_files(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    write_state_dict({"a": torch.arange(6.0).reshape(2, 3).T}, tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").stat().st_mode == plain.stat().st_mode
    equal(read_state_dict(tmp_path / "w.safetensors"), {"a": torch.arange(6.0).reshape(2, 3).T})


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("form", ["torch", "old torch", "safetensors"])
def test_damaged_files_are_refused_or_hold_tensors_alone(tmp_path, form, tally):
    """No format has a check of its numbers that reading would have to hold: other numbers may come out, all finite."""
    sound, path = tmp_path / "sound", tmp_path / "weights.pth"
    state = {name: torch.arange(60.0).reshape(6, 10) for name in ("layer.weight", "layer.more")}
    if form == "safetensors":
        write_state_dict(state, sound)
    else:
        torch.save(state, sound, _use_new_zipfile_serialization=form == "torch")
    content, rng, tried = sound.read_bytes(), np.random.default_rng(0), many(50, 400)
    refused = 0
    for _ in range(tried):
        path.write_bytes(damage(content, rng))
        try:
            found = read_state_dict(path)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            assert all(type(one) is torch.Tensor and one.isfinite().all() for one in found.values())
    assert refused > tried / 4
    tally("damaged file of weights", "refused with a reason", refused)
    tally("damaged file of weights", "read, as finite tensors", tried - refused)
