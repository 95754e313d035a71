"""Puts all that a use of the model needs into one folder.

Reads data/towers, data/backbone with data/vectors/image.json (how its vectors were made), data/text/encoder,
data/labels/labels.json, data/evaluation/hedging.json, and metrics/catalogue.json, train.json, validation.json and
evaluate.json.

Writes data/model: config.json, towers.safetensors, image_encoder, text_encoder and the model card README.md. What
`huse.load("data/model")` computes for a picture or a name is what the stages computed. Scores are fused in the way that
was more accurate on the validation split (HUSE 4.5); of equal ones by their logarithms, which are calibrated.
"""

import json
import platform
from typing import Any

import numpy as np
import torch

import huse
from huse.descent import KINDS, read_points
from huse.encoders.blocks import BlocksEncoder
from huse.encoders.families import load_encoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.pictures import PictureEncoder, load_pictures
from huse.engine.devices import resolve_device
from huse.fusion import LogLinear
from huse.model.network import Network
from huse.run import paths
from huse.run.artifacts import Outputs, manifest_path, read_json
from huse.run.place import Run
from huse.use.model import Model
from huse.use.scores import Classes, Fusion
from stages.runner import run

SHOWN = {  # of the model card: where each metric stands in evaluate.json
    "accuracy by picture": ("classification", "image", "accuracy"),
    "accuracy by name": ("classification", "text", "accuracy"),
    "accuracy by both": ("classification", "fusion", "accuracy"),
    "R@1, mean of four directions": ("retrieval", "mean", "recall_at_1"),
    "mAP, mean of four directions": ("retrieval", "mean", "map"),
}


def main(here: Run) -> str:
    """Run the stage."""
    made = read_json(manifest_path(here / paths.IMAGE_VECTORS), ["parameters"])["parameters"]
    how = {key: made[key] for key in ("dtype", "batch_size", "flip")}
    parts = {
        name: part.changed(resolve_device("cpu"), **how) if isinstance(part, NetworkEncoder) else part
        for name, part in load_pictures(here / paths.BACKBONE).items()
    }
    scales = {name: block["scale"] for name, block in made["blocks"].items()}
    images = BlocksEncoder(parts, scales) if len(parts) > 1 else next(iter(parts.values()))
    texts = load_encoder(here / paths.TEXT_ENCODER)
    trained = read_json(here / paths.TOWERS_CONFIG, ["labels", "params", "seed", "rows", "learned_from"])
    labels = read_json(here / paths.LABELS, ["classes", "class_labels"])
    validation = read_json(here / paths.VALIDATION_METRICS, ["classification"])["classification"]
    average, log_linear = validation["average"], validation["log_linear"]
    fusion = Fusion(
        LogLinear(**{name: log_linear[name] for name in LogLinear.__dataclass_fields__}),
        average["image_weight"] if validation["fusion"]["by"] == "average" else None,
    )
    info = {
        "method": trained["params"]["method"],
        "seed": trained["seed"],
        "image_encoder": " + ".join(map(_described, parts.values())),
        "text_encoder": " + ".join(texts.config.get("blocks", [texts.config["family"]])),
        "data": read_json(here / paths.CATALOGUE_METRICS, ["pictures", "products", "classes"]),
        "learned_from": trained["learned_from"],
        "metrics": _metrics(here),
        "fingerprints": {"products": trained["rows"], "image_vectors": json.dumps(made, sort_keys=True)},
        "versions": {
            "huse": huse.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
    }
    model = Model(
        images,
        texts,
        Network.load(here / paths.TOWERS, here / paths.TOWERS_CONFIG),
        classes=Classes(labels["classes"], labels["class_labels"]),
        fusion=fusion,
        info=info,
        points=read_points(read_json(here / paths.HEDGING, KINDS)),
    )
    with Outputs() as outputs:
        folder = outputs.path(here / paths.MODEL)
        folder.mkdir()
        model.save(folder)
        megabytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
    return f"model: {len(model.classes)} classes, {model.dimension} dimensions, {megabytes:.0f} MB"


def _described(encoder: PictureEncoder) -> str:
    if isinstance(encoder, NetworkEncoder):
        return f"{encoder.backbone.name} at {encoder.encoding.size} pixels"
    return "given vectors"


def _metrics(here: Run) -> dict[str, Any]:
    metrics = read_json(here / paths.EVALUATE_METRICS, ["classification", "retrieval"])
    shown = {}
    for name, place in SHOWN.items():
        value, ends = metrics, metrics.get("intervals", {})
        for part in place:
            value, ends = value.get(part, {}), ends.get(part, {})
        if value != {}:  # a catalogue without pictures has no metric of them
            shown[name] = {"value": value, **ends}
    return shown


if __name__ == "__main__":
    run(main)
