"""Reads and checks the catalogue, numbers its classes, splits its products.

Reads the CSV and the picture folder that `catalogue` in params.yaml names, local or in an object store.

Writes data/catalogue/products.parquet, one row a picture in the row order of all arrays (`row`, `image`,
`name`, `classes`, `class_index`, `split`, `group`, `line`); an empty `image` or `name` is one that the product does not
have. rejected.parquet: the rows left out, those kept without their damaged picture, those that stay repaired, and those
with a cell that says nothing, taken as empty (`action`), each with the reason. classes.json: the sorted class paths
with their counts in each split. metrics/catalogue.json. Products of the classes that `catalogue.unseen_classes` holds
out have the split `unseen`, from which no stage learns.
"""

import logging
from functools import partial

import pandas as pd

from huse.catalogue.agreeing import join_spellings, one_class, table_remarks
from huse.catalogue.checking import check_rows, count_lost, repaired, share_lost, summarise_rejected, tell_repaired
from huse.catalogue.headers import Headers
from huse.catalogue.reading import Rejected, read_catalogue
from huse.catalogue.splitting import lacking_parts, torn_groups
from huse.catalogue.table import class_counts, make_table, unseen_classes
from huse.engine.machine import Machine
from huse.engine.work import open_engine
from huse.errors import InputError
from huse.progress import progress
from huse.run import paths
from huse.run.artifacts import Outputs
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.storage import Place
from huse.vision.inspecting import inspect_pictures
from huse.wording import counted
from stages.runner import run


def main(here: Run) -> str:
    """Run the stage."""
    params, seed = here.section(CatalogueParams, "catalogue"), here.seed()
    path, folder = here.place(params.csv), here.place(params.images)
    file = read_catalogue(path, Headers.of_params(params.columns.model_dump()), encoding=params.encoding)
    for remark in file.remarks:
        logging.warning("%s", remark)
    track = partial(progress, total=len(file.rows), description="check pictures", unit="picture")
    with open_engine(here.section(Machine, "machine")) as spread:
        inspect = partial(inspect_pictures, max_pixels=params.max_pixels, spread=spread)
        checked = check_rows(file.rows, folder, inspect, missing=params.missing, track=track)
    sound, of_several, several = one_class(join_spellings(checked.products), params.several_classes)
    rejected = sorted([*file.rejected, *checked.rejected, *of_several], key=lambda row: row.line)
    in_part = checked.in_part
    if rejected or in_part:
        _tell_odd(path, len(sound), rejected, in_part, params.max_rejected)

    mended = repaired(sound)
    for line in tell_repaired(mended):
        logging.info("%s: %s", path, line)

    given = [product.split for product in sound if product.split]
    for part in lacking_parts(given) if given else ():
        logging.info("%s: the given split has no %s part, so it is taken out of the training part", path, part)
    table = make_table(sound, params.split.shares, seed, params.unseen_classes, params.split.by)
    classes, unseen = class_counts(table), unseen_classes(table)
    for remark in filter(None, (several, *table_remarks(sound, table))):
        logging.warning("%s: %s", path, remark)
    torn = torn_groups(table["group"].to_numpy(), table["split"].to_numpy())
    untrained = classes["counts"]["train"].count(0) - unseen
    pictures = {split: sum(counts) for split, counts in classes["counts"].items()}
    halves = {
        f"with_{half}_only": int((table[other] == "").sum()) for half, other in (("picture", "name"), ("name", "image"))
    }
    repairs = sum(row.action == "repaired" for row in mended)
    with Outputs() as outputs:
        outputs.table(here / paths.PRODUCTS, table)
        odd = pd.DataFrame([*rejected, *in_part, *mended], columns=list(Rejected.__dataclass_fields__))
        outputs.table(here / paths.REJECTED, odd)
        outputs.json(here / paths.CLASSES, classes)
        metrics = {
            "pictures": {**pictures, "rejected": len(rejected), "repaired": repairs},
            "products": int(table["group"].nunique()),
            "classes": len(classes["classes"]),
            "classes_without_test": classes["counts"]["test"].count(0) - unseen,
            **{name: count for name, count in halves.items() if count},
            **({"classes_without_train": untrained} if untrained else {}),
            **({"unseen_classes": unseen} if unseen else {}),
            **({"products_in_several_splits": torn} if torn else {}),
        }
        outputs.json(here / paths.CATALOGUE_METRICS, metrics)
    count = len(table) - halves["with_name_only"]
    kind = counted(count, "picture") if count else counted(len(table), "name")
    return (
        f"catalogue: {kind} of {counted(metrics['products'], 'product')} in {metrics['classes']} classes, "
        + (f"{unseen} of them held out, " if unseen else "")
        + "".join(f"{count} {name.replace('_', ' ')}, " for name, count in halves.items() if count)
        + f"{counted(len(rejected), 'row')} rejected"
    )


def _tell_odd(path: Place, sound: int, rejected: list[Rejected], in_part: list[Rejected], most: float) -> None:
    """Warn of rows that were left out or kept in part; raise an `InputError` where none is left, or too few are."""
    share, others = share_lost(sound, rejected, in_part), len(rejected) - count_lost(rejected)
    without = f" without the {others} that repeat others or go by several_classes" if others else ""
    found = (
        f"{path}: {counted(len(rejected), 'row')} rejected{f', {len(in_part)} kept in part' if in_part else ''} "
        f"({share:.1%}{without}):\n{summarise_rejected([*rejected, *in_part])}"
    )
    if not sound:
        raise InputError(f"{found}\nNo row is left.")
    if share > most:
        raise InputError(f"{found}\nMore than catalogue.max_rejected = {most:.1%}: mend or raise it.")
    logging.warning("%s", found)


if __name__ == "__main__":
    run(main)
