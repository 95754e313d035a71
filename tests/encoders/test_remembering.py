"""Vectors of texts that are kept: what they depend on, and what is computed again."""

import numpy as np
import pytest

from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.remembering import RememberingEncoder, remembering
from huse.encoders.text_reading import SentenceReading
from huse.encoders.transformer import SentencesEncoder, SentenceSettings, open_sentences
from huse.text.tfidf import fit_tfidf
from huse.vision.cache import VectorCache
from tests.encoders.models import make_model, needs_library
from tests.engine.elsewhere import elsewhere
from tests.vision.pairs import make_pair, needs_transformers

pytestmark = needs_library
WORDS = ["red", "shoe", "blue", "dress", "the", "of", "velvety", "lipstick"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("models") / "model", positions=64)


@pytest.fixture
def opened(folder):
    def of(tfidf=None, **settings):
        return open_sentences(SentenceSettings(model=str(folder), batch_size=4, **settings), tfidf=tfidf)

    return of


def texts_of(count, seed=0):
    """Different texts of 1 to 40 words."""
    rng = np.random.default_rng(seed)
    made = [" ".join(rng.choice(WORDS, rng.integers(1, 40))) for _ in range(3 * count)]
    return list(dict.fromkeys(made))[:count]


@pytest.fixture
def computed(monkeypatch):
    """The texts that went through a network, batch by batch."""
    batches, vectors = [], SentencesEncoder._vectors

    def counted(self, batch, length=0):
        batches.append(list(batch))
        return vectors(self, batch, length)

    monkeypatch.setattr(SentencesEncoder, "_vectors", counted)
    return batches


@pytest.mark.parametrize("pooling", ["model", "tfidf"])
def test_a_vector_does_not_depend_on_the_other_texts(opened, tmp_path, pooling):
    tfidf = fit_tfidf(["red shoe", "blue dress"]) if pooling == "tfidf" else None
    encoder, texts = opened(tfidf, pooling=pooling), texts_of(30)
    together = RememberingEncoder(encoder, VectorCache(tmp_path / "together")).encode(texts)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1)
    np.testing.assert_allclose(together, encoder.encode(texts), atol=1e-6)
    for number in (0, 7, 29):
        alone = RememberingEncoder(encoder, VectorCache(tmp_path / f"{number}")).encode([texts[number]])
        assert alone.tobytes() == together[number].tobytes()
    shuffled = np.random.default_rng(1).permutation(30)
    others = RememberingEncoder(encoder, VectorCache(tmp_path / "shuffled")).encode([texts[n] for n in shuffled])
    assert others.tobytes() == together[shuffled].tobytes()


@pytest.mark.parametrize("pooling", ["model", "tfidf"])
def test_batches_that_are_done_elsewhere_give_the_same_bytes(opened, tmp_path, pooling):
    tfidf = fit_tfidf(["red shoe", "blue dress"]) if pooling == "tfidf" else None
    encoder, texts = opened(tfidf, pooling=pooling), [*texts_of(30), ""]
    expected = remembering(encoder, VectorCache(tmp_path / "here")).encode(texts)
    kept = VectorCache(tmp_path / "elsewhere")
    assert remembering(encoder, kept, elsewhere).encode(texts).tobytes() == expected.tobytes()
    nobody = remembering(encoder, kept, lambda work, batches: iter(batches))  # all are in the cache
    assert nobody.encode(texts).tobytes() == expected.tobytes()


def test_new_texts_alone_are_computed(opened, tmp_path, computed):
    encoder, texts = remembering(opened(), VectorCache(tmp_path / "kept")), texts_of(31)
    before = encoder.encode(texts[:30])
    computed.clear()
    after = encoder.encode([*texts, texts[3], ""])
    assert computed == [[texts[30]] * 4]  # filled up
    assert after[:30].tobytes() == before.tobytes() and after[31].tobytes() == before[3].tobytes()
    assert not after[32].any()
    fresh = remembering(opened(), VectorCache(tmp_path / "fresh")).encode(texts)
    assert fresh.tobytes() == after[:31].tobytes()


def test_what_a_killed_run_has_computed_is_kept(opened, tmp_path, computed, monkeypatch):
    encoder, texts = remembering(opened(), VectorCache(tmp_path / "kept")), texts_of(40)
    computed.clear()
    counted = SentencesEncoder._vectors

    def killed(self, batch, length=0):
        if len(computed) == 3:
            raise KeyboardInterrupt
        return counted(self, batch, length)

    monkeypatch.setattr(SentencesEncoder, "_vectors", killed)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode(texts)
    done = {text for batch in computed for text in batch}
    monkeypatch.setattr(SentencesEncoder, "_vectors", counted)
    computed.clear()
    encoder.encode(texts)
    assert len(done) > 5 and not done & {text for batch in computed for text in batch}


@pytest.mark.parametrize("change", [{"prompt": "query: "}, {"normalise": False}, {"max_length": 8}, {"tfidf": True}])
def test_another_way_of_reading_takes_no_vector_of_the_first(opened, tmp_path, computed, change):
    cache, texts = VectorCache(tmp_path / "kept"), texts_of(5)
    remembering(opened(), cache).encode(texts)
    tfidf = fit_tfidf(["red shoe", "dress"]) if change.pop("tfidf", None) else None
    other = opened(tfidf, **change, **({"pooling": "tfidf"} if tfidf else {}))
    computed.clear()
    remembering(other, cache).encode(texts)
    assert {text for batch in computed for text in batch} == set(texts)
    if tfidf is not None:  # other weights of the same kind
        computed.clear()
        remembering(opened(fit_tfidf(["red shoe", "red dress"]), pooling="tfidf"), cache).encode(texts)
        assert computed


def test_what_is_saved_is_the_encoder_itself(opened, tmp_path):
    encoder = remembering(opened(), VectorCache(tmp_path / "kept"))
    (tmp_path / "saved").mkdir()
    encoder.save(tmp_path / "saved")
    loaded = SentencesEncoder.load(tmp_path / "saved")
    assert loaded.config == encoder.config and loaded.fingerprint == encoder.fingerprint
    np.testing.assert_allclose(loaded.encode(["red shoe"]), encoder.encode(["red shoe"]), atol=1e-6)


def test_encoders_without_a_network_stay_as_they_are(tmp_path):
    words = object()
    assert remembering(words, VectorCache(tmp_path / "kept")) is words


@needs_transformers
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_texts_of_a_pair_do_not_depend_on_the_longest(tmp_path, kind):
    encoder = open_pair_texts([make_pair(kind, tmp_path / "pair")], SentenceReading(), tmp_path, by="")
    texts = ["shoe", "a red shoe of a blue dress"]
    both = encoder.encode(texts)
    np.testing.assert_allclose(both[:1], encoder.encode(texts[:1]), atol=1e-6)
    kept = remembering(encoder, VectorCache(tmp_path / "kept"))
    np.testing.assert_allclose(kept.encode(texts), both, atol=1e-6)
    far = remembering(encoder, VectorCache(tmp_path / "far"), elsewhere)
    assert far.encode(texts).tobytes() == kept.encode(texts).tobytes()
    fresh = remembering(encoder, VectorCache(tmp_path / "fresh"))
    assert kept.encode(texts).tobytes() == np.concatenate([fresh.encode([text]) for text in texts]).tobytes()
