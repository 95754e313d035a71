"""Trains the two towers and the classification layer by one of the methods (HUSE 3 and 4.2).

Reads the products, data/vectors/image.npy ((V + 1) × N × F float32) and text.npy (N × F' float32) with their
manifests, and of the label graph data/labels/adjacency.npy (K × K float32), label_vectors.npy (K × E float32) and
labels.json. With `train.start`, that model, whose encoders must be those in data/backbone and data/text/encoder. A run
that was killed goes on from data/cache. With `machine.processes`, or started by `torchrun`, several processes share the
work of a step; the first one writes.

Writes data/towers/towers.safetensors and config.json; the embeddings of all rows, data/embeddings/image.npy
and text.npy (N × D float32, unit norm), and their class scores scores_image.npy and scores_text.npy
(N × K float32, softmax), zeros for a picture or name that a product does not have; metrics/train.json; and while
training goes on metrics/live, its curves.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from dvclive.live import Live

from huse.engine.devices import resolve_device
from huse.engine.group import Group, in_group, joined
from huse.engine.launching import launch
from huse.engine.machine import Machine
from huse.engine.threads import same_threads
from huse.engine.work import Spread, open_for_several
from huse.files import fingerprint_file
from huse.model.contract import MODALITIES, Floats, Modality
from huse.model.embedding import Embedding
from huse.model.network import Network
from huse.nesting import nest
from huse.run import paths
from huse.run.artifacts import Outputs, fingerprint_products, halves, manifest_path, read_json
from huse.run.checkpoints import Checkpoint
from huse.run.earlier_model import CONFIG
from huse.run.fitting import BLOCK, TRAINING_CODE, Artefacts, Fitting, prepare_fitting
from huse.run.params.train import TrainParams
from huse.run.place import Run
from huse.run.starting import start_network
from huse.training.loop import VALIDATION, Trained, train
from huse.training.shards import check_shards
from stages.runner import run

if TYPE_CHECKING:
    import torch  # `huse` says how its threads wait, before any module imports it

CODE = (*TRAINING_CODE, "stages/runner.py", "stages/train.py")


def main(here: Run) -> str:
    """Run the stage."""
    params, machine = here.section(TrainParams, "train"), here.section(Machine, "machine")
    if machine.processes > 1 and not in_group():
        return _launch(params.shards, machine.processes)
    device = resolve_device(machine.device)
    threads = same_threads() if params.shards > 1 else nullcontext()
    with joined(device) as group, threads, open_for_several(machine) as spread:
        check_shards(params.shards, group.size)
        return _train(here, params, device, group, spread)


def _launch(shards: int, processes: int) -> str:
    """Run the stage in several processes."""
    check_shards(shards, processes)
    code = launch([sys.executable, "-m", "stages.train"], processes)
    if code:
        sys.exit(code)
    return f"train: {processes} processes"


def _train(here: Run, params: TrainParams, device: "torch.device", group: Group, spread: Spread) -> str:
    """Run the stage as one of a group of processes; rows are embedded by `spread`."""
    seed = here.seed() if params.seed is None else params.seed
    artefacts = Artefacts.read(here)
    fitting = prepare_fitting(artefacts, params, seed, device)
    settings = fitting.settings
    earlier = None if params.start is None else here.model(params.start)
    encoders = {"images": here / paths.BACKBONE, "texts": here / paths.TEXT_ENCODER}
    new = {}
    if earlier is not None:
        new = {"new_classes": start_network(fitting.network, artefacts.labels, earlier, **encoders)}
    decides = {
        "train": {**params.model_dump(), "dtype": settings.dtype},
        "seed": seed,
        "device": device.type,
        "data": artefacts.fingerprints(here),
        "start": None if earlier is None else fingerprint_file(earlier / CONFIG),
    }
    checkpoint = Checkpoint(here.cache / paths.CHECKPOINTS, decides, CODE)
    group.agree(checkpoint.path.name, "they have other parameters, data, code or devices. Copy what is on process 0's.")
    with checkpoint if group.leads else nullcontext():
        start = time.perf_counter()
        # Not a `with`, which writes once more when a run is killed: to a copy of the repository that is being removed.
        live = Live(str(here / paths.LIVE), dvcyaml=None, save_dvc_exp=False) if group.leads else None

        def report(point: dict[str, float]) -> None:
            if live is None:
                return
            live.step = int(point["step"])
            for name, value in point.items():
                if name != "step":
                    live.log_metric(name, round(value, 6))
            live.sync()

        trained = train(
            fitting.network,
            fitting.data,
            fitting.method,
            settings,
            settings,
            seed=seed,
            checkpoint=checkpoint,
            report=report,
            group=group,
        )
        if live is None:
            return ""
        live.end()
        last = int(trained.curves[-1]["step"])
        rate = (last - trained.resumed_at) / (time.perf_counter() - start)
        # A batch in one shard is left out: such files are as they were before there were shards.
        said = params.model_dump(exclude={"shards"} if params.shards == 1 else None)
        _write(here, artefacts, fitting, trained, {"params": said, "seed": seed, **new}, spread=spread)
        checkpoint.remove()
    accuracies = [
        f"{modality} {trained.best()[name]:.3f}"
        for modality in MODALITIES
        if (name := f"{VALIDATION}{modality}_accuracy") in trained.best()
    ]
    return (
        f"train: {params.method}, {len(fitting.data.train)} products, {last} steps of "
        f"{min(params.batch_size, len(fitting.data.train))}, {rate:.0f} steps/s, best at {trained.best_step}: "
        f"{', '.join(accuracies)} on validation"
    )


def _write(
    here: Run, artefacts: Artefacts, fitting: Fitting, trained: Trained, about: dict[str, object], *, spread: Spread
) -> None:
    network, data = fitting.network, fitting.data
    rows, there = fingerprint_products(artefacts.products), halves(artefacts.products)
    encoders = {
        modality: read_json(manifest_path(here / path), ["parameters"])["parameters"]
        for modality, path in (("image", paths.IMAGE_VECTORS), ("text", paths.TEXT_VECTORS))
    }
    with Outputs() as outputs:
        learned = {modality: len(data.having(modality, data.train)) for modality in MODALITIES}
        model = {"labels": artefacts.labels, "encoders": encoders, "learned_from": learned, **about, "rows": rows}
        towers = outputs.path(here / paths.TOWERS)
        network.save(towers, outputs.path(here / paths.TOWERS_CONFIG), model)
        made_by = {**about, "towers": fingerprint_file(towers)}
        for modality, vectors, places in zip(
            MODALITIES,
            (artefacts.images[0], artefacts.texts),
            ((paths.IMAGE_EMBEDDINGS, paths.IMAGE_SCORES), (paths.TEXT_EMBEDDINGS, paths.TEXT_SCORES)),
            strict=True,
        ):
            blocks = _embedded(network, modality, vectors, there[modality], spread)
            finals = [here / place for place in places]
            outputs.vectors_together(finals, blocks, count=len(vectors), rows=rows, parameters=made_by)
        graph = {"graph": {"zeta": fitting.settings.graph.zeta}} if fitting.method.graph else {}
        outputs.json(
            here / paths.TRAIN_METRICS, {"best_step": trained.best_step, **graph, "best": nest(trained.best(), "/")}
        )


def _embedded(
    network: Network, modality: Modality, vectors: Floats, there: npt.NDArray[np.bool_], spread: Spread
) -> Iterator[list[Floats]]:
    """Yield embeddings and scores of some rows after the other, zeros where there is no such half."""
    starts = range(0, len(vectors), BLOCK)
    blocks = spread(Embedding(network, modality), (vectors[start : start + BLOCK] for start in starts))
    for start, found in zip(starts, blocks, strict=True):
        own = there[start : start + BLOCK, None]
        yield [values if own.all() else np.where(own, values, np.float32(0)) for values in found]


if __name__ == "__main__":
    run(main)
