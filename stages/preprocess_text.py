"""Cleans the product names.

Reads data/catalogue/products.parquet. Writes data/text/names.parquet, one row a picture in its row order: `row`,
`name` as in the products, and `clean`, lower-case words of a to z with single spaces. A name of which nothing
is left stays, empty. The rule is the published notebook's; the HUSE paper states none.
"""

import logging

from huse.run import paths
from huse.run.artifacts import Outputs, read_table
from huse.run.place import Run
from huse.text.cleaning import CleaningSettings, clean_names
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    params = here.section(CleaningSettings, "preprocess_text")
    products = read_table(here / paths.PRODUCTS, ["row", "name"])
    clean = clean_names(products["name"].tolist(), params.fold_accents)
    emptied = [name for name, left in zip(products["name"], clean, strict=True) if name and not left]
    if emptied:
        logging.warning("%d names have no word left after cleaning, first %r", len(emptied), emptied[0])
    with Outputs() as outputs:
        outputs.table(here / paths.NAMES, products[["row", "name"]].assign(clean=clean))
    words = sum(len(name.split()) for name in clean)
    return f"preprocess_text: {len(clean)} names, {words / max(len(clean), 1):.1f} words a name, {len(emptied)} empty"


if __name__ == "__main__":
    run(main)
