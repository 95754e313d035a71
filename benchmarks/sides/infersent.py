"""InferSent of the published size: `huse.text.infersent.encode` beside torch's LSTM in batches as they come.

Both sides take the same sentences, word vectors and weights, and start from text.
"""

import numpy as np
import numpy.typing as npt
import torch
from gensim.models import KeyedVectors
from torch.nn.utils.rnn import pad_sequence

from benchmarks.harness import Work
from huse.text.infersent import InferSent, encode, random_infersent
from huse.text.tokens import SENTENCE_MARKS, known_tokens

DIMENSION, HIDDEN = 300, 2048  # the published size
VOCABULARY = 5000
LONGEST = 8  # words of a label
BATCH = 64
SEED = 0


def _prepare(count: int) -> tuple[InferSent, list[str], KeyedVectors]:
    """Draw weights, labels of 1 to 8 words, and word vectors, all from one seed."""
    rng = np.random.default_rng(SEED)
    words = [f"word{number}" for number in range(VOCABULARY)]
    vectors = KeyedVectors(DIMENSION)
    known = [*SENTENCE_MARKS[1], *words]
    vectors.add_vectors(known, rng.normal(scale=0.4, size=(len(known), DIMENSION)).astype(np.float32))
    labels = [" ".join(rng.choice(words, size=rng.integers(1, LONGEST + 1))) for _ in range(count)]
    return random_infersent(DIMENSION, HIDDEN, SEED), labels, vectors


def as_they_come(labels: int) -> Work:
    """Encode with torch's LSTM: batches of 64 in the order given, padded to the longest, maximum over the words.

    Reading backwards, the LSTM sees the padding before the words of a shorter sentence. So the backward half of its
    vector differs from the other side's; the forward halves, S × H float32, agree.
    """
    model, sentences, vectors = _prepare(labels)

    @torch.inference_mode()
    def work() -> npt.NDArray[np.float32]:
        tokens = known_tokens(sentences, vectors.key_to_index, version=1, marks=True)
        encoded = np.empty((len(tokens), 2 * HIDDEN), np.float32)
        for start in range(0, len(tokens), BATCH):
            batch = tokens[start : start + BATCH]
            words = pad_sequence([torch.from_numpy(vectors[sentence]) for sentence in batch])
            lengths = torch.tensor([len(sentence) for sentence in batch])
            outputs = model.enc_lstm(words)[0]  # longest × 64 × 2H
            padding = torch.arange(len(words))[:, None] >= lengths
            encoded[start : start + BATCH] = outputs.masked_fill_(padding[:, :, None], -torch.inf).amax(dim=0).numpy()
        return encoded[:, :HIDDEN]

    return work


def grouped(labels: int) -> Work:
    """Encode labels with the package; the forward half."""
    model, sentences, vectors = _prepare(labels)
    return lambda: encode(model, sentences, vectors, version=1, pooling="max")[:, :HIDDEN]
