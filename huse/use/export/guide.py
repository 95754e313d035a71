"""What lies in an ONNX folder for people without huse: how a picture is classified, and examples in two languages.

Letters: S pixels a side of a network's input, R of the resized picture before the window of S × S is cut.
"""

import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import Encoder
from huse.encoders.onnx_pictures import GRAPH, OnnxPicturesEncoder
from huse.model.onnx_towers import GRAPHS
from huse.use.folder import CARD, ENCODERS
from huse.use.model import Model
from huse.vision.geometry import share_of

HOW = "classify.json"
EXAMPLES = {"example.py": "example_py.txt", "example.mjs": "example_mjs.txt"}


def write_guide(model: Model, folder: Path) -> bool:
    """Write `HOW`, the examples and the README beside an export.

    Returns:
        Whether there are examples; of given vectors, which know no other picture, there are none.
    """
    networks = _networks(model.image_encoder)
    if networks is not None:
        content = {
            "networks": networks,
            "tower": GRAPHS["image"],
            "temperature": model.fusion.log_linear.image_temperature,
            "classes": model.classes,
            "class_labels": model.class_labels,
        }
        (folder / HOW).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for name, template in EXAMPLES.items():
            text = files("huse.use.export").joinpath("templates", template).read_text(encoding="utf-8")
            (folder / name).write_text(text, encoding="utf-8")
    card = (folder / CARD).read_text(encoding="utf-8")
    (folder / CARD).write_text(f"{_readme(model, examples=networks is not None)}\n{card}", encoding="utf-8")
    return networks is not None


def _networks(encoder: Encoder[Any], place: str = ENCODERS["image"], scale: float = 1.0) -> list[dict[str, Any]] | None:
    """Return each network with how its pictures are prepared; None where vectors were given."""
    if isinstance(encoder, BlocksEncoder):
        found = [_networks(part, f"{place}/{name}", encoder.scales[name]) for name, part in encoder.encoders.items()]
        return None if None in found else [each for those in found for each in those or ()]
    if not isinstance(encoder, OnnxPicturesEncoder):
        return None
    how = encoder.encoding
    square = {
        "size": how.size,
        "resized": math.floor(how.size / share_of(how.geometry, how.share)),
        "geometry": how.geometry,
        "interpolation": how.interpolation,
    }
    return [{"graph": f"{place}/{GRAPH}", "square": square, "divided_by": scale}]


def _readme(model: Model, *, examples: bool) -> str:
    shown = (
        [
            "Without huse: `python example.py PICTURE` needs numpy, onnxruntime and Pillow;",
            "`node example.mjs PICTURE` needs `npm install onnxruntime-node sharp`. Both print the five most probable",
            f"classes of a picture. `{HOW}` says how a picture becomes a square of pixels, and a score a probability.",
        ]
        if examples
        else ["Its vectors of pictures were given, and it can make none: so there is no example for a new picture."]
    )
    return "\n".join(
        [
            "# ONNX: the model without torch",
            "",
            "    import huse    # needs huse and onnxruntime, no torch",
            '    model = huse.load("this folder")',
            "",
            *shown,
            "",
            "| graph | input | output |",
            "| --- | --- | --- |",
            "| `image_encoder/…network.onnx` | `pixels`: N × S × S × 3 uint8, RGB | `vectors`: N × F float32 |",
            f"| `{GRAPHS['image']}`, `{GRAPHS['text']}` | `vectors`: N × F float32 | "
            f"`embeddings`: N × {model.dimension}, unit norm; `scores`: N × {model.network.labels} |",
            "",
            "`config.json` has the source's fingerprint, and how far the graphs are from torch. An index of the source "
            "takes this folder.",
            "",
        ]
    )
