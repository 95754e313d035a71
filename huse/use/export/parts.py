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
from huse.encoders.onnx_pictures import GRAPH, PIXELS, VECTORS, OnnxPicturesEncoder
from huse.encoders.onnx_texts import GRAPH as TEXT_GRAPH
from huse.encoders.onnx_texts import TOKENIZER, OnnxTextsEncoder
from huse.encoders.onnx_texts import VECTORS as TEXT_VECTORS
from huse.encoders.text_reading import SentenceReading
from huse.encoders.transformer import SentencesEncoder
from huse.errors import InputError
from huse.use.export.graphs import PictureGraph, write_graph
from huse.use.export.sentences import SentenceGraph

PROBE = "shoe"
UNBOUNDED = 10**6  # tokens
CPU = torch.device("cpu")
TABLES = ("given", "use", "words")  # need no torch


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
        known = ", ".join(sorted((*EXPORTED, *TABLES)))
        raise InputError(
            f"{family}: an encoder of this family cannot be exported, only {known}. Its library needs torch. Use the "
            "model's own folder."
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
    file, size = folder / GRAPH, encoder.encoding.size
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


def _sentences(encoder: SentencesEncoder, folder: Path) -> Encoder[Any]:
    network, of = encoder.network, f"the model of sentences {encoder.folder.name}"
    if not getattr(network.tokenizer, "is_fast", False):
        raise InputError(
            f"{of}: its tokenizer, {type(network.tokenizer).__name__}, needs transformers. A model whose folder has a "
            "tokenizer.json can be exported."
        )
    graph = SentenceGraph(encoder)
    inputs = graph.examples([PROBE, f"{PROBE} {PROBE} {PROBE}"])
    write_graph(graph, inputs, [TEXT_VECTORS], folder / TEXT_GRAPH, of=of, dynamic=("batch", "tokens"))
    tokenizer = network.tokenizer.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.enable_padding(
        pad_id=network.tokenizer.pad_token_id,
        pad_type_id=network.tokenizer.pad_token_type_id,
        pad_token=network.tokenizer.pad_token,
        direction=network.tokenizer.padding_side,
    )
    tokenizer.save(str(folder / TOKENIZER))
    reading: SentenceReading = encoder.reading.changed(prompt=encoder.prompt)
    longest = int(network.max_seq_length or UNBOUNDED)
    return OnnxTextsEncoder(folder, reading, tuple(inputs), longest, encoder.salience, encoder.dimension)


# Family → what exports it. A table beside it, `TABLES`, is taken over as it is.
EXPORTED: dict[str, Callable[[Any, Path], Encoder[Any]]] = {
    SentencesEncoder.family: _sentences,
    BlocksEncoder.family: _blocks,
    NetworkEncoder.family: _network,
    NgramsEncoder.family: _ngrams,
}
