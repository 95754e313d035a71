"""Embeddings and class scores of all rows: blocks of them through a trained network, on whatever engine.

Letters: n rows of a block, F features, D dimension of the shared space, K labels.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import torch

from huse.engine.arithmetic import of_torch, refuse_other
from huse.engine.cores import cores
from huse.engine.threads import in_threads, same_threads
from huse.model.contract import Floats, Modality
from huse.model.network import Network


@dataclass(frozen=True)
class Embedding:
    """The work of embedding rows; see `huse.engine.work.Work`. A batch is of n × F float32.

    Attributes:
        network: trained, on its device.
        modality: of the rows.
        arithmetic: of the machine where the stage runs; where the work has come to, it must be the same.
    """

    cpus: ClassVar[int] = 1

    network: Network
    modality: Modality
    arithmetic: str = field(default_factory=of_torch)

    @property
    def gpus(self) -> int:
        """See `huse.engine.work.Work`."""
        return int(next(self.network.parameters()).device.type == "cuda")

    def __call__(self, batches: Iterable[Floats], /) -> Iterator[tuple[Floats, Floats]]:
        """Yield n × D float32 of unit norm and n × K float32 of each block; see `Network.embed`.

        On a CPU each block has one thread, whatever the number of cores: sums depend on how they are split.

        Raises:
            InputError: this machine may round otherwise.
        """
        refuse_other(self.arithmetic, of_torch())
        self.network.eval()
        embed = partial(self.network.embed_arrays, self.modality)
        if self.gpus:
            yield from map(embed, batches)
            return
        with same_threads(1):
            yield from in_threads(embed, batches, ahead=cores() + 1, start=partial(torch.set_num_threads, 1))

    def packed(self, batch: Floats, /) -> Floats:
        """Return the batch: it has all that is needed."""
        return batch
