"""Networks of torch as ONNX graphs, by torch's exporter.

Letters: N items, S pixels a side of a network's input, F values of a vector, D dimension, K labels.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from huse.encoders.network import NetworkEncoder
from huse.errors import InputError
from huse.model.contract import Modality
from huse.model.network import Network
from huse.vision.network_input import normalise
from huse.vision.quiet import silence

OPSET = 20
NEEDED = ("onnx", "onnxscript", "onnxruntime")
LARGEST = 1_900_000_000  # bytes of weights; one file of ONNX holds 2 GB


class PictureGraph(nn.Module):
    """Pixels to vectors, as `NetworkEncoder.encode_pixels` does it in float32."""

    def __init__(self, encoder: NetworkEncoder) -> None:
        super().__init__()
        self.network = encoder.backbone.module
        self.made_for, self.flip = encoder.backbone.made_for, encoder.encoding.flip

    def forward(self, pixels: Tensor) -> Tensor:
        """N × S × S × 3 uint8 to N × D float32."""
        inputs = normalise(pixels, self.made_for)
        vectors: Tensor = self.network(inputs).float()
        if self.flip:
            vectors = (vectors + self.network(inputs.flip(3)).float()) / 2
        return vectors


class TowerGraph(nn.Module):
    """Vectors to embeddings and scores, as `Network.embed` does it."""

    def __init__(self, network: Network, modality: Modality) -> None:
        super().__init__()
        self.network, self.modality = network, modality

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """N × F float32 to N × D of unit norm, and N × K."""
        embeddings = self.network.tower(self.modality)(vectors)
        scores = functional.softmax(self.network.logits(self.modality, embeddings), dim=1)
        return self.network.pulled(embeddings, scores), scores


def refuse_without_libraries() -> None:
    """Refuse an installation without the extra `export`."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            f"{', '.join(missing)}: not installed, which an export needs. Run `pip install 'huse[export]'`."
        )


def write_graph(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    file: Path,
    *,
    of: str,
    dynamic: Sequence[str] = ("batch",),
) -> None:
    """Write a network as an ONNX graph that takes any number of items.

    Args:
        module: in evaluation mode, on the CPU, float32.
        inputs: examples of at least 2 items, by name; in the order of the arguments.
        outputs: their names.
        file: to write.
        of: what is exported, for errors.
        dynamic: names of the leading sizes that may differ from the examples.

    Raises:
        InputError: torch cannot export the network.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())
    if size > LARGEST:
        raise InputError(
            f"{of}: its weights take {size / 1e9:.1f} GB, and a file of ONNX holds 2. It stays with torch."
        )
    sizes = {place: torch.export.Dim(name) for place, name in enumerate(dynamic)}
    of_each = tuple(sizes for _ in inputs)
    several = any(each.kind is each.VAR_POSITIONAL for each in signature(module.forward).parameters.values())
    shapes = (of_each,) if several else of_each
    try:
        with silence(), torch.inference_mode(False), torch.no_grad():
            program = torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=shapes,
                verbose=False,
            )
    except Exception as error:  # of the exporter, in many kinds
        raise InputError(
            f"{of}: torch cannot export it to ONNX ({_reason(error)}). It stays with torch; use the model's own folder."
        ) from None
    if program is None:
        raise InputError(f"{of}: torch exported nothing. It stays with torch; use the model's own folder.")
    _without_traces(program.model)
    program.save(file, external_data=False)


def _reason(error: BaseException) -> str:
    """Return the first line of what the exporter's error, which is long and general, comes from."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _without_traces(model: Any) -> None:
    """Remove what the exporter notes for its own debugging: lines of code, with the paths of this machine."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for graph in (model.graph, *model.functions.values()):
        for node in graph.all_nodes():
            node.metadata_props.clear()
            for value in node.outputs:
                value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
