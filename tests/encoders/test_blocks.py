"""Encoders side by side."""

from pathlib import Path

import numpy as np
import pytest

from huse.encoders.blocks import BlocksEncoder
from huse.encoders.families import load_encoder
from huse.encoders.names import TextVectorSettings, join_encoders
from huse.encoders.ngrams import NgramsEncoder, NgramVectorSettings
from huse.encoders.scales import block_scale
from huse.errors import InputError

NAMES = ["red dress", "red shoe", "blue shoe", "blue dress hat"]


def ngrams(**settings: int) -> NgramsEncoder:
    return NgramsEncoder.fit(NAMES, NgramVectorSettings(min_names=1, **settings), seed=1)


def joined() -> tuple[BlocksEncoder, dict[str, NgramsEncoder]]:
    parts = {"words": ngrams(characters=0), "pieces": ngrams(words=0, dimension=3)}
    encoder = join_encoders(parts, NAMES[:3])
    assert isinstance(encoder, BlocksEncoder)
    return encoder, parts


def test_every_block_varies_alike_over_the_training_names() -> None:
    encoder, parts = joined()
    vectors = encoder.encode(NAMES)
    assert vectors.shape == (4, encoder.dimension) == (4, 4 + 3)
    for block, part in zip(np.split(vectors, [4], axis=1), parts.values(), strict=True):
        assert block[:3].var(axis=0).sum() == pytest.approx(1, abs=1e-5)
        proportion = block / np.where(part.encode(NAMES) == 0, np.nan, part.encode(NAMES))
        np.testing.assert_allclose(proportion[~np.isnan(proportion)], proportion[~np.isnan(proportion)][0], rtol=1e-5)


def test_some_names_from_first_to_last_give_the_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huse.encoders.names.SCALED_BY", 2)
    encoder = join_encoders({"a": ngrams(), "b": ngrams()}, NAMES)
    assert isinstance(encoder, BlocksEncoder)
    assert encoder.scales["a"] == block_scale(ngrams().encode([NAMES[0], NAMES[-1]]))


def test_the_scale_by_hand() -> None:
    """The variance of 0 and 2 is 1, of 0 and 4 it is 4, of equal values 0."""
    assert block_scale(np.array([[0, 0], [2, 0]], np.float32)) == 1
    assert block_scale(np.array([[0, 1], [4, 5]], np.float32)) == pytest.approx(np.sqrt(8))
    assert block_scale(np.ones((3, 2), np.float32)) == 1
    assert block_scale(np.ones((0, 2), np.float32)) == 1


def test_a_folder_keeps_all_blocks(tmp_path: Path) -> None:
    encoder, _ = joined()
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    assert loaded.config == encoder.config
    np.testing.assert_array_equal(loaded.encode([*NAMES, "green"]), encoder.encode([*NAMES, "green"]))


@pytest.mark.parametrize("scales", ["[1]", '{"words": 0.0}', '{"words": "a"}'])
def test_a_damaged_folder_is_named(tmp_path: Path, scales: str) -> None:
    (tmp_path / "config.json").write_text(f'{{"family": "blocks", "scales": {scales}}}')
    with pytest.raises(InputError, match="expected a scale above 0 for each block"):
        load_encoder(tmp_path)


def test_one_encoder_stays_as_it_is() -> None:
    one = ngrams()
    assert join_encoders({"ngrams": one}, NAMES) is one


@pytest.mark.parametrize(("encoders", "message"), [(["words", "words"], "each encoder once"), ([], "at least 1 item")])
def test_encoders_are_named_once(encoders: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextVectorSettings(encoders=encoders)  # type: ignore[arg-type]
