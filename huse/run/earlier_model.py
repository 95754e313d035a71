"""The folder of a model that an earlier run made."""

from pathlib import Path
from typing import Any

from huse.errors import InputError
from huse.files import check_files
from huse.run.artifacts import read_json

CONFIG = "config.json"
TEXT_ENCODER, IMAGE_ENCODER = "text_encoder", "image_encoder"  # folders in it


def read_earlier(folder: Path) -> dict[str, Any]:
    """Read the config of an earlier model.

    Raises:
        InputError: the folder is no model, or a file of it is missing or another.
    """
    if not (folder / CONFIG).is_file():
        raise InputError(f"{folder}: no model. Copy data/model of an earlier run there, or set start: null.")
    try:
        content = read_json(folder / CONFIG, ("classes", "class_labels", "sha256"))
    except InputError:  # whose remedy is for what a stage makes again
        content = {"sha256": None}
    if not isinstance(content["sha256"], dict):
        raise InputError(
            f"{folder / CONFIG}: does not describe a model of an earlier run. Copy one, or set start: null."
        )
    check_files(folder, content["sha256"], CONFIG)
    return content
