"""Draws a shop of any size: catalogue, vectors of pictures, and the parameters to run it with."""

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image
from pyarrow import csv

from huse.run.params.editing import set_values

SIZE = 128  # values of a picture's vector
NOISE = 6.0  # deviation of a vector from that of its class, where classes have one of 1.7 to each other
BREADTH = 10  # nodes of a level below one another; three levels
PRODUCTS_A_CLASS = 200  # of a shop of up to 200,000 products; beyond, there are 1,000 classes
HELD_OUT = 20_000  # products of validation, and of test, at most
BLOCK = 100_000  # products whose vectors are drawn together


def draw(folder: Path, products: int, steps: int, seed: int) -> None:
    """Write catalogue, pictures of two pixels, vectors with their keys, and params.yaml.

    A name has words of its class and of its parents, each of them left out at times, and words of no class. A vector is
    that of its class, which lies near that of its parent, and noise.
    """
    rng = np.random.default_rng(seed)
    classes = min(BREADTH**3, max(8, products // PRODUCTS_A_CLASS))
    leaves = np.arange(classes)
    ways = np.stack([leaves // BREADTH**2, leaves // BREADTH, leaves])  # 3 × C
    paths = np.array([f"a{first}<b{second}<c{third}" for first, second, third in ways.T])
    centres = sum(rng.normal(size=(1 + way.max(), SIZE))[way] for way in ways)
    of = np.sort(rng.integers(0, classes, products))
    rng.shuffle(of)
    words = [_word(f"level{depth}", way[of] * 5 + rng.integers(0, 5, products)) for depth, way in enumerate(ways)]
    others = [_word("brand", rng.zipf(1.3, products) % 20_000), _word("size", rng.integers(0, 300, products))]
    parts = [np.where(rng.random(products) < 0.7, part, "") for part in words] + others
    names = [" ".join(filter(None, row)) for row in zip(*parts, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"{number:08d}" for number in range(products)]
    pictures = [f"{name[:-4]}/{name}.png" for name in ids]
    csv.write_csv(pa.table({"image": pictures, "id": ids, "name": names, "classes": paths[of]}), folder / "shop.csv")
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(products, SIZE))
    for start in range(0, products, BLOCK):
        rows = of[start : start + BLOCK]
        vectors[start : start + BLOCK] = centres[rows] + NOISE * rng.normal(size=(len(rows), SIZE))
    vectors.flush()
    (folder / "keys.txt").write_text("\n".join(pictures) + "\n", encoding="utf-8")
    picture = io.BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "PNG")
    for place in {path.rpartition("/")[0] for path in pictures}:
        (folder / "pictures" / place).mkdir(parents=True, exist_ok=True)
    for path in pictures:
        (folder / "pictures" / path).write_bytes(picture.getvalue())
    shutil.copy("params.yaml", folder)
    share = min(0.15, HELD_OUT / products)
    split = {"train": 1 - 2 * share, "validation": share, "test": share}
    values = {
        "catalogue": {"csv": "shop.csv", "images": "pictures", "columns": {"product": "id"}, "split": split},
        "backbone": {"network": "given:vectors.npy", "weights": None, "given": {"column": "keys.txt"}},
        "finetune_backbone": {"epochs": 0},
        "train": {"steps": steps},
    }
    set_values(folder / "params.yaml", values)


def _word(kind: str, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.str_]:
    """Return a word of letters alone for each number."""
    distinct, places = np.unique(numbers, return_inverse=True)
    letters = str.maketrans("0123456789", "abcdefghij")
    return np.array([f"{kind}{str(number).translate(letters)}" for number in distinct])[places]


if __name__ == "__main__":
    draw(Path(sys.argv[1]), *map(int, sys.argv[2:]))
