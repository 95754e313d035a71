"""The stages in the process of the test: where DVC is not the subject."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from huse.run.params.editing import set_values
from huse.run.params.reader import read_yaml
from tests.repository import ROOT

# From a catalogue that is there to the metrics, in the order of the map.
AROUND = ("sample_catalogue", "model", "report")
STAGES = [import_module(f"stages.{name}") for name in read_yaml(ROOT / "dvc.yaml")["stages"] if name not in AROUND]


def write_params(folder: Path, *changes: dict[str, Any]) -> None:
    """Write the project's params.yaml with changes merged into it."""
    path = Path(shutil.copy(ROOT / "params.yaml", folder))
    for change in changes:
        set_values(path, change)
