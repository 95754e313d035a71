"""A model as ONNX beside the same model in torch: how near, how fast, and how soon after the start of a process.

Run as ``python -m benchmarks.export MODEL CATALOGUE IMAGES``, such as ``data/model data/sample/catalogue.csv
data/sample/images``. Pictures are read from disk in every call. The works of a side take turns, and of each the fastest
time counts. ``OMP_NUM_THREADS`` sets the threads of both sides.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

import huse
from benchmarks.harness import measure
from huse.catalogue.headers import Headers
from huse.catalogue.unclassified import UnclassifiedTable
from huse.encoders.blocks import BlocksEncoder
from huse.encoders.contract import Encoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.onnx_pictures import OnnxPicturesEncoder
from huse.encoders.onnx_texts import OnnxTextsEncoder
from huse.encoders.picture_input import prepare
from huse.encoders.transformer import SentencesEncoder
from huse.engine.threads import threads
from huse.model.contract import Floats
from huse.use.export.onnx_model import export_onnx
from huse.use.export.parts import in_float32
from huse.use.model import Model

PRODUCTS = 1_000  # whose embeddings are compared
BATCHES = (1, 32)
STARTS = 3
BOTH = ("torch", "onnx")
Sides = Mapping[str, Model]  # by `BOTH`


@dataclass(frozen=True)
class Asked:
    """Products with a picture and a name."""

    pictures: Sequence[Path]
    names: Sequence[str]

    def first(self, count: int) -> "Asked":
        """Return the first products."""
        return Asked(self.pictures[:count], self.names[:count])


def main(
    model: Annotated[Path, typer.Argument(help="Folder of a model with towers of torch.")],
    catalogue: Annotated[Path, typer.Argument(help="CSV with columns `image` and `name`.")],
    images: Annotated[Path, typer.Argument(help="Folder of the pictures.")],
    repeats: Annotated[int, typer.Option(min=3, help="Times that each work is done.")] = 60,
) -> None:
    """Measure and print three tables."""
    headers = Headers.of_params({"image": "image", "name": "name"})
    rows = (row for row in UnclassifiedTable(catalogue, images, headers) if row.picture is not None and row.name)
    found = [(row.picture, row.name) for row, _ in zip(rows, range(PRODUCTS), strict=False)]
    asked = Asked([picture for picture, _ in found if isinstance(picture, Path)], [name for _, name in found])
    show = Console(width=130).print
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(huse.load(model), Path(folder))
        sides = {"torch": huse.load(model), "onnx": huse.load(folder)}
        show(near(sides, asked))
        show(fast(sides, asked, repeats))
        show(soon({"torch": str(model), "onnx": folder}, asked))


def near(sides: Sides, asked: Asked) -> Table:
    """Compare embeddings and probabilities."""
    table = Table(
        "", "embeddings", "probabilities", "same class", title=f"Differences on {len(asked.names):,} products"
    )
    source = sides["torch"]
    plain = source.computed_by(in_float32(source.image_encoder), in_float32(source.text_encoder), source.network, {})
    others = {"torch in float32": plain}
    if plain.image_encoder is not source.image_encoder:
        others["torch as it is, in bfloat16"] = source
    ours = _embedded(sides["onnx"], asked)
    for name, other in others.items():
        theirs = _embedded(other, asked)
        embeddings = max(np.abs(one - another).max() for one, another in zip(ours[:2], theirs[:2], strict=True))
        probabilities = np.abs(ours[2] - theirs[2]).max()
        same = (ours[2].argmax(axis=1) == theirs[2].argmax(axis=1)).mean()
        table.add_row(f"onnx beside {name}", f"{embeddings:.1e}", f"{probabilities:.1e}", f"{same:.2%}")
    return table


def _embedded(model: Model, asked: Asked) -> tuple[Floats, Floats, Floats]:
    pictures, names = list(asked.pictures), list(asked.names)
    return model.encode_images(pictures), model.encode_texts(names), model.class_probabilities(pictures, names)


def fast(sides: Sides, asked: Asked, repeats: int) -> Table:
    """Time parts and the whole at batch sizes."""
    title = f"Milliseconds of the CPU, threads: {threads()}; bare: networks of pictures and names, and the towers"
    table = Table(title=title)
    for column in ("work", "batch", *BOTH, "torch / onnx"):
        table.add_column(column, justify="left" if column == "work" else "right")
    for batch in BATCHES:
        some = asked.first(batch)
        times = repeats if batch == 1 else max(3, repeats // 4)
        taken = {name: in_turns(_works(model, some), times) for name, model in sides.items()}
        for work in taken["torch"]:
            torch, onnx = (taken[name][work] for name in BOTH)
            table.add_row(work, str(batch), f"{torch:.2f}", f"{onnx:.2f}", f"{torch / onnx:.1f}")
        ratios = (f"{taken[name][WHOLE] / taken[name][BARE]:.2f} ×" for name in BOTH)
        table.add_row("classify / bare networks", str(batch), *ratios, "")
    return table


WHOLE, BARE = "classify, picture and name from disk", "bare networks, inputs prepared"


def _works(model: Model, asked: Asked) -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    pictures, names = list(asked.pictures), list(asked.names)
    image = _bare_pictures(model.image_encoder, pictures)
    text = _bare_texts(model.text_encoder, names)
    of_names = model.text_encoder.encode(names)

    def image_half() -> object:
        return model.network.embed_arrays("image", image())

    def text_half() -> object:
        return model.network.embed_arrays("text", text())

    return {
        "network of pictures + image tower": image_half,
        "text tower": lambda: model.network.embed_arrays("text", of_names),
        "names: encoder": lambda: model.text_encoder.encode(names),
        BARE: lambda: (image_half(), text_half()),
        WHOLE: lambda: model.classify(pictures, names),
    }


def _bare_pictures(encoder: Encoder[Any], pictures: Sequence[Path]) -> Callable[[], Floats]:
    """Return the networks of an encoder of pictures, on pixels that are prepared before; tables cost nothing here."""
    if isinstance(encoder, BlocksEncoder):
        parts = [_bare_pictures(part, pictures) for part in encoder.encoders.values()]
        return lambda: np.concatenate([part() for part in parts], axis=1)
    if not isinstance(encoder, NetworkEncoder | OnnxPicturesEncoder):
        return partial(_same, encoder.encode(pictures))
    pixels = np.stack([prepare(picture, encoder.encoding) for picture in pictures])
    if isinstance(encoder, OnnxPicturesEncoder):
        return partial(encoder.encode_pixels, pixels)
    return lambda: encoder.encode_pixels(pixels, filled=False).numpy()


def _bare_texts(encoder: Encoder[Any], names: Sequence[str]) -> Callable[[], Floats]:
    """Return the networks of an encoder of names; what is no network costs nothing here."""
    if isinstance(encoder, BlocksEncoder):
        parts = [_bare_texts(part, names) for part in encoder.encoders.values()]
        return lambda: np.concatenate([part() for part in parts], axis=1)
    if isinstance(encoder, SentencesEncoder | OnnxTextsEncoder):
        return partial(encoder.encode, names)
    return partial(_same, encoder.encode(names))


def _same(vectors: npt.NDArray[np.float32]) -> Floats:
    return vectors


def in_turns(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the fewest milliseconds that each work took the CPU, which do not depend on what else runs there."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for name, work in works.items():
            start = time.process_time()
            work()
            best[name] = min(best[name], 1000 * (time.process_time() - start))
    return best


def soon(folders: Mapping[str, str], asked: Asked) -> Table:
    """Time fresh processes until they have loaded the model, and until they have classified a product."""
    table = Table("", "load, s", "and classify once, s", "peak memory, MB", title="From the start of a process")
    given: dict[str, Any] = {"picture": str(asked.pictures[0]), "name": asked.names[0]}
    rounds = [
        {name: measure("starting:first_class", folder=folder, **given) for name, folder in folders.items()}
        for _ in range(STARTS)
    ]
    for name in folders:
        best = min((each[name] for each in rounds), key=lambda side: side.seconds)
        table.add_row(name, f"{best.result[0]:.2f}", f"{best.seconds:.2f}", f"{best.megabytes:,.0f}")
    return table


if __name__ == "__main__":
    typer.run(main)
