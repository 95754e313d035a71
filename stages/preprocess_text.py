"""Cleans the product names.

Reads data/catalogue/products.parquet. Writes data/text/names.parquet, one row a picture in its row order: `row`,
`name` as in the products, and `clean`, lower-case words with single spaces. A name of which nothing is left stays,
empty; a larger share of those than `preprocess_text.max_emptied` stops the run. With `letters: ascii` the rule is the
published notebook's; the HUSE paper states none.
"""

import logging

from huse.errors import InputError
from huse.run import paths
from huse.run.artifacts import Outputs, read_table
from huse.run.place import Run
from huse.text.cleaning import CleaningSettings, clean_names, describe_emptied, emptied_names
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    params = here.section(CleaningSettings, "preprocess_text")
    products = read_table(here / paths.PRODUCTS, ["row", "name"])
    names = products["name"].tolist()
    clean = clean_names(names, params)
    emptied, given = emptied_names(names, clean), sum(map(bool, names))
    if emptied:
        said = describe_emptied(emptied, given, params)
        if not params.allows(len(emptied), given):
            limit = f"More than preprocess_text.max_emptied = {params.max_emptied:.1%}: change the setting, or raise it"
            raise InputError(f"{here / paths.PRODUCTS}: {said}. {limit}.")
        logging.warning("%s", said)
    with Outputs() as outputs:
        outputs.table(here / paths.NAMES, products[["row", "name"]].assign(clean=clean))
    words = sum(len(name.split()) for name in clean)
    return f"preprocess_text: {given} names, {words / max(given, 1):.1f} words a name, {len(emptied)} emptied"


if __name__ == "__main__":
    run(main)
