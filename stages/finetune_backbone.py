"""Stage `finetune_backbone`: trains the backbone on the catalogue's own pictures, or passes it on as it is.

Reads: ``data/catalogue/products.parquet`` and the pictures of its training and validation split; the weights that
``backbone.weights`` names; ``params.yaml``: ``seed``, ``backbone``, ``augmentation``, ``finetune_backbone``,
``machine``, and of ``catalogue`` the folder of the pictures and their greatest size. A run that was killed goes on from
data/cache.
Writes: ``data/backbone``, an encoder of pictures that `huse.encoders.families.load_encoder` reads;
``metrics/finetune_backbone.json`` and ``metrics/finetune.csv``, one row an epoch.

HUSE trains on frozen features. Off at 0 epochs, or without pictures to train and validate on; then the weights are
passed on as they are.
"""

import time
from dataclasses import asdict, replace

import numpy as np
import pandas as pd

from huse.encoders.torchvision import Encoding, TorchvisionEncoder
from huse.engine.devices import Machine, resolve_device, resolve_dtype
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products, halves, read_table
from huse.run.checkpoints import Checkpoint
from huse.run.params.catalogue import CatalogueParams
from huse.run.place import Run
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import BackboneSettings, load_backbone
from huse.vision.finetuning import CURVE, Finetuned, FinetuneSettings, Pictures, finetune
from huse.vision.network_input import check_size
from huse.vision.preparing import Preparation, resolve_workers
from stages.runner import run

CODE = (
    "huse/encoders",
    "huse/engine",
    "huse/errors.py",
    "huse/files.py",
    "huse/kinds.py",
    "huse/mixup.py",
    "huse/progress.py",
    "huse/run",
    "huse/settings.py",
    "huse/vision",
    "huse/weights.py",
    "stages/finetune_backbone.py",
    "stages/runner.py",
)


def main(here: Run) -> str:
    """Run the stage."""
    params, seed = here.section(FinetuneSettings, "finetune_backbone"), here.seed()
    network, catalogue = here.section(BackboneSettings, "backbone"), here.section(CatalogueParams, "catalogue")
    machine, augmentation = here.section(Machine, "machine"), here.section(Augmentation, "augmentation")
    backbone = load_backbone(network.network, network.weights, seed, here.root)
    encoding = Encoding(geometry=network.geometry, size=network.size, max_pixels=catalogue.max_pixels)
    device = resolve_device(machine.device)
    encoder = TorchvisionEncoder.of(backbone, encoding, device)
    if not params.epochs:
        _write(here, encoder, Finetuned())
        return f"finetune_backbone: off (0 epochs); {backbone.name} is passed on with its weights ({network.weights})"

    size = params.size or network.size
    check_size(backbone, size)
    settings = params.changed(size=size, dtype=resolve_dtype(params.dtype, device))
    products = read_table(here / paths.PRODUCTS, ["image", "name", "classes", "class_index", "split"])
    there = products[halves(products)["image"]]
    if not {"train", "validation"} <= set(there["split"]):
        _write(here, encoder, Finetuned())
        return f"finetune_backbone: off, no pictures to train and validate on; {backbone.name} is passed on as it is"
    files = [here / catalogue.images / image for image in there["image"]]
    pictures = Pictures.of(files, there["split"].to_numpy(), there["class_index"].to_numpy(np.int64))
    preparation = Preparation(network.geometry, size, catalogue.max_pixels, augmentation, seed)
    decides = {
        "encoder": encoder.config,
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
        _write(here, TorchvisionEncoder.of(replace(backbone, origin=origin), encoding, device), result)
        checkpoint.remove()
    return (
        f"finetune_backbone: {backbone.name}, {len(pictures.train)} pictures, best of {len(result.curves)} epochs "
        f"{result.best_epoch} with {result.best()['validation_accuracy']:.3f} on validation, "
        f"{(time.perf_counter() - start) / len(result.curves):.1f} s an epoch"
    )


def _write(here: Run, encoder: TorchvisionEncoder, result: Finetuned) -> None:
    with Outputs() as outputs:
        folder = outputs.path(here / paths.BACKBONE)
        folder.mkdir()
        encoder.save(folder)
        outputs.table(here / paths.FINETUNE_CURVES, pd.DataFrame(result.curves, columns=CURVE).round(6))
        best = result.best() if result.curves else {}
        outputs.json(here / paths.FINETUNE_METRICS, {"epochs": len(result.curves), "best": best})


if __name__ == "__main__":
    run(main)
