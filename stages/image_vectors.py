"""Stage `image_vectors`: the vectors of every picture, from one or several frozen networks, or given ones.

Reads: ``data/catalogue/products.parquet`` (N products) and the pictures it names; ``data/backbone``; ``params.yaml``:
``seed``, ``augmentation``, ``image_vectors``, ``machine``, and of ``catalogue`` the pictures' folder. Vectors that were
computed before, of the same bytes in the same way, are taken from data/cache.
Writes: ``data/vectors/image.npy``, (V + 1) × N × D float32, and its manifest ``image.json``: [0, i] is product i as it
is, [1…V, i] are augmented views of it; products of validation and test have the plain vector in place of each, and
those without a picture have zeros.

HUSE takes 64 values from Graph-RISE, a network that was never published; here an ImageNet classifier's pooled
features stand in its place.
"""

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_vectors import ImageVectorSettings, check_vectors, plan
from huse.encoders.pictures import PictureEncoder, load_pictures
from huse.encoders.scales import block_scale
from huse.engine.devices import resolve_device, resolve_dtype
from huse.engine.machine import Machine
from huse.engine.work import open_engine
from huse.progress import progress
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products, halves, read_table
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.vision.augmentation import Augmentation
from huse.vision.cache import VectorCache
from huse.vision.preparing import resolve_workers
from stages.runner import run


def main(here: Run) -> str:
    """Write the image vectors; return the line for the log."""
    params, machine = here.section(ImageVectorSettings, "image_vectors"), here.section(Machine, "machine")
    products = read_table(here / paths.PRODUCTS, ["image", "name", "classes", "split"])
    there = np.flatnonzero(halves(products)["image"])
    shown = products.iloc[there]
    device = resolve_device(machine.device)
    how = {"dtype": resolve_dtype(params.dtype, device), "batch_size": params.batch_size, "flip": params.flip == "mean"}
    encoders = {
        name: part.changed(device, **how) if isinstance(part, NetworkEncoder) else part
        for name, part in load_pictures(here / paths.BACKBONE).items()
    }
    ends = np.cumsum([0, *(encoder.dimension for encoder in encoders.values())])
    made = np.empty((params.views + 1, len(shown), int(ends[-1])), np.float32)
    scales, said = {}, []
    for (name, encoder), start, end in zip(encoders.items(), ends[:-1], ends[1:], strict=True):
        block = made[:, :, start:end]
        if isinstance(encoder, NetworkEncoder):
            said.append(_compute(here, encoder, shown, params.views, block))
        else:
            block[:] = encoder.encode(shown["image"].tolist())
            said.append(f"{encoder.dimension} values each, given")
        scales[name] = block_scale(block[0][(shown["split"] == "train").to_numpy()]) if len(encoders) > 1 else 1.0
        block /= np.float32(scales[name])
    vectors = made
    if len(shown) < len(products):
        vectors = np.zeros((params.views + 1, len(products), int(ends[-1])), np.float32)
        vectors[:, there] = made

    blocks = {
        name: {**_described(part), "dimension": part.dimension, "scale": scales[name]}
        for name, part in encoders.items()
    }
    with Outputs() as outputs:
        made_by = {"blocks": blocks, "views": params.views, **how}
        outputs.vectors(here / paths.IMAGE_VECTORS, vectors, rows=fingerprint_products(products), parameters=made_by)
    views = f" in {params.views + 1} views" if params.views else ""
    return f"image_vectors: {len(shown)} pictures{views}: {'; '.join(said)}"


def _described(encoder: PictureEncoder) -> dict[str, Any]:
    if isinstance(encoder, NetworkEncoder):
        return {**encoder.fingerprint, "finetuned": "finetuned" in encoder.backbone.origin}
    return {**encoder.config, "finetuned": False}


def _compute(
    here: Run, encoder: NetworkEncoder, products: pd.DataFrame, views: int, out: npt.NDArray[np.float32]
) -> str:
    """Compute the vectors of one network; return what the log says of it."""
    catalogue, machine = here.section(CatalogueParams, "catalogue"), here.section(Machine, "machine")
    folder = here.place(catalogue.images)
    files = [folder / image for image in products["image"]]
    counts = np.where(products["split"] == "train", views, 0).tolist()
    preparation = encoder.preparation(here.section(Augmentation, "augmentation"), here.seed())
    start, cache = time.perf_counter(), VectorCache(here.cache / paths.VECTOR_CACHE)
    job = plan(files, counts, encoder, preparation, out=out, cache=cache)
    workers = resolve_workers(machine.workers, encoder.device) if machine.engine == "local" else 0
    if job.keys:
        with (
            open_engine(machine) as spread,
            progress(total=len(job.keys), description="image vectors", unit="picture") as bar,
        ):
            job.run(workers=workers, spread=spread, advance=bar.update)
    seconds = time.perf_counter() - start
    cache.tell_fault()
    check_vectors(out.reshape(-1, encoder.dimension), files * (views + 1))
    return (
        f"{encoder.dimension} values each, {len(job.keys)} computed by {encoder.backbone.name} in "
        f"{encoder.encoding.dtype}, {len(job.keys) / seconds:.0f} a second"
    )


if __name__ == "__main__":
    run(main)
