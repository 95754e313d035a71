"""Encoders as an export has them: networks as ONNX graphs, tables as they are.

Letters: S pixels a side of a network's input.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import Encoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.ngrams import NgramsEncoder
from huse.encoders.onnx_pictures import PIXELS, VECTORS, OnnxPicturesEncoder
from huse.errors import InputError
from huse.use.export.graphs import PictureGraph, write_graph

CPU = torch.device("cpu")
TABLES = ("given", "onnx", "onnx_texts", "use", "words")  # need no torch


def export_encoder(encoder: Encoder[Any], folder: Path) -> Encoder[Any]:
    """Return an encoder that gives the same vectors without torch.

    Args:
        encoder: of pictures or names.
        folder: existing and empty; gets the graphs, which the new encoder reads from there.

    Raises:
        InputError: it cannot be exported; says what would allow it.
    """
    family = encoder.config["family"]
    if family in TABLES:
        return encoder
    if family not in EXPORTED:
        raise InputError(
            f"{family}: an encoder of this family cannot be exported to ONNX. Those that can: "
            f"{', '.join(sorted((*EXPORTED, *TABLES[:1], *TABLES[3:])))}."
        )
    return EXPORTED[family](encoder, folder)


def in_float32(encoder: Encoder[Any]) -> Encoder[Any]:
    """Return an encoder whose networks compute in float32, as graphs do; the same one where they do so already."""
    if isinstance(encoder, NetworkEncoder) and encoder.encoding.dtype != "float32":
        return encoder.changed(CPU, dtype="float32")
    if isinstance(encoder, BlocksEncoder):
        parts = {name: in_float32(part) for name, part in encoder.encoders.items()}
        changed = any(parts[name] is not part for name, part in encoder.encoders.items())
        return replace(encoder, encoders=parts) if changed else encoder
    return encoder


def _network(encoder: NetworkEncoder, folder: Path) -> Encoder[Any]:
    file, size = folder / "network.onnx", encoder.encoding.size
    pixels = torch.randint(0, 256, (2, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    name = encoder.backbone.name
    write_graph(PictureGraph(encoder), {PIXELS: pixels}, [VECTORS], file, of=f"the network of pictures {name}")
    return OnnxPicturesEncoder(file, name, encoder.encoding.changed(dtype="float32"), encoder.dimension)


def _blocks(encoder: BlocksEncoder, folder: Path) -> Encoder[Any]:
    parts = {}
    for name, part in encoder.encoders.items():
        (folder / name).mkdir()
        parts[name] = export_encoder(part, folder / name)
    return replace(encoder, encoders=parts)


def _ngrams(encoder: NgramsEncoder, folder: Path) -> Encoder[Any]:
    return replace(encoder, arithmetic="scipy")


# Family → what exports it. A table beside it, `TABLES`, is taken over as it is.
EXPORTED: dict[str, Callable[[Any, Path], Encoder[Any]]] = {
    BlocksEncoder.family: _blocks,
    NetworkEncoder.family: _network,
    NgramsEncoder.family: _ngrams,
}
