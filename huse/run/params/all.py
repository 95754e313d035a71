"""All sections of ``params.yaml``; for those who check the whole file. A stage reads its own section alone."""

from pathlib import Path
from typing import Any

from huse.errors import InputError
from huse.run.params.backbone import BackboneParams
from huse.run.params.catalogue import CatalogueParams
from huse.run.params.evaluate import EvaluateParams
from huse.run.params.image_vectors import ImageVectorsParams
from huse.run.params.label_graph import LabelGraphParams
from huse.run.params.machine import MachineParams
from huse.run.params.preprocess_text import PreprocessTextParams
from huse.run.params.reader import read_section, read_seed, read_yaml
from huse.run.params.sample_catalogue import SampleCatalogueParams
from huse.run.params.word_vectors import WordVectorsParams
from huse.settings import Settings
from huse.vision.augmentation import Augmentation


def sections() -> dict[str, type[Settings]]:
    """Return what declares each section, by its name."""
    # These import torch, which takes a second; most commands do without.
    from huse.run.params.train import TrainParams  # noqa: PLC0415
    from huse.vision.finetuning import FinetuneSettings  # noqa: PLC0415

    return {
        "machine": MachineParams,
        "sample_catalogue": SampleCatalogueParams,
        "catalogue": CatalogueParams,
        "preprocess_text": PreprocessTextParams,
        "backbone": BackboneParams,
        "augmentation": Augmentation,
        "finetune_backbone": FinetuneSettings,
        "image_vectors": ImageVectorsParams,
        "word_vectors": WordVectorsParams,
        "label_graph": LabelGraphParams,
        "train": TrainParams,
        "evaluate": EvaluateParams,
    }


def check_params(path: Path) -> dict[str, Any]:
    """Read the whole file.

    Returns:
        The sections by name.

    Raises:
        InputError: a section is unknown or missing, or a value does not fit; names every problem.
    """
    kinds, found = sections(), {}
    problems = [
        f"{path}: {name}: no section of that name; there are {', '.join(kinds)}"
        for name in read_yaml(path)
        if name not in (*kinds, "seed")
    ]
    try:
        read_seed(path)
    except InputError as error:
        problems.append(str(error))
    for name, kind in kinds.items():
        try:
            found[name] = read_section(kind, name, path)
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return found
