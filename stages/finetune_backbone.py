"""Stage `finetune_backbone`: trains the backbone on the catalogue's own pictures, or passes it on as it is.

Reads: ``data/catalogue/products.parquet`` and the pictures of its training and validation split; the weights that
``backbone.weights`` names; ``params.yaml``: ``seed``, ``backbone``, ``augmentation``, ``finetune_backbone``,
``machine``, and of ``catalogue`` the folder of the pictures and their greatest size. A run that was killed goes on from
data/cache.
Writes: ``data/backbone``, encoders of pictures that `huse.encoders.pictures.load_pictures` reads;
``metrics/finetune_backbone.json`` and ``metrics/finetune.csv``, one row an epoch.

HUSE trains on frozen features. Off at 0 epochs, without two pictures to train on and one to validate on, and for given
vectors; then the weights are passed on as they are. Of several networks the first one learns.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from huse.encoders.network import NetworkEncoder
from huse.encoders.pictures import PictureEncoder, open_pictures, save_pictures
from huse.engine.devices import resolve_device, resolve_dtype
from huse.engine.machine import Machine
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products, halves, read_table
from huse.run.checkpoints import Checkpoint
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import BackboneSettings
from huse.vision.finetuning import CURVE, Finetuned, FinetuneSettings, Pictures, finetune
from huse.vision.network_input import check_size
from huse.vision.preparing import resolve_workers
from stages.runner import run

CODE = (
    "huse/encoders",
    "huse/engine",
    "huse/errors.py",
    "huse/files.py",
    "huse/kinds.py",
    "huse/mixup.py",
    "huse/object_copies.py",
    "huse/progress.py",
    "huse/run",
    "huse/settings.py",
    "huse/storage.py",
    "huse/vision",
    "huse/weights.py",
    "stages/finetune_backbone.py",
    "stages/runner.py",
)
FEWEST = 2  # pictures to train on: the statistics of a batch norm need another


def main(here: Run) -> str:
    """Run the stage."""
    params, seed = here.section(FinetuneSettings, "finetune_backbone"), here.seed()
    network, catalogue = here.section(BackboneSettings, "backbone"), here.section(CatalogueParams, "catalogue")
    machine, augmentation = here.section(Machine, "machine"), here.section(Augmentation, "augmentation")
    products = read_table(here / paths.PRODUCTS, ["image", "name", "classes", "class_index", "split"])
    there = products[halves(products)["image"]]
    device = resolve_device(machine.device)
    first, *others = open_pictures(
        network, there, root=here.root, seed=seed, max_pixels=catalogue.max_pixels, device=device
    )
    passed = f"{' + '.join(name for name, _ in network.networks)} is passed on as it is"
    off = ""
    if not params.epochs:
        off = "0 epochs"
    elif not isinstance(first, NetworkEncoder):
        off = "given vectors have no network"
    elif not {"train", "validation"} <= set(there["split"]):
        off = "no pictures to train and validate on"
    elif (there["split"] == "train").sum() < FEWEST:
        off = "one picture to train on"
    if off or not isinstance(first, NetworkEncoder):
        _write(here, [first, *others], Finetuned())
        return f"finetune_backbone: off ({off}); {passed}"

    backbone, encoding = first.backbone, first.encoding
    size = params.size or encoding.size
    check_size(backbone, size)
    settings = params.changed(size=size, dtype=resolve_dtype(params.dtype, device))
    folder = here.place(catalogue.images)
    files = [folder / image for image in there["image"]]
    pictures = Pictures.of(files, there["split"].to_numpy(), there["class_index"].to_numpy(np.int64))
    preparation = first.preparation(augmentation, seed, size)
    decides = {
        "encoder": first.config,
        "settings": settings.model_dump(),
        "preparation": {**asdict(preparation), "augmentation": augmentation.model_dump()},
        "pictures": [task.digest for task in (*pictures.train, *pictures.validation)],
        "products": fingerprint_products(products),
        "device": device.type,
    }
    start = time.perf_counter()
    with Checkpoint(here.cache / paths.CHECKPOINTS, decides, CODE) as checkpoint:
        result = finetune(
            backbone,
            pictures,
            preparation,
            settings,
            device=device,
            workers=resolve_workers(machine.workers, device),
            seed=seed,
            checkpoint=checkpoint,
        )
        origin = {**backbone.origin, "finetuned": {**settings.model_dump(), "seed": seed}}
        tuned = NetworkEncoder.of(replace(backbone, origin=origin), encoding, device)
        _write(here, [tuned, *others], result)
        checkpoint.remove()
    return (
        f"finetune_backbone: {backbone.name}, {len(pictures.train)} pictures, best epoch {result.best_epoch} of "
        f"{len(result.curves)}, with {result.best()['validation_accuracy']:.3f} on validation, "
        f"{(time.perf_counter() - start) / len(result.curves):.1f} s an epoch"
    )


def _write(here: Run, encoders: Sequence[PictureEncoder], result: Finetuned) -> None:
    with Outputs() as outputs:
        folder = outputs.path(here / paths.BACKBONE)
        folder.mkdir()
        save_pictures(encoders, folder)
        outputs.table(here / paths.FINETUNE_CURVES, pd.DataFrame(result.curves, columns=CURVE).round(6))
        best = result.best() if result.curves else {}
        outputs.json(here / paths.FINETUNE_METRICS, {"epochs": len(result.curves), "best": best})


if __name__ == "__main__":
    run(main)
