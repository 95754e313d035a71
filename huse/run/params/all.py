"""All sections of ``params.yaml``; for those who check the whole file. A stage reads its own section alone."""

from pathlib import Path
from typing import Any

from huse.errors import InputError
from huse.run.params.catalogue import CatalogueParams, SampleCatalogueParams
from huse.run.params.reader import read_section, read_seed, read_yaml
from huse.settings import Settings


def sections() -> dict[str, type[Settings]]:
    """Return what declares each section, by its name."""
    # These import torch and gensim, which takes seconds; most commands do without.
    from huse.encoders.names import TextVectorSettings  # noqa: PLC0415
    from huse.encoders.picture_vectors import ImageVectorSettings  # noqa: PLC0415
    from huse.engine.machine import Machine  # noqa: PLC0415
    from huse.evaluation.splits import EvaluationSettings  # noqa: PLC0415
    from huse.run.params.label_graph import LabelGraphParams  # noqa: PLC0415
    from huse.run.params.train import TrainParams  # noqa: PLC0415
    from huse.text.cleaning import CleaningSettings  # noqa: PLC0415
    from huse.text.vocabulary import WordVectorSettings  # noqa: PLC0415
    from huse.vision.augmentation import Augmentation  # noqa: PLC0415
    from huse.vision.backbones import BackboneSettings  # noqa: PLC0415
    from huse.vision.finetuning import FinetuneSettings  # noqa: PLC0415

    return {
        "machine": Machine,
        "sample_catalogue": SampleCatalogueParams,
        "catalogue": CatalogueParams,
        "preprocess_text": CleaningSettings,
        "backbone": BackboneSettings,
        "augmentation": Augmentation,
        "finetune_backbone": FinetuneSettings,
        "image_vectors": ImageVectorSettings,
        "word_vectors": WordVectorSettings,
        "text_vectors": TextVectorSettings,
        "label_graph": LabelGraphParams,
        "train": TrainParams,
        "evaluate": EvaluationSettings,
    }


def check_params(path: Path) -> dict[str, Any]:
    """Read the whole file.

    Returns:
        The sections by name.

    Raises:
        InputError: a section is unknown or missing, or a value does not fit; names every problem.
    """
    from huse.training.shards import check_shards  # noqa: PLC0415  as in `sections`

    kinds = sections()
    found: dict[str, Any] = {}
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
    try:
        if {"machine", "train"} <= found.keys():
            check_shards(found["train"].shards, found["machine"].processes)
    except InputError as error:
        problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return found
