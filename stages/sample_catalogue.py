"""Stage `sample_catalogue`: draws the built-in sample catalogue.

Reads nothing but its parameters and the seed.

Writes:
    ``data/sample/images``: at least `pictures` pictures of `size` × `size`, JPEG and some PNG.
    ``data/sample/catalogue.csv``: header image,name,classes; one row a picture, in shuffled order, UTF-8.
"""

import time

import pandas as pd

from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.params.catalogue import SampleCatalogueParams
from huse.run.place import Run
from sample.catalogue import draw_sample, save_picture, shuffled
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    params = here.section(SampleCatalogueParams, "sample_catalogue")
    seed, start = here.seed(), time.perf_counter()
    with Outputs() as outputs:
        folder = outputs.path(here / paths.SAMPLE_IMAGES)
        folder.mkdir()
        rows = []
        for sample in draw_sample(params.pictures, params.size, seed):
            save_picture(sample, folder)
            rows.append((sample.image, sample.name, sample.classes))
        table = pd.DataFrame(rows, columns=["image", "name", "classes"]).iloc[shuffled(len(rows), seed)]
        outputs.table(here / paths.SAMPLE_CSV, table)
    products = table["image"].str.split("_").str[0].nunique()
    rate = len(table) / (time.perf_counter() - start)
    classes = table["classes"].nunique()
    return f"sample_catalogue: {len(table)} pictures of {products} products in {classes} classes, {rate:.0f} pictures/s"


if __name__ == "__main__":
    run(main)
