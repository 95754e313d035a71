"""Imports torchvision, also where its compiled operators do not load.

The project uses torchvision's models only, no operator of detection. torchvision still refuses to be imported
beside a torch build that its operators were not made for (a CPU build of torch with the registry's
torchvision, say): it describes the operator ``nms`` to torch, and torch does not know it.
"""

import importlib
import sys
from types import ModuleType

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# torch forgets a schema when the library object that defined it goes.
_libraries: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """Import torchvision; every other module of the project gets it here.

    Torchvision itself decides whether its operators are missing: only when the import has failed for that
    reason are the schemas of the operators defined, without a kernel, and the import is tried again. Where
    the operators load, nothing is defined, so nothing can collide with the real ones.

    Returns:
        The module ``torchvision``.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: torchvision fails for another reason.
    """
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    # The submodules that were imported before the failure know a parent that is gone.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.partition("(")[0]):
            library.define(schema)  # type: ignore[no-untyped-call]
    _libraries.append(library)
    return importlib.import_module("torchvision")
