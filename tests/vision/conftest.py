import sqlite3
import struct
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PRETRAINED = Path(__file__).resolve().parents[3] / "shared" / "pretrained"
SQUEEZENET = PRETRAINED / "squeezenet1_1-onnxzoo-4302cd73.pth"
MOBILENET = PRETRAINED / "mobilenet_v2_backbone-onnxzoo-b6cd7f5f.pth"
TEST_VECTORS = PRETRAINED / "squeezenet1_1-testvectors"


def count_vectors(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT COUNT(*) FROM vectors").fetchone()[0]


def noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks, width=10, height=12, pixel=b"\0", depth=8, kind=0):
    """A PNG of one colour, with further chunks; `kind` 0 is grey, 2 RGB."""
    header = png_chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, kind, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress((b"\0" + pixel * width) * height, 9))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def needs(path):
    return pytest.mark.skipif(not path.exists(), reason=f"the pretrained weights {path.name} are not here")


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    # Small networks gain nothing from more, and threads that wait for busy cores cost seconds a test.
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
