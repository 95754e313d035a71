"""Measures seconds and peak memory of the two sides of a comparison, each in its own process.

A side is a function ``<module>:<name>`` of `benchmarks.sides` that prepares its input and returns the work to time.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Work = Callable[[], npt.ArrayLike]


@dataclass(frozen=True)
class Measured:
    """One side.

    Attributes:
        seconds: of the work, the fastest of its repeats, without preparation and imports.
        megabytes: peak memory of the process, imports and preparation included.
        result: what the work returned.
    """

    seconds: float
    megabytes: float
    result: npt.NDArray[Any]


def measure(side: str, *, repeats: int = 1, **arguments: Any) -> Measured:
    """Run one side.

    Args:
        side: ``module:function``.
        repeats: how often the work is done.
        arguments: of the function; plain values.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.npy")
        command = [sys.executable, "-m", "benchmarks.harness", side, str(repeats), json.dumps(arguments), str(result)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        metrics = json.loads(output.splitlines()[-1])
        return Measured(metrics["seconds"], metrics["megabytes"], np.load(result))


def _run(side: str, repeats: int, arguments: dict[str, Any], output: Path) -> None:
    module, _, name = side.partition(":")
    work: Work = getattr(importlib.import_module(f"benchmarks.sides.{module}"), name)(**arguments)
    best = float("inf")
    result: npt.ArrayLike = ()
    for _ in range(repeats):
        result = ()  # frees the last result before the next
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    peak = _peak_memory()
    np.save(output, np.asarray(result), allow_pickle=False)
    print(json.dumps({"seconds": best, "megabytes": peak}))


def _peak_memory() -> float:
    """Return the peak memory of this process in MB; `getrusage` would include its parent's from before the exec."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024 / 1e6  # Linux counts in KiB


if __name__ == "__main__":
    _run(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3]), Path(sys.argv[4]))
