"""Steps in shards, as one of several processes; what `benchmarks.sides.training.shared` starts.

Arguments: a file for the CPU seconds of the first process, products of a batch, steps, shards.
"""

import sys
import time
from pathlib import Path

import torch

from benchmarks.sides.training import steps
from huse.engine.group import joined
from huse.engine.threads import same_threads


def main(file: str, batch_size: int, count: int, shards: int) -> None:
    """Train twice, and time the second training."""
    with joined(torch.device("cpu")) as group, same_threads():
        work = steps("float32", batch_size, count, shards=shards, group=group)
        work()
        start = time.process_time()
        work()
        if group.leads:
            Path(file).write_text(str(time.process_time() - start), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
