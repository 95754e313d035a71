import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from huse.errors import InputError
from huse.text import infersent
from huse.text.infersent import doubts, encode, load_infersent, random_infersent
from huse.text.tokens import SENTENCE_MARKS
from huse.text.word_vectors import keyed_vectors

WORDS = ["<s>", "</s>", "<p>", "</p>", "a", "b", "c", "d", "e"]
DIMENSION, HIDDEN = 5, 3
LONG = "a b c d e e d c b a " * 6
SENTENCES = ["a", "b c d e a b", "unknown", "c d", "", "a unknown b", "e e e", "c d", "c d e", "b d", LONG, "a  b"]


@pytest.fixture(scope="module")
def vectors():
    return keyed_vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), DIMENSION)).astype(np.float32))


@pytest.fixture(scope="module")
def model():
    return random_infersent(DIMENSION, HIDDEN, seed=1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def naive_lstm(inputs, state, suffix):
    """One direction, one token after the other; gates in the order input, forget, cell, output."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    w_x, w_h, b_x, b_h = (state[f"enc_lstm.{name}{suffix}"].double().numpy() for name in names)
    hidden = cell = np.zeros(HIDDEN)
    outputs = []
    for x in inputs:
        gate_in, forget, new, out = np.split(w_x @ x + b_x + w_h @ hidden + b_h, 4)
        cell = sigmoid(forget) * cell + sigmoid(gate_in) * np.tanh(new)
        hidden = sigmoid(out) * np.tanh(cell)
        outputs.append(hidden)
    return np.array(outputs)


def naive_outputs(sentence, vectors, model, marks):
    start, end = marks
    tokens = [token for token in [start, *sentence.split(), end] if token in vectors]
    inputs, state = [vectors[token] for token in tokens], model.state_dict()
    backward = naive_lstm(inputs[::-1], state, "_reverse")[::-1]
    return np.concatenate([naive_lstm(inputs, state, ""), backward], axis=1)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("chunk", [1, 2, 1024])
def test_equals_the_loop_over_tokens(vectors, model, monkeypatch, *, version, pooling, chunk):
    monkeypatch.setattr(infersent, "CHUNK", chunk)
    encoded = encode(model, SENTENCES, vectors, version=version, pooling=pooling)
    expected = [
        getattr(naive_outputs(text, vectors, model, SENTENCE_MARKS[version]), pooling)(axis=0) for text in SENTENCES
    ]
    assert encoded.shape == (len(SENTENCES), 2 * HIDDEN)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, expected, atol=1e-6)
    assert encoded[3].tobytes() == encoded[7].tobytes()  # "c d" twice
    assert encoded[5].tobytes() == encoded[11].tobytes()  # "a b" is left of both
    assert encoded.tobytes() == encode(model, SENTENCES, vectors, version=version, pooling=pooling).tobytes()


WORD = st.sampled_from(["a", "b", "c", "unknown"])


@given(st.lists(st.lists(WORD, max_size=5).map(" ".join), max_size=20))
def test_any_sentences_equal_the_loop(vectors, model, sentences):
    encoded = encode(model, sentences, vectors, version=1, pooling="max")
    expected = [naive_outputs(text, vectors, model, SENTENCE_MARKS[1]).max(axis=0) for text in sentences]
    np.testing.assert_allclose(encoded, np.reshape(expected, (len(sentences), 2 * HIDDEN)), atol=1e-6)


def test_no_sentences_give_no_rows(vectors, model):
    for padding_in_max in (False, True):
        encoded = encode(model, [], vectors, version=1, pooling="max", padding_in_max=padding_in_max)
        assert encoded.shape == (0, 2 * HIDDEN)
        assert encoded.dtype == np.float32


def test_each_distinct_beginning_and_end_is_computed_once(vectors, model, monkeypatch):
    steps, step = [], infersent._step

    def count(weights, states, parents, words, pooling):
        steps.append(len(parents))
        return step(weights, states, parents, words, pooling)

    monkeypatch.setattr(infersent, "_step", count)
    encode(model, ["a b c", "a b d", "a b d", "a e", "unknown"], vectors, version=1, pooling="max")
    # Forward <s>; a, </s>; b, e; c, d, </s>; </s> twice. Backward </s>; c, d, e, <s>; b, b, a; a, a, <s>; <s> twice.
    assert steps == [1, 2, 2, 3, 2, 1, 4, 3, 3, 2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_word_vectors_may_be_read_only_and_of_any_width(vectors, model, dtype):
    array = vectors.vectors.astype(dtype)
    array.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoded = encode(model, SENTENCES, keyed_vectors(WORDS, array), version=1, pooling="max")
    expected = encode(model, SENTENCES, vectors, version=1, pooling="max")
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, expected, atol=1e-3 if dtype == np.float16 else 0)


def test_chunks_of_work_are_tracked(vectors, model, monkeypatch):
    monkeypatch.setattr(infersent, "CHUNK", 2)
    seen = []

    def track(chunks):
        seen.append(len(chunks))
        for chunk in chunks:
            seen.append(chunk)
            yield chunk

    encoded = encode(model, ["b", "a", "c", "a"], vectors, version=1, pooling="max", track=track)
    assert seen == [4, ("", [1, 0]), ("", [2]), ("_reverse", [1, 0]), ("_reverse", [2])]
    assert np.array_equal(encoded, encode(model, ["b", "a", "c", "a"], vectors, version=1, pooling="max"))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_published_padding_takes_part_in_the_maximum_batch_by_batch(vectors, model, batch_size):
    encoded = encode(model, SENTENCES, vectors, version=1, pooling="max", padding_in_max=True, batch_size=batch_size)
    outputs = [naive_outputs(text, vectors, model, ("<s>", "</s>")) for text in SENTENCES]
    order = sorted(range(len(SENTENCES)), key=lambda index: -len(outputs[index]))  # stable
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        longest = max(len(outputs[index]) for index in batch)
        for index in batch:
            padded = np.zeros((longest, 2 * HIDDEN))
            padded[: len(outputs[index])] = outputs[index]
            np.testing.assert_allclose(encoded[index], padded.max(axis=0), atol=1e-6)


def test_means_and_version_2_know_no_padding(vectors, model):
    for version, pooling in [(1, "mean"), (2, "mean"), (2, "max")]:
        options = {"version": version, "pooling": pooling}
        published = encode(model, SENTENCES, vectors, padding_in_max=True, batch_size=3, **options)
        assert np.array_equal(published, encode(model, SENTENCES, vectors, **options))


def negative_model():
    """No recurrence, no input: every output is σ(0)·tanh(σ(0)·tanh(-1)), one token; all are negative."""
    state = {key: torch.zeros_like(weight) for key, weight in random_infersent(2, 1, seed=0).state_dict().items()}
    for suffix in ("", "_reverse"):
        state[f"enc_lstm.bias_ih_l0{suffix}"][2] = -1  # the cell gate of the one unit
    model = random_infersent(2, 1, seed=0)
    model.load_state_dict(state)
    return model


def test_padding_by_hand_where_all_outputs_are_negative():
    keyed = keyed_vectors(["a"], np.ones((1, 2), np.float32))  # no marks: "a" is one token, "a a" are two
    one = 0.5 * np.tanh(0.5 * np.tanh(-1))
    for version, padding_in_max, short in [(1, False, one), (1, True, 0), (2, False, one), (2, True, one)]:
        encoded = encode(
            negative_model(), ["a", "a a"], keyed, version=version, pooling="max", padding_in_max=padding_in_max
        )
        # The first token's output is the least negative, forwards; backwards it is the last token's.
        np.testing.assert_allclose(encoded, [[short, short], [one, one]], atol=1e-7)


def test_word_vectors_of_another_dimension_are_refused(model):
    with pytest.raises(InputError, match=r"word vectors of 5 numbers.*found 4"):
        encode(model, ["a"], keyed_vectors(["a"], np.ones((1, 4), np.float32)), version=1, pooling="max")


def test_sentences_without_any_vector_are_named(model):
    keyed = keyed_vectors(["a"], np.ones((1, DIMENSION), np.float32))
    with pytest.raises(InputError, match=r"found none for 2: 'boots', 'shoes'"):
        encode(model, ["a", "boots", "shoes"], keyed, version=1, pooling="max")


def test_random_weights_follow_the_seed_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first, second = (random_infersent(DIMENSION, 16, seed=7).state_dict() for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    other = random_infersent(DIMENSION, 16, seed=8).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not any(torch.equal(first[key], other[key]) for key in first)
    largest = max(weight.abs().max().item() for weight in first.values())
    assert 0.24 < largest <= 0.25  # ±1/√16


@pytest.mark.parametrize("name", ["infersent.pkl", "infersent.safetensors"])
def test_saved_weights_give_the_same_vectors(tmp_path, vectors, name):
    reference = torch.nn.LSTM(DIMENSION, HIDDEN, 1, bidirectional=True)
    state = {f"enc_lstm.{key}": weight.detach() for key, weight in reference.state_dict().items()}
    assert set(state) == set(random_infersent(1, 1, 0).state_dict())
    save = save_file if name.endswith("safetensors") else torch.save
    save(state, tmp_path / name)
    loaded = load_infersent(tmp_path / name)
    words = torch.from_numpy(np.stack([vectors[word] for word in ["<s>", "a", "b", "</s>"]]))
    expected = reference(words)[0].amax(dim=0).detach()
    encoded = encode(loaded, ["a b"], vectors, version=1, pooling="max")
    np.testing.assert_allclose(encoded[0], expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_weights_of_another_width_are_read_as_float32(tmp_path, vectors, model, dtype):
    torch.save({key: weight.to(dtype) for key, weight in model.state_dict().items()}, tmp_path / "weights.pkl")
    loaded = load_infersent(tmp_path / "weights.pkl")
    assert {weight.dtype for weight in loaded.state_dict().values()} == {torch.float32}
    np.testing.assert_allclose(
        encode(loaded, SENTENCES, vectors, version=1, pooling="max"),
        encode(model, SENTENCES, vectors, version=1, pooling="max"),
        atol=1e-3 if dtype == torch.float16 else 0,
    )


def test_a_file_in_torchs_old_format_is_read(tmp_path, model):
    torch.save(model.state_dict(), tmp_path / "old.pkl", _use_new_zipfile_serialization=False)
    assert load_infersent(tmp_path / "old.pkl").enc_lstm.hidden_size == HIDDEN


STATE = dict(random_infersent(DIMENSION, HIDDEN, seed=1).state_dict())
BIAS, RECURRENT = "enc_lstm.bias_hh_l0", "enc_lstm.weight_hh_l0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {("lstm" if key == BIAS else key): weight for key, weight in STATE.items()},
            f"Missing: {BIAS}; unknown: lstm",
        ),
        (STATE | {"enc_lstm.bias_hh_l1": STATE[BIAS]}, "Missing: none; unknown: enc_lstm.bias_hh_l1"),  # two layers
        (STATE | {BIAS: torch.zeros(3)}, f"do not fit the others: {BIAS} 3"),
        (STATE | {RECURRENT: torch.full((4 * HIDDEN, HIDDEN), torch.nan)}, f"not finite: {RECURRENT}"),
        ([1, 2], "expected a state dict, a mapping of names to tensors, found list"),
        (dict.fromkeys(STATE, 1), "found dict with other content"),
        (sigmoid, "expected a state dict of tensors, found a damaged or other file"),  # code
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "weights.pkl")
    with pytest.raises(InputError, match=message):
        load_infersent(tmp_path / "weights.pkl")


@pytest.mark.parametrize("name", ["damaged.pkl", "damaged.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_missing_and_damaged_files_are_refused(tmp_path, name, content):
    with pytest.raises(InputError, match="weights not found"):
        load_infersent(tmp_path / name)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="expected a state dict of tensors, found a damaged or other file"):
        load_infersent(tmp_path / name)


MARKS = ("<s>", "</s>", "<p>", "</p>")


@pytest.mark.parametrize(
    ("weights", "version", "source", "said"),
    [
        ("infersent1.pkl", 1, "glove.840B.300d.txt (GloVe text)", []),
        ("infersent2.pkl", 2, "crawl-300d-2M.vec (word2vec text)", []),
        ("own.safetensors", 1, "own.txt (word2vec text)", []),
        ("infersent1.pkl", 1, "crawl-300d-2M.vec (word2vec text)", ["trained with glove.840B.300d"]),
        ("infersent1.pkl", 1, "glove.6B.300d.txt (GloVe text)", ["of glove.6B.300d.txt"]),
        ("infersent2.pkl", 2, "own.txt (GloVe text)", ["trained with crawl-300d-2M"]),
        ("infersent1.pkl", 1, "own.bin (fastText binary)", ["of own.bin"]),
        ("infersent1.pkl", 1, "catalogue (trained on the catalogue, seed 1)", ["of catalogue"]),
        ("infersent2.pkl", 1, "glove.840B.300d.txt (GloVe text)", ["by its name version 2"]),
    ],
)
def test_vectors_of_another_version_are_doubted(weights, version, source, said):
    found = doubts(weights, version, source, MARKS)
    assert len(found) == len(said)
    assert all(text in doubt for text, doubt in zip(said, found, strict=True))


def test_marks_without_a_vector_are_said():
    (said,) = doubts("infersent2.pkl", 2, "crawl.vec (word2vec text)", ("<s>", "</s>", "</p>"))
    assert "<p> have no vector in crawl.vec" in said
    (said,) = doubts("own.pkl", 1, "own.txt (any)", ())
    assert "<s> and </s> have no vector" in said
