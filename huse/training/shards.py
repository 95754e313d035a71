"""A batch in shards, so that several processes can share the work of a step.

Each shard passes through the network on its own, in one process. What it gives is gathered, and every process computes
the whole loss of the whole batch, so all pairs are seen. Each process takes the gradient back through its own shards,
and the shards' gradients are added up in their order. So the number of shards decides the result to the bit, and the
number of processes does not.

Letters: N products in a batch, S shards, D dimension of the shared space, K labels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from huse.engine.group import ALONE, Group
from huse.errors import InputError

Outputs = tuple[Tensor, Tensor, Tensor, Tensor]  # of products: embeddings, N × D, and logits, N × K, image and text


@dataclass(frozen=True)
class Shards:
    """How a batch is cut, and who computes what.

    Attributes:
        count: S.
        group: the processes.
    """

    count: int = 1
    group: Group = ALONE

    @property
    def own(self) -> range:
        """Numbers of this process's shards: in each round, every process has one, in the order of ranks."""
        return range(self.group.rank, self.count, self.group.size)

    def places(self, products: int) -> list[slice]:
        """Return where each shard lies in a batch; their sizes differ by at most one."""
        return [slice(*ends) for ends in pairwise(products * number // self.count for number in range(self.count + 1))]

    def gather(self, own: Sequence[Outputs], products: int) -> Outputs:
        """Return the outputs of all shards as one batch: new tensors, whose gradients `propagate` takes back.

        Args:
            own: of this process's shards.
            products: N.
        """
        if self.count == 1:
            return _leaves(own[0])
        sizes = [place.stop - place.start for place in self.places(products)]
        shards: list[list[Tensor]] = []
        for outputs in own:
            # Of one length, and of one dtype, which holds every value of bfloat16.
            padded = [functional.pad(value.detach().float(), (0, 0, 0, max(sizes) - len(value))) for value in outputs]
            shards += self.group.gather(padded)
        whole = [
            torch.cat([each[:size] for each, size in zip(parts, sizes, strict=True)])
            for parts in zip(*shards, strict=True)
        ]
        return _leaves([value.to(output.dtype) for value, output in zip(whole, own[0], strict=True)])

    def propagate(self, whole: Outputs, own: Sequence[Outputs], learning: Iterable[nn.Parameter]) -> None:
        """Take the gradients of the whole batch back to the parameters, one shard after the other.

        Args:
            whole: what `gather` gave; their gradients are those of the loss.
            own: of this process's shards.
            learning: parameters, without gradients; they get those of all shards together.
        """
        places, learning = self.places(len(whole[0])), list(learning)
        total: list[Tensor] = []
        reached: list[nn.Parameter] = []
        for number, outputs in zip(self.own, own, strict=True):
            given = [
                (value, leaf.grad[places[number]])
                for value, leaf in zip(outputs, whole, strict=True)
                if leaf.grad is not None  # as the logits of a method that classifies nothing
            ]
            torch.autograd.backward([value for value, _ in given], [gradient for _, gradient in given])
            reached = [parameter for parameter in learning if parameter.grad is not None]
            found = [parameter.grad for parameter in reached if parameter.grad is not None]
            for gradients in self.group.gather(found):
                if total:
                    torch._foreach_add_(total, gradients)
                else:
                    total = gradients
            for parameter in reached:
                parameter.grad = None
        for parameter, gradient in zip(reached, total, strict=True):
            parameter.grad = gradient


WHOLE = Shards()


def check_shards(shards: int, processes: int) -> None:
    """Refuse a number of shards that some processes would have more of than others.

    Raises:
        InputError: says what fits.
    """
    if shards % processes:
        raise InputError(
            f"params.yaml: train.shards: expected a multiple of the {processes} processes, found {shards}. Set it to "
            f"{processes * (shards // processes + 1)}, which gives other results than {shards}, or start as many "
            "processes as divide it."
        )


def _leaves(values: Sequence[Tensor]) -> Outputs:
    images, texts, image_logits, text_logits = (value.detach().requires_grad_() for value in values)
    return images, texts, image_logits, text_logits
