"""InferSent: a bidirectional LSTM over word vectors, pooled over time (Conneau et al. 2017, arXiv 1705.02364).

The forward state of an LSTM depends only on the words read so far, the backward state only on the words to come. So
`encode` computes each distinct beginning and each distinct end of the sentences once: many labels share the sentence
marks and the upper levels of class paths. Nothing is padded.

Letters: S sentences, P distinct beginnings (or ends), D word dimension, H LSTM units in each direction.
"""

import math
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from gensim.models import KeyedVectors
from pydantic import Field
from torch import Tensor, nn

from huse.errors import InputError
from huse.settings import Settings
from huse.text.tokens import SENTENCE_MARKS, known_tokens
from huse.weights import read_state_dict

Pooling = Literal["max", "mean"]
Chunk = tuple[Literal["", "_reverse"], list[int]]  # direction as torch names it, rows of sentences
Track = Callable[[Iterable[Chunk]], Iterable[Chunk]]

# Distinct sentences read in parallel: enough for fast matrix products. A chunk needs about 100 MB at the published
# size.
CHUNK = 1024

# The word vectors that each version's published weights were trained with, and what tells them from their name; a model
# that reads others gets numbers that mean nothing to it.
TRAINED_WITH = {1: ("glove.840B.300d", "840b"), 2: ("crawl-300d-2M", "crawl")}
_OTHER_SETS = re.compile("glove|crawl|fasttext|wiki-news|word2vec(?! text)|googlenews|catalogue", re.IGNORECASE)

_GATES = 4  # input, forget, cell, output, stacked in every weight


class InferSentSettings(Settings):
    """How it reads a sentence; see `encode`."""

    version: Literal[1, 2] = Field(default=1, description="1: GloVe, <s> </s>; 2: fastText, <p> </p>")
    pooling: Pooling = Field(default="max", description="max or mean over the words")
    padding_in_max: bool = Field(
        default=False, description="true: padding takes part in the maximum, as in the published code"
    )
    hidden: int = Field(
        default=2048,
        ge=1,
        le=16384,
        description="LSTM units in each direction, for random weights; the vector is twice as long",
    )


class InferSent(nn.Module):
    """The encoder's weights, with the parameter names of the published files; `encode` applies them."""

    def __init__(self, word_dimension: int, hidden: int) -> None:
        super().__init__()
        self.enc_lstm = nn.LSTM(word_dimension, hidden, 1, bidirectional=True)


def _shapes(word_dimension: int, hidden: int) -> dict[str, tuple[int, ...]]:
    one_way = {
        "enc_lstm.weight_ih_l0": (_GATES * hidden, word_dimension),
        "enc_lstm.weight_hh_l0": (_GATES * hidden, hidden),
        "enc_lstm.bias_ih_l0": (_GATES * hidden,),
        "enc_lstm.bias_hh_l0": (_GATES * hidden,),
    }
    return one_way | {f"{key}_reverse": shape for key, shape in one_way.items()}


def _with_weights(weights: Mapping[str, Tensor], word_dimension: int, hidden: int) -> InferSent:
    with torch.device("meta"):  # skips the initial weights, which take time and draw from the global generator
        model = InferSent(word_dimension, hidden)
    model.load_state_dict(dict(weights), assign=True)
    return model.requires_grad_(False).eval()


def random_infersent(word_dimension: int, hidden: int, seed: int) -> InferSent:
    """Return an encoder with fixed random weights, uniform in ±1/√H (Wieting & Kiela 2019, arXiv 1901.10444)."""
    generator, bound = torch.Generator().manual_seed(seed), 1 / math.sqrt(hidden)
    weights = {
        key: torch.empty(shape).uniform_(-bound, bound, generator=generator)
        for key, shape in _shapes(word_dimension, hidden).items()
    }
    return _with_weights(weights, word_dimension, hidden)


