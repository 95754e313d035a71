"""The stages in the process of the test: where DVC is not the subject."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

from huse.run.params.editing import set_values
from huse.run.params.reader import read_yaml
from huse.run.place import Run
from tests.repository import ROOT

# In the order of the map.
ALL = {name: import_module(f"stages.{name}") for name in read_yaml(ROOT / "dvc.yaml")["stages"]}
# From a catalogue that is there to the metrics.
STAGES = [stage for name, stage in ALL.items() if name not in ("sample_catalogue", "model", "index", "report")]


def run_all_stages(here: Run) -> None:
    """Run every stage, from the sample catalogue to the report."""
    for stage in ALL.values():
        stage.main(here)


def write_params(folder: Path, *changes: dict[str, Any]) -> None:
    """Write the project's params.yaml with changes merged into it."""
    path = Path(shutil.copy(ROOT / "params.yaml", folder))
    for change in changes:
        set_values(path, change)
