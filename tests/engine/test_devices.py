import ctypes
import subprocess
import sys

import pytest
import torch

from huse.engine.devices import resolve_device, resolve_dtype
from huse.errors import InputError

CPU = torch.device("cpu")


def test_resolve_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [resolve_device(name).type for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [resolve_device(name).type for name in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(InputError, match="torch finds no CUDA device here"):
        resolve_device("cuda")


# Prints how many pages the system had to hand out for tensors of 200 MB together, made and freed a second time.
PAGES = """
import resource, sys, torch
from huse.engine.devices import resolve_device
if sys.argv[1] == "resolved":
    resolve_device("cpu")
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.zeros(2**21) for _ in range(25)]
    del tensors
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no setting for it")
def test_tensors_take_the_memory_of_earlier_ones():
    pages = {
        how: int(subprocess.run([sys.executable, "-c", PAGES, how], check=True, stdout=subprocess.PIPE).stdout)
        for how in ("plain", "resolved")
    }
    assert 3 * pages["resolved"] < pages["plain"]


def test_resolve_dtype(monkeypatch):
    assert resolve_dtype("float32", CPU) == "float32"
    assert resolve_dtype("bfloat16", CPU) == "bfloat16"
    for capabilities, expected in [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True, "avx512_bf16": False}, "bfloat16"),
        ({"avx2": True, "avx512_bf16": False}, "float32"),
        ({}, "float32"),
    ]:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert resolve_dtype("auto", CPU) == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert resolve_dtype("auto", CPU) == "float32"


def test_resolve_dtype_of_a_gpu(monkeypatch):
    for supported, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, found=supported: found)
        assert resolve_dtype("auto", torch.device("cuda")) == expected
