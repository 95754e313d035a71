"""Models that have learned nothing, of any encoders; tests use them too."""

from typing import Any

import torch

from huse.encoders.contract import Encoder
from huse.encoders.picture_input import Picture
from huse.fusion import LogLinear
from huse.model.network import Architecture, Network, NetworkSettings
from huse.use.model import Model
from huse.use.scores import Classes, Fusion


def untrained_model(images: Encoder[Picture], texts: Encoder[str], **network: int) -> Model:
    """Return a model of two classes with random towers.

    Args:
        images: of pictures.
        texts: of names.
        network: settings of the towers.
    """
    shape = Architecture(
        image_features=images.dimension,
        text_features=texts.dimension,
        labels=2,
        separate_heads=False,
        settings=NetworkSettings(**network),  # type: ignore[arg-type]  # numbers alone
    )
    torch.manual_seed(0)
    info: dict[str, Any] = {"method": "huse", "seed": 1, "image_encoder": "", "text_encoder": ""}
    info |= {"data": {"products": 2, "pictures": {"train": 2, "validation": 0, "test": 0}}}
    info |= {"metrics": {}, "versions": {}}
    classes, fusion = Classes(["a", "b"], [[0], [1]]), Fusion(LogLinear(1.0, 1.0, 0.5), None)
    return Model(images, texts, Network(shape), classes=classes, fusion=fusion, info=info, points={})
