"""Copies that are put into a shop, and how many of them are found; and the time of 100,000 products.

Run as ``python -m benchmarks.duplicates CATALOGUE --images FOLDER`` with a CSV of products of different names. For each
kind of copy, some products get a second one, with the picture or the name altered and the other half of another
product, so that one half alone must be enough. Groups without a copy are the shop's own: look at them in a page of
``huse duplicates``.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from PIL import Image, ImageEnhance, ImageOps
from rich.console import Console
from rich.table import Table

from huse.use.duplicates import find_duplicates
from huse.use.same_names import same_names
from huse.vision.miniatures import near_pairs

Random = np.random.Generator
COPIES = 200  # of each kind
DEFAULT = 12.0


def smaller(picture: Image.Image, share: float) -> Image.Image:
    """Return a picture in a smaller size."""
    return picture.resize([max(1, int(side * share)) for side in picture.size], Image.Resampling.BICUBIC)


def with_margin(picture: Image.Image) -> Image.Image:
    """Return a picture with a margin of 6 % in the colour of its corner."""
    return ImageOps.expand(picture, picture.width * 6 // 100, picture.getpixel((0, 0)))  # type: ignore[arg-type]


PICTURES: dict[str, tuple[Callable[[Image.Image], Image.Image], int]] = {
    "picture saved again": (lambda picture: picture, 75),
    "picture at 3/4 of the size, JPEG 50": (lambda picture: smaller(picture, 0.75), 50),
    "picture at half the size, JPEG 50": (lambda picture: smaller(picture, 0.5), 50),
    "picture 4 % brighter": (lambda picture: ImageEnhance.Brightness(picture).enhance(1.04), 75),
    "picture with a margin": (with_margin, 75),
}


def swapped(name: str, random: Random) -> str:
    """Return a name with its words in another order."""
    return " ".join(random.permutation(name.split()))


def misspelled(name: str, random: Random) -> str:
    """Return a name without a letter of its longest word."""
    words = name.split()
    place = max(range(len(words)), key=lambda each: len(words[each]))
    letter = int(random.integers(1, max(2, len(words[place]) - 1)))
    words[place] = words[place][:letter] + words[place][letter + 1 :]
    return " ".join(words)


NAMES: dict[str, Callable[[str, Random], str]] = {
    "name in capitals, with commas": lambda name, _: ", ".join(name.upper().split()),
    "name in another order": swapped,
    "name without a letter": misspelled,
}


def main(
    catalogue: Annotated[Path, typer.Argument(help="CSV with image, name and classes.")],
    images: Annotated[Path, typer.Option(help="Folder of the pictures.")],
    steps: Annotated[float, typer.Option(help="As of huse duplicates.")] = DEFAULT,
    many: Annotated[int, typer.Option(help="Products of the measurement of time.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 1,
) -> None:
    """Measure and print both."""
    random = np.random.default_rng(seed)
    rows = pd.read_csv(catalogue, dtype=str, keep_default_na=False)[["image", "name"]].drop_duplicates("name")
    rows = rows.assign(product=[f"product {number}" for number in range(len(rows))], kind="")
    rows["image"] = [str((images / image).resolve()) for image in rows["image"]]
    with TemporaryDirectory() as folder:
        copies = pd.concat([_pictures(rows, Path(folder), random), _names(rows, random)], ignore_index=True)
        start = time.perf_counter()
        found = find_duplicates(pd.concat([rows, copies], ignore_index=True), Path(), steps=steps)
        seconds = time.perf_counter() - start
    together = {frozenset((group.products[0], other)) for group in found.groups for other in group.products[1:]}
    groups = [set(group.products) for group in found.groups]
    table = Table("copy", "found", title=f"{len(rows):,} products and {len(copies):,} copies, {seconds:.0f} s")
    for kind, those in copies.groupby("kind", sort=False):
        hits = [
            any({one, of} <= group for group in groups) for one, of in zip(those["product"], those["of"], strict=True)
        ]
        table.add_row(str(kind), f"{np.mean(hits):.3f}")
    own = sum(not any(product.startswith("copy") for product in group) for group in groups)
    table.add_row("groups of the shop alone", str(own))
    Console().print(table, f"{len(together)} pairs in all")
    _many(rows, many, random)


def _pictures(rows: pd.DataFrame, folder: Path, random: Random) -> pd.DataFrame:
    """Return copies of products with an altered picture, and no name."""
    made: list[dict[str, Any]] = []
    for kind, (alter, quality) in PICTURES.items():
        for row in rows.sample(COPIES, random_state=random).itertuples():
            path = folder / f"{len(made)}.jpg"
            alter(Image.open(str(row.image)).convert("RGB")).save(path, quality=quality)
            made.append(
                {"product": f"copy {len(made)}", "image": str(path), "name": "", "kind": kind, "of": row.product}
            )
    return pd.DataFrame(made)


def _names(rows: pd.DataFrame, random: Random) -> pd.DataFrame:
    """Return copies of products with an altered name, and no picture."""
    made: list[dict[str, Any]] = []
    for kind, alter in NAMES.items():
        for row in rows.sample(COPIES, random_state=random).itertuples():
            made.append(
                {
                    "product": f"copy of a name {len(made)}",
                    "image": "",
                    "name": alter(str(row.name), random),
                    "kind": kind,
                    "of": row.product,
                }
            )
    return pd.DataFrame(made)


def _many(rows: pd.DataFrame, count: int, random: Random) -> None:
    """Time the comparison of many products: pictures that are mixed of two, names that are mixed of three."""
    from huse.vision.miniatures import miniatures  # noqa: PLC0415

    sample = rows["image"].sample(min(1_000, len(rows)), random_state=random).tolist()
    start = time.perf_counter()
    minis, _ = miniatures([Path(path) for path in sample], 10**8)
    reading = (time.perf_counter() - start) / len(sample) * count
    one, other = random.integers(0, len(minis), (2, count))
    share = random.integers(32, 224, count, dtype=np.uint16)[:, None, None, None, None]
    mixed = np.empty((count, *minis.shape[1:]), np.uint8)
    for at in range(0, count, 1024):
        part = slice(at, at + 1024)
        mixed[part] = (minis[one[part]].astype(np.uint16) * share[part] + minis[other[part]] * (256 - share[part])) >> 8
    start = time.perf_counter()
    pairs, _ = near_pairs(mixed, DEFAULT)
    comparing = time.perf_counter() - start
    words = [name.split() for name in rows["name"]]
    names = [
        " ".join(word for number in random.integers(0, len(words), 3) for word in words[number][:3])
        for _ in range(count)
    ]
    start = time.perf_counter()
    same_names(names)
    naming = time.perf_counter() - start
    print(
        f"{count:,} products: {reading:.0f} s to read pictures (at the rate of {len(sample):,}), "
        f"{comparing:.0f} s to compare them ({len(pairs):,} pairs), {naming:.0f} s to compare names"
    )


if __name__ == "__main__":
    typer.run(main)
