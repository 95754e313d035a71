"""The stages in the process of the test: where DVC is not the subject."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from huse.run.params.reader import read_yaml
from stages import (
    catalogue,
    evaluate,
    finetune_backbone,
    image_vectors,
    label_graph,
    preprocess_text,
    text_vectors,
    train,
    word_vectors,
)
from tests.repository import ROOT, merge

# From a catalogue that is there to the metrics, in the order in which DVC runs them.
STAGES = (
    *(catalogue, preprocess_text, finetune_backbone, image_vectors),
    *(word_vectors, text_vectors, label_graph, train, evaluate),
)


def write_params(folder: Path, *changes: dict[str, Any]) -> None:
    """Write the project's params.yaml with changes merged into it."""
    params = read_yaml(ROOT / "params.yaml")
    for change in changes:
        merge(params, change)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(params, file)
