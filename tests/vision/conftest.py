import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

PRETRAINED = Path(__file__).resolve().parents[3] / "shared" / "pretrained"
SQUEEZENET = PRETRAINED / "squeezenet1_1-onnxzoo-4302cd73.pth"
MOBILENET = PRETRAINED / "mobilenet_v2_backbone-onnxzoo-b6cd7f5f.pth"
TEST_VECTORS = PRETRAINED / "squeezenet1_1-testvectors"


def count_vectors(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT COUNT(*) FROM vectors").fetchone()[0]


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
