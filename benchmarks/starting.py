"""Seconds from a fresh process to the first vectors, beside the import of torch alone.

Run as ``python -m benchmarks.starting``. Weights are random. Files lie in the system's memory, as from the second start
on; the sides take turns, and of each the fastest start counts.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from benchmarks.comparisons import add, new_table
from benchmarks.harness import Measured, measure
from benchmarks.sides.models import untrained_model
from huse.encoders.network import NetworkEncoder
from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.encoders.picture_input import Encoding
from huse.progress import progress
from huse.vision.backbones import load_backbone

NETWORKS = ("squeezenet1_1", *(["timm:tf_efficientnet_lite0"] if find_spec("timm") else []))
NAMES = ["red leather shoe", "blue cotton dress", "red cotton hat", "green leather bag"]
ROUNDS = 5
SIZE = 224


def main() -> None:
    """Measure and print one table."""
    table = new_table("A picture and a name at 224 × 224 from a fresh process on; peak memory in MB", "s")
    for network in progress(NETWORKS, description="benchmark", unit="network"):
        with TemporaryDirectory() as folder:
            asked: dict[str, Any] = {
                "folder": _write_model(Path(folder, "model"), network),
                "picture": f"{folder}/0.png",
            }
            Image.fromarray(np.zeros((SIZE, SIZE, 3), np.uint8)).save(asked["picture"])
            rounds = [
                (measure("starting:first_vectors", name=NAMES[0], **asked), measure("starting:torch_alone"))
                for _ in range(ROUNDS)
            ]
        add(
            table, (f"load and encode, {network} and n-grams", "import torch"), map(_fastest, zip(*rounds, strict=True))
        )
    Console(width=130).print(table)


def _fastest(starts: Iterable[Measured]) -> Measured:
    return min(starts, key=lambda start: start.seconds)


def _write_model(folder: Path, network: str) -> str:
    encoding = Encoding(geometry="squash", size=SIZE, max_pixels=10**8)
    images = NetworkEncoder.of(load_backbone(network, "random", 0), encoding, torch.device("cpu"))
    texts = NgramsEncoder.fit(NAMES, NgramVectorSettings(min_names=1), 0)
    folder.mkdir()
    untrained_model(images, texts).save(folder)
    return str(folder)


if __name__ == "__main__":
    main()
