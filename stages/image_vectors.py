"""Stage `image_vectors`: the vectors of every picture, from a frozen network.

Reads: ``data/catalogue/products.parquet`` (N products) and the pictures it names; ``data/backbone``; ``params.yaml``:
``seed``, ``augmentation``, ``image_vectors``, ``machine``, and of ``catalogue`` the pictures' folder. Vectors that were
computed before, of the same bytes in the same way, are taken from data/cache.
Writes: ``data/vectors/image.npy``, (V + 1) × N × D float32, and its manifest ``image.json``: [0, i] is product i as it
is, [1…V, i] are augmented views of it; products of validation and test have the plain vector in place of each, and
those without a picture have zeros.

HUSE takes 64 values from Graph-RISE, a network that was never published; here an ImageNet classifier's pooled
features stand in its place.
"""

import logging
import time

import numpy as np

from huse.encoders.picture_vectors import ImageVectorSettings, check_vectors, plan
from huse.encoders.torchvision import TorchvisionEncoder
from huse.engine.devices import Machine, resolve_device, resolve_dtype
from huse.progress import progress
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products, halves, read_table
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.vision.augmentation import Augmentation
from huse.vision.cache import VectorCache
from huse.vision.preparing import Preparation, resolve_workers
from stages.runner import run


def main(here: Run) -> str:
    """Write the image vectors; return the line for the log."""
    params = here.section(ImageVectorSettings, "image_vectors")
    catalogue, machine = here.section(CatalogueParams, "catalogue"), here.section(Machine, "machine")
    augmentation = here.section(Augmentation, "augmentation")
    products = read_table(here / paths.PRODUCTS, ["image", "name", "classes", "split"])
    there = np.flatnonzero(halves(products)["image"])
    files = [here / catalogue.images / image for image in products["image"].iloc[there]]
    device = resolve_device(machine.device)
    encoder = TorchvisionEncoder.load(here / paths.BACKBONE).changed(
        device, dtype=resolve_dtype(params.dtype, device), batch_size=params.batch_size
    )
    encoding = encoder.encoding
    preparation = Preparation(encoding.geometry, encoding.size, encoding.max_pixels, augmentation, here.seed())
    views = np.where(products["split"] == "train", params.views, 0)[there].tolist()

    start, cache = time.perf_counter(), VectorCache(here.cache / paths.VECTOR_CACHE)
    made = np.empty((params.views + 1, len(files), encoder.dimension), np.float32)
    job = plan(files, views, encoder, preparation, out=made, cache=cache)
    with progress(total=len(job.keys), description="image vectors", unit="picture") as bar:
        job.run(workers=resolve_workers(machine.workers, device), advance=bar.update)
    seconds = time.perf_counter() - start
    if cache.fault:
        logging.warning("%s. Its vectors were neither found nor kept; `huse cache --clear` deletes it", cache.fault)
    check_vectors(made.reshape(-1, encoder.dimension), files * (params.views + 1))
    vectors = made
    if len(files) < len(products):
        vectors = np.zeros((params.views + 1, len(products), encoder.dimension), np.float32)
        vectors[:, there] = made

    made_by = {**encoder.fingerprint, "geometry": encoding.geometry, "views": params.views}
    with Outputs() as outputs:
        outputs.vectors(here / paths.IMAGE_VECTORS, vectors, rows=fingerprint_products(products), parameters=made_by)
    return (
        f"image_vectors: {len(files)} pictures in {params.views + 1} views, {encoder.dimension} values each, "
        f"{len(job.keys)} computed by {encoder.fingerprint['backbone']} in {encoder.fingerprint['dtype']}, "
        f"{len(job.keys) / seconds:.0f} a second"
    )


if __name__ == "__main__":
    run(main)
