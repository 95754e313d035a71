"""The encoder of n-grams: its projection is scikit-learn's, and it survives a folder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import TruncatedSVD

from huse.encoders.families import load_encoder
from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.errors import InputError
from huse.text.ngrams import Ngrams, NgramSettings

COLOURS, THINGS = ("red", "blue", "matte", "crème"), ("lipstick", "dress", "sneakers", "кроссовки")
NAMES = [f"{colour} {thing} {size}" for colour in COLOURS for thing in THINGS for size in (12, 38)]
OTHERS = ["Red Dress", "unheard", "", "RED sneakers blue lipstick 38"]


def fitted(names: list[str] = NAMES, **changes: int) -> NgramsEncoder:
    return NgramsEncoder.fit(names, NgramVectorSettings(**{"dimension": 5, **changes}), seed=1)


def test_vectors_are_those_of_a_truncated_svd() -> None:
    ngrams = Ngrams.fit(NAMES, NgramSettings())
    svd = TruncatedSVD(5, algorithm="arpack", random_state=1).fit(ngrams.weigh(NAMES).rows())
    expected = svd.transform(ngrams.weigh([*NAMES, *OTHERS]).rows())
    found = fitted().encode([*NAMES, *OTHERS])
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    signs = np.sign((found * expected).sum(axis=0))  # of a direction, its opposite is as good
    np.testing.assert_allclose(found * signs, expected, atol=2e-3)  # float16 has three digits
    assert not found[-2].any(), "nothing is known of a name without words"


def test_the_same_seed_gives_the_same_bytes_and_a_folder_keeps_them(tmp_path: Path) -> None:
    encoder = fitted()
    np.testing.assert_array_equal(encoder.projection, fitted().projection)
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    assert loaded.config == encoder.config == json.loads(json.dumps(encoder.config))
    np.testing.assert_array_equal(loaded.encode([*NAMES, *OTHERS]), encoder.encode([*NAMES, *OTHERS]))


def test_a_name_has_one_vector_whatever_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, names = fitted(), [*NAMES, *OTHERS]
    whole = encoder.encode(names)
    monkeypatch.setattr("huse.encoders.ngrams.BLOCK", 3)
    np.testing.assert_array_equal(encoder.encode(names), whole)
    np.testing.assert_array_equal(np.concatenate([encoder.encode([name]) for name in names]), whole)


def test_the_number_of_threads_changes_no_byte() -> None:
    encoder, names = fitted(), [*NAMES, *OTHERS] * 50
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(encoder.encode(names))
    torch.set_num_threads(before)
    np.testing.assert_array_equal(found[1:], [found[0]] * 2)


def test_pictures_that_share_a_name_count_once() -> None:
    np.testing.assert_array_equal(fitted([*NAMES, *NAMES[:7]]).projection, fitted().projection)


def test_at_most_so_many_names_are_fitted_on_from_first_to_last() -> None:
    few = fitted(fitted_on=2)
    assert few.ngrams.words.names == 2
    assert set(few.ngrams.words.terms) <= {*NAMES[0].split(), *NAMES[-1].split()}


@pytest.mark.parametrize(("names", "dimension"), [(NAMES, 21), (NAMES[:3], 3), ([], 1)])
def test_there_are_at_most_as_many_values_as_the_rank(names: list[str], dimension: int) -> None:
    encoder = fitted(names, dimension=100)
    assert encoder.dimension == dimension
    assert encoder.encode(["red"]).shape == (1, dimension)


@pytest.mark.parametrize("lost", ["config.json", "words.parquet", "characters.parquet", "projection.npy"])
def test_a_damaged_folder_is_named(tmp_path: Path, lost: str) -> None:
    fitted().save(tmp_path)
    (tmp_path / lost).write_bytes(b"{}")
    with pytest.raises(InputError, match=str(tmp_path)):
        NgramsEncoder.load(tmp_path)
