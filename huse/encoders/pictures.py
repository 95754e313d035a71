"""What makes the vectors of pictures: one encoder, or several side by side."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import Encoder
from huse.encoders.families import load_encoder
from huse.encoders.given import GivenEncoder, open_given_pictures
from huse.encoders.network import Encoding, NetworkEncoder, Picture
from huse.errors import InputError
from huse.vision.backbones import GIVEN, BackboneSettings, load_backbone

PictureEncoder = NetworkEncoder | GivenEncoder


def open_pictures(
    settings: BackboneSettings,
    products: pd.DataFrame,
    *,
    root: Path,
    seed: int,
    max_pixels: int,
    device: torch.device,
) -> list[PictureEncoder]:
    """Make the encoders of pictures that settings name, in their order.

    Args:
        settings: networks, weights, geometry.
        products: with a picture; columns `image`, and `product` where the catalogue has ids.
        root: base of relative paths.
        seed: of random weights.
        max_pixels: width × height of the largest picture that is decoded.
        device: to compute on.

    Raises:
        InputError: see `huse.vision.backbones.load_backbone`, `huse.encoders.given.open_given_pictures`.
    """
    found: list[PictureEncoder] = []
    for network, weights in settings.networks:
        if network.startswith(GIVEN):
            ids = products["product"].tolist() if "product" in products else None
            file = network.removeprefix(GIVEN)
            found.append(open_given_pictures(file, settings.given, root, products["image"].tolist(), ids))
        else:
            backbone = load_backbone(network, weights, seed, root, settings.size)
            found.append(NetworkEncoder.of(backbone, Encoding.of(settings, backbone, max_pixels), device))
    return found


def join_pictures(encoders: Mapping[str, Encoder[Picture]], scales: Mapping[str, float]) -> Encoder[Picture]:
    """Make one encoder of several; a single one stays as it is."""
    return next(iter(encoders.values())) if len(encoders) == 1 else BlocksEncoder(encoders, scales)


def load_pictures(folder: Path) -> dict[str, PictureEncoder]:
    """Read what `join_pictures` made and saved: the encoders by name, in the order of their blocks.

    Raises:
        InputError: a file is missing or damaged.
    """
    encoder = load_encoder(folder)
    parts = encoder.encoders if isinstance(encoder, BlocksEncoder) else {"1": encoder}
    found = {name: part for name, part in parts.items() if isinstance(part, NetworkEncoder | GivenEncoder)}
    if len(found) < len(parts):
        raise InputError(f"{folder}: expected encoders of pictures, found others. Run `dvc repro` to make it.")
    return found