def load_infersent(path: Path) -> InferSent:
    """Load an encoder from a state dict, such as the published ``infersent1.pkl``.

    D and H are read from the shapes.

    Args:
        path: see `huse.weights.read_state_dict`.

    Raises:
        InputError: as there; or a key is missing, unknown or has a wrong shape.
    """
    expected = _shapes(1, 1).keys()
    state = read_state_dict(path, expected)
    if set(state) != expected:
        missing, unknown = sorted(expected - set(state)), sorted(map(str, set(state) - expected))
        raise InputError(
            f"{path}: expected the weights of InferSent. Missing: {', '.join(missing) or 'none'}; "
            f"unknown: {', '.join(unknown[:10]) or 'none'}."
        )
    shapes = {key: tuple(weight.shape) for key, weight in state.items()}
    first, recurrent = shapes["enc_lstm.weight_ih_l0"], shapes["enc_lstm.weight_hh_l0"]
    dimensions = (first[1], recurrent[1]) if len(first) == len(recurrent) == 2 else (0, 0)
    wrong = [key for key, shape in _shapes(*dimensions).items() if shapes[key] != shape]
    if wrong:
        found = ", ".join(f"{key} {' × '.join(map(str, shapes[key]))}" for key in wrong)
        raise InputError(f"{path}: these weights of InferSent do not fit the others: {found}.")
    weights = {key: weight.detach().float().contiguous() for key, weight in state.items()}
    return _with_weights(weights, *dimensions)


def doubts(weights: str, version: Literal[1, 2], source: str, words: Container[str]) -> list[str]:
    """Return why published weights may read other word vectors, or another version's marks, than in their training.

    Args:
        weights: name of their file.
        version: of InferSent, as set.
        source: name and format of the set of word vectors.
        words: those with a vector.

    Returns:
        One text a doubt, without a full stop.
    """
    found = []
    named = re.search(r"infersent\D{0,2}([12])", weights, re.IGNORECASE)
    if named and int(named[1]) != version:
        found.append(f"{weights}: by its name version {named[1]}, but label_graph.infersent.version is {version}")
    wanted, sign = TRAINED_WITH[version]
    if sign not in source.lower() and _OTHER_SETS.search(source):
        found.append(
            f"{weights}: version {version} of InferSent was trained with {wanted}, and these vectors are of {source}, "
            "which mean nothing to such weights. Change word_vectors.source, or weights and infersent.version"
        )
    lost = [mark for mark in SENTENCE_MARKS[version] if mark not in words]
    if lost:
        found.append(
            f"{weights}: {' and '.join(lost)} have no vector in {source}, so that labels are read without the sentence "
            f"marks of the training of version {version}. A cut set of word vectors often lacks them"
        )
    return found


def encode(
    model: InferSent,
    sentences: Sequence[str],
    vectors: KeyedVectors,
    *,
    version: Literal[1, 2],
    pooling: Pooling,
    padding_in_max: bool = False,
    batch_size: int = 64,
    track: Track = iter,
) -> npt.NDArray[np.float32]:
    """Encode sentences.

    By default a sentence's vector does not depend on the other sentences, except for about 1e-7: larger matrix products
    may add up in another order.

    Args:
        model: the encoder.
        sentences: S texts; equal ones are encoded once.
        vectors: of words, D numbers each, may be read-only or memory-mapped; tokens without one are dropped, marks
            included.
        version: 1 or 2, which tokens and marks the weights were trained with.
        pooling: max or mean over the tokens, marks included.
        padding_in_max: True reproduces the published version 1. It encodes batches of sentences, longest first, padded
            to the longest, and the zeros of the padding take part in the maximum. Sentences of equal length keep their
            order. No effect on means, or in version 2, whose code leaves padding out.
        batch_size: sentences in a published batch; matters only if padding takes part.
        track: wraps the chunks of work to show progress.

    Returns:
        S × 2H float32, in the order given.

    Raises:
        InputError: the word vectors have another dimension than the weights, or nothing is left of a sentence.
    """
    wanted = model.enc_lstm.input_size
    if vectors.vector_size != wanted:
        raise InputError(
            f"expected word vectors of {wanted} numbers, which InferSent's weights (label_graph.weights) read; "
            f"found {vectors.vector_size} (word_vectors.source). Use the word vectors that the weights were trained "
            "with."
        )
    tokens = known_tokens(sentences, vectors.key_to_index, version=version, marks=True)
    words = [tuple(vectors.key_to_index[token] for token in kept) for kept in tokens]
    first: dict[tuple[int, ...], int] = {}
    sources = [first.setdefault(sentence, row) for row, sentence in enumerate(words)]

    hidden = model.enc_lstm.hidden_size
    encoded = np.empty((len(sentences), 2 * hidden), np.float32)
    for direction, rows in track(_chunks(first)):
        half, order = (slice(hidden), 1) if direction == "" else (slice(hidden, None), -1)
        sentence_words = [words[row][::order] for row in rows]
        encoded[rows, half] = _read(_weights(model, direction), sentence_words, vectors.vectors, pooling)
    for row, source in enumerate(sources):
        if row != source:
            encoded[row] = encoded[source]
    if padding_in_max and version == 1 and pooling == "max":
        _let_padding_in(encoded, np.array([len(sentence) for sentence in words]), batch_size)
    return encoded


