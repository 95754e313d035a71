"""Pictures to vectors: the pipeline, its bare network, and img2vec-pytorch, all with the same random weights.

The weights have seed 0, and lie where torch hub keeps published ones, so that img2vec-pytorch finds them.
"""

import atexit
import os
import tempfile
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from benchmarks.harness import Work
from huse.encoders.network import NetworkEncoder
from huse.encoders.picture_input import Encoding
from huse.encoders.picture_vectors import plan
from huse.engine.devices import DTYPES, resolve_device, resolve_dtype
from huse.engine.machine import Machine
from huse.engine.work import open_engine
from huse.vision.augmentation import Augmentation
from huse.vision.backbones import load_backbone
from huse.vision.decoding import FORMATS
from huse.vision.network_input import normalise, upload
from huse.vision.preparing import PLAIN, Preparation, Task, digest_pictures, prepare, resolve_workers
from huse.vision.torchvision_ops import import_torchvision

SIZE = 224
SEED = 0
MAX_PIXELS = 100_000_000
IMG2VEC_BATCH = 64
IMG2VEC_WEIGHTS = "resnet18-f37072fd.pth"

UNCHANGED = Augmentation(rescale=1, horizontal_flip=0, colour_jitter=0, random_erasing=0)
PREPARATION = Preparation("squash", SIZE, MAX_PIXELS, UNCHANGED, SEED)


def pictures(folder: str, count: int) -> list[Path]:
    """Return the first `count` pictures of a folder, by name."""
    endings = {ending for ending, format_name in Image.registered_extensions().items() if format_name in FORMATS}
    found = (path for path in sorted(Path(folder).iterdir()) if path.suffix.lower() in endings)
    return list(islice(found, count))


def _encoder(network: str, dtype: str, batch_size: int, device: str) -> NetworkEncoder:
    on = resolve_device(device)
    resolved = resolve_dtype(dtype, on)  # type: ignore[arg-type]  # as the command line has it
    encoding = Encoding(geometry="squash", size=SIZE, max_pixels=MAX_PIXELS, dtype=resolved, batch_size=batch_size)
    torch.manual_seed(SEED)
    return NetworkEncoder.of(load_backbone(network, "random", SEED), encoding, on)


def end_to_end(
    folder: str, count: int, network: str, dtype: str, batch_size: int, *, device: str = "cpu", on_ray: int = 0
) -> Work:
    """Compute vectors from files, as the stage `image_vectors` does, without its cache.

    Args:
        folder: of pictures.
        count: of pictures.
        network: see `huse.vision.backbones.load_backbone`.
        dtype: of its arithmetic.
        batch_size: pictures.
        device: to compute on.
        on_ray: processes of a Ray cluster of this machine; 0: this process alone.
    """
    paths, encoder = pictures(folder, count), _encoder(network, dtype, batch_size, device)
    machine = Machine(engine="ray", workers=on_ray) if on_ray else Machine()
    workers = 0 if on_ray else resolve_workers(None, encoder.device)
    stack = ExitStack()  # a cluster is started before the work, and stops with the process
    spread = stack.enter_context(open_engine(machine))
    atexit.register(stack.close)

    def work() -> npt.NDArray[np.float32]:
        out = np.empty((1, len(paths), encoder.dimension), np.float32)
        plan(paths, [0] * len(paths), encoder, PREPARATION, out=out).run(workers=workers, spread=spread)
        return out.reshape(len(paths), encoder.dimension)

    return work


def ready_tensors(folder: str, count: int, network: str, dtype: str, batch_size: int, *, device: str = "cpu") -> Work:
    """Pass prepared tensors on the device, in the network's dtype and layout, through the bare network."""
    paths, encoder = pictures(folder, count), _encoder(network, dtype, batch_size, device)
    tasks = [Task(path, digest, (PLAIN,)) for path, digest in zip(paths, digest_pictures(paths), strict=True)]
    batches = [
        normalise(upload(pixels, encoder.device), encoder.backbone.made_for).to(DTYPES[encoder.encoding.dtype])
        for pixels in prepare(tasks, PREPARATION, workers=0, batch_size=batch_size)
    ]

    @torch.inference_mode()
    def work() -> npt.NDArray[np.float32]:
        vectors: npt.NDArray[np.float32] = (
            torch.cat([encoder.network(batch) for batch in batches]).float().cpu().numpy()
        )
        return vectors

    return work


def img2vec(folder: str, count: int) -> Work:
    """Compute ResNet-18's vectors with img2vec-pytorch: pictures opened by Pillow, its list call, batches of 64."""
    home = tempfile.mkdtemp()
    os.environ["TORCH_HOME"] = home
    weights = Path(home, "hub", "checkpoints", IMG2VEC_WEIGHTS)
    weights.parent.mkdir(parents=True)
    models = import_torchvision().models
    torch.manual_seed(SEED)
    torch.save(models.resnet18().state_dict(), weights)
    from img2vec_pytorch import Img2Vec  # noqa: PLC0415  imports torchvision, which must be ready

    encoder, paths = Img2Vec(model="resnet-18"), pictures(folder, count)

    def work() -> npt.NDArray[np.float32]:
        vectors = []
        for start in range(0, len(paths), IMG2VEC_BATCH):
            opened = [Image.open(path).convert("RGB") for path in paths[start : start + IMG2VEC_BATCH]]
            vectors.append(encoder.get_vec(opened))
        return np.concatenate(vectors)

    return work
