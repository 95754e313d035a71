"""What makes the vectors of pictures: one encoder, or several side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from huse.encoders.contract import read_config
from huse.encoders.given import GivenEncoder, open_given_pictures
from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_input import Encoding
from huse.errors import InputError
from huse.vision.backbones import BackboneSettings, load_backbone
from huse.vision.network_names import GIVEN

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


def save_pictures(encoders: Sequence[PictureEncoder], folder: Path) -> None:
    """Write encoders into an existing, empty folder, each into one of its own, numbered from 1."""
    for number, encoder in enumerate(encoders, 1):
        (folder / str(number)).mkdir()
        encoder.save(folder / str(number))


def load_pictures(folder: Path) -> dict[str, PictureEncoder]:
    """Read what `save_pictures` wrote, by number.

    Raises:
        InputError: there is none, or a file is missing or damaged.
    """
    names = sorted((path.name for path in folder.glob("*/")), key=int)
    if not names:
        raise InputError(f"{folder}: not found. Expected encoders of pictures; run `dvc repro` to make them.")
    return {name: _load(folder / name) for name in names}


def _load(folder: Path) -> PictureEncoder:
    given = read_config(folder)["family"] == GivenEncoder.family
    return GivenEncoder.load(folder) if given else NetworkEncoder.load(folder)
