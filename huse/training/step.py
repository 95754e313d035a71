"""One training step: from row numbers to new weights.

Letters: n products in a batch, T loss terms.
"""

import copy
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, optim

from huse.engine.devices import DTYPES
from huse.errors import InputError
from huse.model.contract import MODALITIES, Modality
from huse.model.methods import Batch, Losses, Method
from huse.model.network import Network
from huse.training.data import TrainingData
from huse.training.shards import WHOLE, Outputs, Shards

Mixture = tuple[float | Tensor, Tensor]  # share of the product itself, and partners; see `Inputs`

WARM_UP = 3  # steps before recording: the first ones create state, such as an optimizer's moments


@dataclass(frozen=True)
class Inputs:
    """The inputs of a step.

    Attributes:
        rows: n int64, places in the training split.
        views: n int64, which view of each picture.
        rate: learning rate.
        seeds: of the random numbers of each shard, and of the losses; None: they go on from the step before.
        share: of the product itself in its mixture; None: no mixing.
        partners: n int64, place in the batch of the product that is mixed in; None: no mixing.
    """

    rows: Tensor
    views: Tensor
    rate: float | Tensor
    seeds: Sequence[int] | None = None
    share: float | Tensor | None = None
    partners: Tensor | None = None

    @property
    def mixture(self) -> Mixture | None:
        """Share and partners, or None."""
        return None if self.share is None or self.partners is None else (self.share, self.partners)


@dataclass(frozen=True)
class Taken:
    """The result of a step.

    Attributes:
        batch: from before the weights changed.
        losses: 1 + T, the loss and its terms.
        finite: n bool, whether a product's embeddings are finite.
    """

    batch: Batch
    losses: Tensor
    finite: Tensor


def forward(
    network: Network,
    data: TrainingData,
    rows: Tensor,
    views: Tensor,
    mixture: Mixture | None,
    *,
    place: slice = slice(None),
) -> Outputs:
    """Pass products, by row number, and their mixtures if any, through towers and head; see `Inputs`.

    The classifier sees the mixtures; losses on pairs see the products themselves.

    Args:
        network: with the towers.
        data: of all products.
        rows: n int64, of the batch.
        views: n int64.
        mixture: share and partners.
        place: of the products of the batch to pass; by default all.
    """

    def vectors(of: Tensor) -> dict[Modality, Tensor]:
        return {"image": data.images[views[of], rows[of]], "text": data.texts[rows[of]]}

    own = torch.arange(len(rows), device=rows.device)[place]
    plain = vectors(own)
    images, texts = network.tower("image")(plain["image"]), network.tower("text")(plain["text"])
    classified = {"image": images, "text": texts}
    if mixture is not None:
        share, partners = mixture
        others = vectors(partners[own])
        classified = {
            modality: network.tower(modality)(torch.lerp(others[modality], plain[modality], share))
            for modality in MODALITIES
        }
    return images, texts, network.logits("image", classified["image"]), network.logits("text", classified["text"])


def batch_of(data: TrainingData, rows: Tensor, mixture: Mixture | None, outputs: Outputs) -> Batch:
    """Return n products, by row number, with what `forward` gave for all of them, for the losses."""
    targets = data.targets(rows)
    present = classified = None if data.present is None else data.present[:, rows]
    if mixture is not None:
        share, partners = mixture
        targets = torch.lerp(targets[partners], targets, share)
        if present is not None:
            classified = present & present[:, partners]
    images, texts, *logits = outputs
    return Batch(images, texts, (logits[0], logits[1]), targets, data.products[rows], data.classes, present, classified)


