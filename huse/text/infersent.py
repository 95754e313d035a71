"""InferSent: a bidirectional LSTM over word vectors, pooled over time (Conneau et al. 2017, arXiv 1705.02364).

S sentences, T tokens of the longest in a batch, B sentences of a batch, D word dimension, H LSTM units each way.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence

from huse.errors import InputError
from huse.text.tokens import known_tokens
from huse.weights import read_state_dict

Pooling = Literal["max", "mean"]

_GATES = 4  # input, forget, cell, output, stacked in every weight


class InferSent(nn.Module):
    """The encoder, with the parameter names of the published files.

    Args:
        word_dimension: D.
        hidden: H; the sentence vector is 2H long.
    """

    def __init__(self, word_dimension: int, hidden: int) -> None:
        super().__init__()
        self.enc_lstm = nn.LSTM(word_dimension, hidden, 1, bidirectional=True)

    def forward(self, words: PackedSequence, pooling: Pooling, *, padding_in_max: bool) -> Tensor:
        """Encode one batch.

        Args:
            words: B sentences of at most T vectors of D float32, packed.
            pooling: over time; mean divides by the number of tokens, marks included.
            padding_in_max: the zeros that fill up shorter sentences take part in the maximum.

        Returns:
            B × 2H float32.
        """
        padding = 0.0 if pooling == "mean" or padding_in_max else -math.inf
        output, lengths = pad_packed_sequence(self.enc_lstm(words)[0], padding_value=padding)  # T × B × 2H
        if pooling == "mean":
            return output.sum(dim=0) / lengths[:, None].to(output)
        return output.amax(dim=0)


def _shapes(word_dimension: int, hidden: int) -> dict[str, tuple[int, ...]]:
    one_way = {
        "enc_lstm.weight_ih_l0": (_GATES * hidden, word_dimension),
        "enc_lstm.weight_hh_l0": (_GATES * hidden, hidden),
        "enc_lstm.bias_ih_l0": (_GATES * hidden,),
        "enc_lstm.bias_hh_l0": (_GATES * hidden,),
    }
    return one_way | {f"{key}_reverse": shape for key, shape in one_way.items()}


def _with_weights(weights: Mapping[str, Tensor], word_dimension: int, hidden: int) -> InferSent:
    with torch.device("meta"):  # no initial weights: they would cost time and the global generator's state
        model = InferSent(word_dimension, hidden)
    model.load_state_dict(dict(weights), assign=True)
    return model.requires_grad_(False).eval()


def random_infersent(word_dimension: int, hidden: int, seed: int) -> InferSent:
    """Return an encoder with fixed random weights, uniform in ±1/√H (Wieting & Kiela 2019, arXiv 1901.10444).

    Args:
        word_dimension: D.
        hidden: H.
        seed: of the weights.
    """
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
        path: ``.safetensors``, else a file of `torch.save`, of which tensors alone are read.

    Raises:
        InputError: the file is missing or damaged; a key is missing, unknown or has a wrong shape; a weight is
            not finite.
    """
    state = read_state_dict(path)
    expected = set(_shapes(1, 1))
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
    damaged = [key for key, weight in weights.items() if not weight.isfinite().all()]
    if damaged:
        raise InputError(f"{path}: these weights hold a number that is not finite: {', '.join(damaged)}.")
    return _with_weights(weights, *dimensions)


@torch.inference_mode()
def encode(
    model: InferSent,
    sentences: Sequence[str],
    vectors: KeyedVectors,
    *,
    version: Literal[1, 2],
    pooling: Pooling,
    padding_in_max: bool = False,
    batch_size: int = 64,
) -> npt.NDArray[np.float32]:
    """Encode sentences.

    They go through the encoder sorted by length, the longest first, and come back in the order given. By
    default padding never takes part, so a sentence's vector is its own.

    Args:
        model: the encoder.
        sentences: S texts.
        vectors: of words, D float32 each; a token without one is dropped, the marks too.
        version: 1 or 2, which tokens and marks the weights were trained with.
        pooling: max or mean over the tokens.
        padding_in_max: True gives the published version 1, where the zeros of the padding take part in the
            maximum and a vector depends on the longest sentence in its batch. Of sentences of one length, the
            one given first comes first. No effect in version 2, whose published code left padding out.
        batch_size: B.

    Returns:
        S × 2H float32.

    Raises:
        InputError: the word vectors have another dimension than the weights, or nothing is left of a sentence.
    """
    wanted = model.enc_lstm.input_size
    if vectors.vector_size != wanted:
        raise InputError(
            f"expected word vectors of {wanted} numbers, which InferSent's weights (label_graph.weights) read; "
            f"found {vectors.vector_size} (text_vectors.dimension). Use the word vectors that the weights were "
            "trained with."
        )
    tokens = known_tokens(sentences, vectors.key_to_index, version=version, marks=True)
    encoded = np.empty((len(sentences), 2 * model.enc_lstm.hidden_size), np.float32)
    longest_first = np.argsort([-len(words) for words in tokens], kind="stable")
    for start in range(0, len(sentences), batch_size):
        batch = longest_first[start : start + batch_size]
        words = [torch.from_numpy(vectors[tokens[index]]) for index in batch]
        packed = pack_padded_sequence(pad_sequence(words), torch.tensor([len(one) for one in words]))
        encoded[batch] = model(packed, pooling, padding_in_max=padding_in_max and version == 1).numpy()
    return encoded
