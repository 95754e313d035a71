"""How many faults the tests try: few of each kind, or with HUSE_FAULTS=N in the environment N times as many."""

import os

import numpy as np

MORE = int(os.environ.get("HUSE_FAULTS", "1"))


def damage(content, rng):
    """Damage bytes in one to three ways: bytes changed, a piece cut out, doubled, moved, or replaced by noise."""
    data = np.frombuffer(content, np.uint8)
    for _ in range(rng.integers(1, 4)):
        start, end = np.sort(rng.integers(0, len(data) + 1, 2))
        end = min(end, start + int(rng.choice([1, 4, 40, 4000])))
        piece = data[start:end]
        noise = rng.integers(0, 256, len(piece), dtype=np.uint8)
        instead = [piece[:0], np.tile(piece, 2), noise, piece * 0, piece ^ 1, piece[::-1]][rng.integers(6)]
        data = np.concatenate([data[:start], instead, data[end:]])
    return data.tobytes()