class Step:
    """Takes steps: forward, all loss terms, backward, optimizer, average. It never waits for a GPU.

    Attributes:
        optimizer: of the network.
        average: a network with the moving average of the weights, or None.
        terms: names of the loss terms, known after the first step.
        is_first: whether the run has taken no step yet, in this process or an earlier one.
    """

    def __init__(
        self,
        network: Network,
        data: TrainingData,
        method: Method,
        losses: Losses,
        optimizer: optim.Optimizer,
        *,
        dtype: str,
        ema: float,
        shards: Shards = WHOLE,
    ) -> None:
        """Prepare to train a network on the data's device; see `huse.training.loop.LoopSettings`."""
        self._shards = shards
        self._network, self._data, self._method, self._losses = network, data, method, losses
        self._device, self._dtype, self._ema = data.texts.device, DTYPES[dtype], ema
        self.optimizer = optimizer
        self.average = copy.deepcopy(network) if ema else None
        self.terms: tuple[str, ...] = ()
        self.is_first = True

    def __call__(self, inputs: Inputs) -> Taken:
        """Take a step.

        Raises:
            InputError: all terms weigh nothing.
        """
        rows, shards = self._data.train[inputs.rows], self._shards
        places, own = shards.places(len(rows)), []
        for number in shards.own:
            self._seed(inputs, number)
            with self._cast():
                own.append(forward(self._network, self._data, rows, inputs.views, inputs.mixture, place=places[number]))
        whole = shards.gather(own, len(rows))
        batch = batch_of(self._data, rows, inputs.mixture, whole)
        self._seed(inputs, shards.count)
        with self._cast():
            terms = self._method.terms(batch, self._losses)
            loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
        if not any(weight for weight, _ in terms.values()):
            raise InputError(f"params.yaml: train: the weights of {', '.join(terms)} are all 0: nothing to learn.")
        for group in self.optimizer.param_groups:
            group["lr"] = inputs.rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        shards.propagate(whole, own, self._network.parameters())
        self.optimizer.step()
        if self.average is not None:
            self._update(self.average)
        self.terms, self.is_first = tuple(terms), False
        losses = torch.stack([loss.detach(), *(value.detach() for _, value in terms.values())])
        finite = torch.isfinite(batch.images.detach().sum(dim=1) + batch.texts.detach().sum(dim=1))
        return Taken(batch, losses, finite)

    def _cast(self) -> AbstractContextManager[None]:
        return torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32)

    @staticmethod
    def _seed(inputs: Inputs, number: int) -> None:
        if inputs.seeds is not None:
            torch.manual_seed(inputs.seeds[number])

    @torch.no_grad()
    def _update(self, average: Network) -> None:
        if not self.is_first:
            torch._foreach_lerp_(list(average.parameters()), list(self._network.parameters()), 1 - self._ema)
        else:  # the average begins with the weights after the first step
            average.load_state_dict(self._network.state_dict())


class Recorded:
    """A step recorded once as a CUDA graph, then launched as a whole.

    A step has hundreds of small kernels, and the CPU takes longer to launch one than the GPU to run it. Each step
    overwrites the result of the one before.
    """

    def __init__(self, step: Step, device: torch.device) -> None:
        """Record nothing yet; `step` is of a recordable method, see `Method`, `device` a GPU."""
        self._step, self._device = step, device
        self._inputs: Inputs | None = None
        self._taken: Taken | None = None
        self._graph = torch.cuda.CUDAGraph()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._steps = 0

    def __call__(self, inputs: Inputs) -> Taken:
        """Take a step."""
        own = self._inputs = self._to_gpu(inputs)
        self._steps += 1
        if self._steps <= WARM_UP:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                taken = self._step(own)
            torch.cuda.current_stream().wait_stream(self._stream)
            return taken
        if self._taken is None:
            with torch.cuda.graph(self._graph):
                self._taken = self._step(own)
        self._graph.replay()
        return self._taken

    def _to_gpu(self, inputs: Inputs) -> Inputs:
        """Copy the inputs to the GPU, always to the same memory, without waiting for it."""
        values = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
        given = {name: value for name, value in values.items() if value is not None}
        if self._inputs is None:
            places: dict[str, Any] = {
                name: torch.empty_like(torch.as_tensor(value), device=self._device) for name, value in given.items()
            }
            self._inputs = replace(inputs, **places)
        for name, value in given.items():
            place = getattr(self._inputs, name)
            if isinstance(value, Tensor):
                # From pinned memory, which torch does not reuse before the copy is done.
                place.copy_(value.pin_memory(), non_blocking=True)
            else:
                place.fill_(value)
        return self._inputs
