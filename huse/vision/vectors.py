"""Vectors of many pictures: decoding in threads beside the network.

Letters: N pictures, S pixels a side of the network's input, D values a vector.
"""

import copy
import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from huse.errors import InputError
from huse.vision.backbones import Backbone
from huse.vision.decoding import PictureError, read_picture
from huse.vision.geometry import Pixels, fit, needed_side, normalise

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16")

# Batches decoded ahead of the network; bounds the memory whatever N is.
BATCHES_AHEAD = 2


def resolve_dtype(dtype: str) -> str:
    """Return the dtype that the network computes in on this machine.

    Args:
        dtype: ``float32``, ``bfloat16``, or ``auto``: bfloat16 where CUDA or the processor has instructions
            for it, else float32.
    """
    if dtype != "auto":
        return dtype
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    try:
        capabilities = torch.cpu.get_capabilities()
    except (AttributeError, RuntimeError):  # torch was built without it
        return "float32"
    return "bfloat16" if any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS) else "float32"


def extract_vectors(
    paths: Sequence[Path],
    backbone: Backbone,
    *,
    geometry: str,
    size: int,
    dtype: str,
    batch_size: int,
    max_pixels: int,
    progress: Callable[[int], object] = lambda done: None,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Compute the vector of every picture, on CUDA where there is one.

    Same files, same machine and same `batch_size` give the same bytes; another `batch_size` changes rounding
    only. Memory beside the result does not grow with N.

    Args:
        paths: N files; one may come several times.
        backbone: from `load_backbone`; not changed.
        geometry: a key of `huse.vision.geometry.GEOMETRIES`.
        size: S.
        dtype: as in `resolve_dtype`; of the network, not of the result.
        batch_size: pictures that go through the network together.
        max_pixels: width × height of a picture that is still decoded.
        progress: called with the number of pictures in each finished batch.
        out: N × D, float32, where to write; None: a new array.

    Returns:
        N × D, float32, in the order of `paths`.

    Raises:
        InputError: there are no pictures; one cannot be read; the backbone does not take the size.
    """
    if not paths:
        raise InputError("expected at least one picture, found none. Check the catalogue.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network_dtype = DTYPES[resolve_dtype(dtype)]
    network = copy.deepcopy(backbone.module).to(device, network_dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    _check_size(backbone.name, network, size=size, device=device, dtype=network_dtype)
    vectors = np.empty((len(paths), backbone.dimension), np.float32) if out is None else out

    def decode(path: Path) -> Pixels:
        """Read one picture and fit it: S × S × 3 uint8."""
        try:
            picture = read_picture(path, max_pixels, shorter_side=needed_side(geometry=geometry, size=size))
        except PictureError as error:
            raise InputError(
                f"{path}: {error}. It has changed since the catalogue was checked; check the catalogue again."
            ) from error
        return fit(picture, geometry=geometry, size=size)

    start = 0
    with torch.inference_mode():
        for pixels in _decode_batches(paths, decode, batch_size=batch_size):
            batch = normalise(torch.from_numpy(pixels).to(device)).to(network_dtype)
            vectors[start : start + len(pixels)] = network(batch).float().cpu().numpy()
            start += len(pixels)
            progress(len(pixels))
    return vectors


def _check_size(name: str, network: nn.Module, *, size: int, device: torch.device, dtype: torch.dtype) -> None:
    black = torch.zeros(1, 3, size, size, device=device, dtype=dtype)
    try:
        with torch.inference_mode():
            network(black)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"size: {name} does not take pictures of {size} × {size} pixels ({reason}). Set `size` to what "
            "it was made for, 224 as a rule."
        ) from error


def _decode_batches(
    paths: Sequence[Path], decode: Callable[[Path], Pixels], *, batch_size: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Decode in threads, a bounded number of pictures ahead, and yield n × S × S × 3 uint8 in order."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting = iter(paths)
        ahead: deque[Future[Pixels]] = deque()
        try:
            while True:
                wanted = (BATCHES_AHEAD + 1) * batch_size - len(ahead)
                ahead.extend(pool.submit(decode, path) for path in islice(waiting, wanted))
                if not ahead:
                    return
                count = min(batch_size, len(ahead))
                yield np.stack([ahead.popleft().result() for _ in range(count)])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def check_vectors(vectors: npt.NDArray[np.float32], paths: Sequence[Path]) -> None:
    """Check that vectors can be learnt from; warn where they are all the same.

    Args:
        vectors: N × D, float32.
        paths: N files.

    Raises:
        InputError: a value is not finite; names the first such picture.
    """
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise InputError(
            f"{paths[bad[0]]}: its vector has a value that is not finite, as have {bad.size} of "
            f"{len(vectors)} vectors. Check the weights of the backbone, or set `dtype` to float32."
        )
    if len(vectors) > 1 and np.ptp(vectors, axis=0).max() == 0:
        logging.warning(
            "All %d image vectors are the same. Check the pictures and the weights of the backbone.",
            len(vectors),
        )
