"""A model as a folder of ONNX graphs and tables, which `huse.load` reads and which needs no torch."""

import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from huse.encoders.contract import Encoder
from huse.errors import InputError
from huse.model.contract import MODALITIES, Modality
from huse.model.network import Network
from huse.model.onnx_towers import EMBEDDINGS, GRAPHS, SCORES, VECTORS, OnnxTowers, write_shape
from huse.use.export.graphs import NEEDED, OPSET, TowerGraph, refuse_without_libraries, write_graph
from huse.use.export.guide import write_guide
from huse.use.export.parity import Parity, compare, names_of, refuse_far
from huse.use.export.parts import export_encoder, in_float32
from huse.use.folder import ENCODERS, ONNX
from huse.use.model import Model

FOUND_EXPORT = "expected a model with towers of torch, found an export. Export the model that it was made of."


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        parity: by modality, with the source in float32.
        rounded: the same with the source as it computes, where that is bfloat16; else empty.
        examples: whether there are any; see `huse.use.export.guide.write_guide`.
    """

    parity: dict[str, Parity]
    rounded: dict[str, Parity]
    examples: bool


def export_onnx(model: Model, folder: Path) -> Exported:
    """Write a model as ONNX.

    Args:
        model: that was loaded, with towers of torch.
        folder: existing and empty.

    Raises:
        InputError: a library is missing, a part cannot be exported, or what was exported computes something else.
    """
    refuse_without_libraries()
    network = model.network
    if not isinstance(network, Network):
        raise InputError(FOUND_EXPORT)
    if not model.fingerprint:
        raise InputError("expected a model that was loaded from a folder. Save it, and give that to huse.load.")
    names = names_of(model.classes)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made, whole = Path(place, "made"), Path(place, "whole")
        made.mkdir()
        whole.mkdir()
        towers = _export_towers(network, made)
        encoders: dict[str, Encoder[Any]] = {}
        parity: dict[str, Parity] = {}
        rounded: dict[str, Parity] = {}
        for modality, source in zip(MODALITIES, (model.image_encoder, model.text_encoder), strict=True):
            (made / ENCODERS[modality]).mkdir()
            encoders[modality] = export_encoder(source, made / ENCODERS[modality])
            plain = in_float32(source)
            parity[modality] = compare((plain, encoders[modality]), (network, towers), modality, names)
            refuse_far(parity[modality], modality)
            if plain is not source:
                rounded[modality] = compare((source, encoders[modality]), (network, towers), modality, names)
        about = {
            "source": model.fingerprint,
            "opset": OPSET,
            "parity": {name: asdict(found) for name, found in parity.items()},
            **({"source_in_bfloat16": {name: asdict(found) for name, found in rounded.items()}} if rounded else {}),
            "versions": {"torch": torch.__version__, **{name: version(name) for name in NEEDED}},
        }
        exported = model.computed_by(encoders["image"], encoders["text"], towers, {"towers": ONNX, "export": about})
        exported.save(whole)
        for part in whole.iterdir():
            part.rename(folder / part.name)
    return Exported(parity, rounded, examples=write_guide(exported, folder))


def _export_towers(network: Network, folder: Path) -> OnnxTowers:
    lengths: dict[Modality, int] = {modality: network.features(modality) for modality in MODALITIES}
    for modality, features in lengths.items():
        vectors = torch.randn(2, features, generator=torch.Generator().manual_seed(0))
        file = folder / GRAPHS[modality]
        write_graph(
            TowerGraph(network, modality), {VECTORS: vectors}, [EMBEDDINGS, SCORES], file, of=f"the {modality} tower"
        )
    write_shape(folder, {"dimension": network.dimension, "labels": network.labels, "features": lengths})
    return OnnxTowers.load_from(folder)
