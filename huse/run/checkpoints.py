"""Where long training stands, so that a killed run goes on.

Part of the edge, like `huse.run.artifacts`: training is given a `Checkpoint` and knows no folder.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from huse.errors import InputError
from huse.files import PARTIAL_PREFIX

STATE = "state"  # name under which the file's metadata hold what is no tensor
ROOT = Path(__file__).parents[2]  # where the code lies that is at work


def fingerprint_code(code: Iterable[str]) -> str:
    """Return a SHA-256 over Python files, in hexadecimal: by which a state of other code is told apart.

    Args:
        code: rooms and modules as `dvc.yaml` names them, ``huse/model`` or ``huse/nesting.py``.
    """
    digest = hashlib.sha256()
    for place in (ROOT / name for name in sorted(code)):
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(f"{file.relative_to(ROOT).as_posix()}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return digest.hexdigest()


class Checkpoint:
    """The state of one training run in one file; to be used inside a ``with`` block.

    The file's name is made of everything that decides the run, so that the state of a run with other parameters,
    data or code is never found. While one process is inside the block, a second one is refused.
    """

    def __init__(self, folder: Path, decides: Mapping[str, Any], code: Iterable[str]) -> None:
        """Name the run.

        Args:
            folder: of the checkpoints.
            decides: everything that decides the run: parameters, seed, fingerprints of its data; plain values.
            code: all code that decides it too, of `fingerprint_code`.
        """
        content = json.dumps([decides, fingerprint_code(code)], sort_keys=True, ensure_ascii=False)
        self.path = folder / f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.safetensors"

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self.path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise InputError(
                f"{self.path}: another process trains with these parameters and data. Wait until it is done, or end it."
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()  # frees the lock; the file stays, as another process may just be opening it

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the tensors and the other state that `save` was given last; None where there is nothing usable."""
        try:
            with safe_open(self.path, "pt") as file:
                state = json.loads(file.metadata()[STATE])
                return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118  no mapping
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Keep tensors and other plain values in place of the state before; a kill leaves one of both, whole."""
        partial = self.path.with_name(PARTIAL_PREFIX + self.path.name)
        # The format takes contiguous tensors that share no memory.
        own = {
            name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()
        }
        save_file(own, partial, {STATE: json.dumps(state)})
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(self.path)

    def remove(self) -> None:
        """Forget the state: the run is done."""
        self.path.unlink(missing_ok=True)


class Forgets:
    """Keeps nothing: for runs of seconds, and for those on other machines, which begin again."""

    def load(self) -> None:
        """Return that there is nothing."""

    def save(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Do nothing."""


def in_use(file: Path) -> bool:
    """Whether a process trains with this state, or with the state that this lock is of."""
    try:
        with file.with_suffix(".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