def _chunks(rows: Mapping[tuple[int, ...], int]) -> list[Chunk]:
    """Cut sentences into chunks, sorted so that common beginnings (or ends) come together."""
    forward = [rows[words] for words in sorted(rows)]
    backward = [rows[words] for words in sorted(rows, key=lambda words: words[::-1])]
    starts = range(0, len(rows), CHUNK)
    return [("", forward[start : start + CHUNK]) for start in starts] + [
        ("_reverse", backward[start : start + CHUNK]) for start in starts
    ]


class _Weights(NamedTuple):
    """Weights of one direction; the gates lie along 4H in the order input, forget, cell, output."""

    words: Tensor  # 4H × D
    hidden: Tensor  # 4H × H
    bias: Tensor  # 4H


def _weights(model: InferSent, direction: Literal["", "_reverse"]) -> _Weights:
    words, hidden, bias_words, bias_hidden = (
        getattr(model.enc_lstm, f"{name}_l0{direction}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return _Weights(words, hidden, bias_words + bias_hidden)


class _States(NamedTuple):
    """The LSTM after each of P distinct beginnings, and its outputs pooled so far; all P × H float32."""

    hidden: Tensor
    cell: Tensor
    pooled: Tensor


@torch.inference_mode()
def _read(
    weights: _Weights, sentences: Sequence[tuple[int, ...]], vectors: npt.NDArray[np.floating], pooling: Pooling
) -> npt.NDArray[np.float32]:
    """Read sentences in one direction, word by word, in parallel.

    Args:
        weights: of the direction.
        sentences: S, each as rows of `vectors` in reading order; none empty.
        vectors: of words, D numbers each.
        pooling: over the tokens.

    Returns:
        S × H float32.
    """
    lengths = np.array([len(sentence) for sentence in sentences])
    hidden = weights.hidden.shape[1]
    zero = torch.zeros(1, hidden)
    states = _States(zero, zero, zero if pooling == "mean" else torch.full_like(zero, -math.inf))
    state = np.zeros(len(sentences), np.int64)  # the row of `states` of each sentence; all start from one
    encoded = np.empty((len(sentences), hidden), np.float32)
    for place in range(lengths.max()):
        unfinished = np.flatnonzero(lengths > place)
        next_words = np.array([sentences[index][place] for index in unfinished.tolist()])
        # Each distinct pair of state and next word is a beginning one word longer.
        pairs = np.stack([state[unfinished], next_words], axis=1)
        distinct, state[unfinished] = np.unique(pairs, axis=0, return_inverse=True)
        parents, rows = distinct.T
        read = np.asarray(vectors[rows], np.float32)  # a copy: torch needs writable memory
        states = _step(weights, states, torch.from_numpy(parents), torch.from_numpy(read), pooling)
        finished = np.flatnonzero(lengths == place + 1)
        encoded[finished] = states.pooled.numpy()[state[finished]]
    if pooling == "mean":
        encoded /= lengths[:, None]
    return encoded


def _step(weights: _Weights, states: _States, parents: Tensor, words: Tensor, pooling: Pooling) -> _States:
    """Read one more word: `torch.nn.LSTM`'s equations, for P beginnings.

    Args:
        weights: of the direction.
        states: after the beginnings one word shorter.
        parents: P int64, which of those is continued.
        words: P × D float32, the vectors of the words read.
        pooling: over the tokens.
    """
    gates = torch.addmm(weights.bias, words, weights.words.T).addmm_(states.hidden[parents], weights.hidden.T)
    take, keep, new, show = gates.chunk(_GATES, dim=1)
    cell = keep.sigmoid_().mul(states.cell[parents]).addcmul_(take.sigmoid_(), new.tanh_())
    hidden = cell.tanh().mul_(show.sigmoid_())
    before = states.pooled[parents]
    return _States(hidden, cell, before.add_(hidden) if pooling == "mean" else torch.maximum(before, hidden))


def _let_padding_in(encoded: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64], batch_size: int) -> None:
    """Let a zero take part in the maximum of every sentence that is padded in the published batches.

    Args:
        encoded: S × 2H, maxima over the tokens alone; changed in place.
        lengths: S, in tokens.
        batch_size: sentences in a batch.
    """
    longest_first = np.argsort(-lengths, kind="stable")
    for start in range(0, len(lengths), batch_size):
        batch = longest_first[start : start + batch_size]
        padded = batch[lengths[batch] < lengths[batch[0]]]
        encoded[padded] = np.maximum(encoded[padded], 0)
