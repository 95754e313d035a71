"""A model of sentences as one network: tokens to vectors.

Letters: B texts of a batch, T tokens of its longest, D values a vector.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from huse.encoders.onnx_texts import WEIGHTS
from huse.encoders.transformer import SentencesEncoder, pooling_of


class SentenceGraph(nn.Module):
    """Tokens to vectors, as `SentencesEncoder` does it.

    Attributes:
        names: of the inputs, in the order of the arguments.
    """

    def __init__(self, encoder: SentencesEncoder) -> None:
        super().__init__()
        self.parts = nn.ModuleList(encoder.network)
        self.encoder = [encoder]  # in a list: it is no module
        self.normalise = encoder.reading.normalise
        self.pooling = None if encoder.salience is None else pooling_of(encoder.network, encoder.folder)
        self.names: list[str] = []
        self.fixed: dict[str, Any] = {}

    def examples(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return the inputs of some texts; what is the same for all texts is noted."""
        encoder = self.encoder[0]
        found = encoder.network.preprocess(list(texts), prompt=encoder.prompt)
        inputs = {name: value for name, value in found.items() if isinstance(value, Tensor) and value.ndim == 2}
        self.fixed = {name: value for name, value in found.items() if name not in inputs}
        if self.pooling is not None:
            inputs[WEIGHTS] = torch.ones(next(iter(inputs.values())).shape)
        self.names = list(inputs)
        return inputs

    def forward(self, *inputs: Tensor) -> Tensor:
        """B × T each to B × D float32."""
        features: dict[str, Any] = {**dict(zip(self.names, inputs, strict=True)), **self.fixed}
        weights = features.pop(WEIGHTS, None)
        for place, part in enumerate(self.parts):
            if place == self.pooling:
                shares = weights * features["attention_mask"]
                total = shares.sum(dim=1, keepdim=True)
                features["sentence_embedding"] = (features["token_embeddings"] * shares[:, :, None]).sum(dim=1) / total
            else:
                features = part(features)
        vectors: Tensor = features["sentence_embedding"]
        return (functional.normalize(vectors, dim=1) if self.normalise else vectors).float()
