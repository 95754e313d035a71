"""Stage `image_vectors`: one vector a picture, from a frozen network.

Reads: ``data/catalogue/products.parquet`` (N products) and the pictures it names; ``params.yaml``: ``seed``,
``image_vectors``, and of ``catalogue`` the folder of the pictures and their greatest size.
Writes: ``data/vectors/image.npy``, N × D float32, row i is product i, and its manifest ``image.json``.

HUSE takes 64 values from Graph-RISE, a network that was never published; here an ImageNet classifier's pooled
features stand in its place.
"""

import time
from pathlib import Path

from huse.artifacts import Outputs, fingerprint_products, read_table
from huse.params.catalogue import CatalogueParams
from huse.params.image_vectors import ImageVectorsParams
from huse.params.reader import read_section, read_seed
from huse.paths import IMAGE_VECTORS, PRODUCTS
from huse.progress import progress
from huse.vision.backbones import load_backbone
from huse.vision.vectors import check_vectors, extract_vectors, resolve_dtype
from stages.runner import run


def main() -> str:
    """Write the image vectors; return the line for the log."""
    params = read_section(ImageVectorsParams, "image_vectors")
    catalogue = read_section(CatalogueParams, "catalogue")
    products = read_table(PRODUCTS, ["image", "name", "classes"])
    paths = [Path(catalogue.images) / image for image in products["image"]]
    backbone = load_backbone(params.backbone, params.weights, read_seed())
    dtype = resolve_dtype(params.dtype)

    start = time.perf_counter()
    with progress(total=len(paths), description="image vectors", unit="picture") as bar:
        vectors = extract_vectors(
            paths,
            backbone,
            geometry=params.geometry,
            size=params.size,
            dtype=dtype,
            batch_size=params.batch_size,
            max_pixels=catalogue.max_pixels,
            progress=bar.update,
        )
    rate = len(paths) / (time.perf_counter() - start)
    check_vectors(vectors, paths)

    made_by = {
        "backbone": backbone.name,
        **backbone.fingerprint,
        "geometry": params.geometry,
        "size": params.size,
        "dtype": dtype,
    }
    with Outputs() as outputs:
        outputs.vectors(IMAGE_VECTORS, vectors, rows=fingerprint_products(products), parameters=made_by)
    return (
        f"image_vectors: {len(paths)} pictures, {backbone.dimension} values each, "
        f"{backbone.name} in {dtype}, {rate:.0f} pictures/s"
    )


if __name__ == "__main__":
    run(main)
