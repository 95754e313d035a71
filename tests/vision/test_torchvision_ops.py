import subprocess
import sys

import pytest

from huse.vision.torchvision_ops import import_torchvision

pytestmark = pytest.mark.slow

CHECK = """
import huse.vision.torchvision_ops as ops
torchvision = ops.import_torchvision()
assert ops.import_torchvision() is torchvision
assert torchvision.models.resnet18 and torchvision.extension and torchvision.transforms
"""


def run_python(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_torchvision_imports_and_what_is_defined_agrees_with_its_own_verdict():
    code = CHECK + "print(torchvision.extension._has_ops(), len(ops._libraries))"
    assert run_python(code).split() in (["True", "0"], ["False", "1"])


# A package in torchvision's place that fails on import as the real one does, after a submodule of its own.
FAKE = """
import importlib.abc, importlib.machinery, sys, torch
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torchvision":
            return importlib.machinery.ModuleSpec(name, self, is_package=name == "torchvision")
    def exec_module(self, module):
        if module.__name__ == "torchvision":
            import torchvision.extension
            assert torchvision.extension.__name__
            if not hasattr(torch.ops.torchvision, "qnms"):
                raise RuntimeError("operator torchvision::nms does not exist")
sys.meta_path.insert(0, Finder())
"""

# What a torchvision whose operators load has told torch.
EXISTING = """
import torch
real = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    real.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""


@pytest.mark.parametrize(
    "code",
    [
        # Missing operators are defined once, and stay.
        FAKE
        + """
import gc
import huse.vision.torchvision_ops as ops
assert ops.import_torchvision() is ops.import_torchvision()
assert len(ops._libraries) == 1
gc.collect()
assert torch.ops.torchvision.nms and torch.ops.torchvision.qnms
""",
        # Operators that exist are left alone.
        EXISTING
        + FAKE
        + """
import huse.vision.torchvision_ops as ops
ops.import_torchvision()
assert not ops._libraries
""",
        # An import that succeeds defines nothing.
        """
import sys, types
fake = sys.modules["torchvision"] = types.ModuleType("torchvision")
import huse.vision.torchvision_ops as ops
assert ops.import_torchvision() is fake and not ops._libraries
""",
        # Another failure is not hidden.
        """
import importlib, pytest
import huse.vision.torchvision_ops as ops
def fail(name): raise RuntimeError("CUDA has other versions")
importlib.import_module = fail
with pytest.raises(RuntimeError, match="other versions"):
    ops.import_torchvision()
assert not ops._libraries
""",
    ],
    ids=["missing", "existing", "no failure", "another failure"],
)
def test_operators_are_defined_only_where_they_are_missing(code):
    run_python(code)


def test_operators_that_exist_beside_the_real_torchvision():
    before = "" if import_torchvision().extension._has_ops() else EXISTING
    assert run_python(before + CHECK + "print(ops._libraries)").strip() == "[]"
