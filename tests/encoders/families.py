"""Every family of encoders of pictures, in small: for what must hold for all of them."""

import shutil
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from tests.vision.pairs import KINDS, make_pair

needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="timm, the extra `vision`, is not installed")
NETWORKS = {"torchvision": "squeezenet1_1", "timm": "timm:test_efficientnet"}
PAIRS = [pytest.param(*pair.values, marks=[*pair.marks, pytest.mark.slow]) for pair in KINDS]
FAMILIES = ["torchvision", pytest.param("timm", marks=needs_timm), *PAIRS, "given", "side by side"]


def make_backbone(kind, folder, images, *, seed=1):
    """Write what a family reads into a folder; return the section `backbone` that names it.

    The seed is of given vectors and of pairs; random weights have that of the run.
    """
    own = {"size": None, "geometry": None}
    if kind in NETWORKS:
        return {**own, "network": NETWORKS[kind], "weights": "random", "size": 64}
    if kind == "given":
        vectors = np.random.default_rng(seed).normal(size=(len(images), 3))
        pd.DataFrame({"image": images, "vector": [*vectors]}).to_parquet(folder / "given.parquet")
        return {**own, "network": "given:given.parquet", "weights": None}
    if kind == "side by side":
        parts = [make_backbone(part, folder, images, seed=seed) for part in ("torchvision", "given")]
        return {**parts[0], **{key: [part[key] for part in parts] for key in ("network", "weights")}}
    shutil.rmtree(folder / "pair", ignore_errors=True)
    prefix = make_pair(kind, folder / "pair", seed=seed).partition(":")[0]
    return {**own, "network": f"{prefix}:pair", "weights": None}
