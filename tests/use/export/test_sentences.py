"""Models of sentences as ONNX, and as folders of sentence-transformers."""

import json

import numpy as np
import pytest
import torch

import huse
from huse.encoders.families import load_encoder
from huse.encoders.onnx_texts import OnnxTextsEncoder
from huse.encoders.text_reading import SentenceReading
from huse.encoders.transformer import SentencesEncoder
from huse.errors import InputError
from huse.text.cleaning import Cleaning
from huse.text.salience import Salience
from huse.text.tfidf import fit_tfidf
from huse.use.export.onnx_model import export_onnx
from huse.use.export.parts import export_encoder
from huse.use.export.sentence_folder import export_sentence_transformers
from tests.encoders.models import make_model, needs_library
from tests.use.export.made import NAMES, needs_export, ngrams, saved_model, write_pictures
from tests.use.test_families import pictures_of
from tests.vision.pairs import KINDS, make_pair

pytestmark = needs_library
TEXTS = ["red shoe", "blue dress", "", "velvet lipstick the of", "女 士 - 9 " * 9, "shoe " * 40]
SALIENCE = Salience(fit_tfidf(["red shoe", "blue dress shoe"]), Cleaning())


def encoder(folder, kind):
    if kind == "own prompt":
        return SentencesEncoder.of(make_model(folder, prompts={"q": "query: "}, default="q"), SentenceReading())
    if kind == "tfidf":
        return SentencesEncoder.of(make_model(folder), SentenceReading(prompt="query: "), SALIENCE)
    if kind == "short, not of unit norm":
        reading = SentenceReading(max_length=8, normalise=False, prompt="red ", batch_size=2)
        return SentencesEncoder.of(make_model(folder, normalise=False), reading)
    make_pair(kind, folder)
    return SentencesEncoder.of(folder, SentenceReading())


PAIRS = [kind.values[0] for kind in KINDS if kind.values[0] != "open_clip"]


@needs_export
@pytest.mark.parametrize(
    "kind",
    ["own prompt", "tfidf", "short, not of unit norm", *(pytest.param(kind, marks=pytest.mark.slow) for kind in PAIRS)],
)
def test_a_graph_reads_texts_as_its_model_does(tmp_path, caplog, kind):
    source = encoder(tmp_path / "model", kind)
    for name in ("made", "saved"):
        (tmp_path / name).mkdir()
    made = export_encoder(source, tmp_path / "made")
    assert isinstance(made, OnnxTextsEncoder)
    made.save(tmp_path / "saved")
    loaded = load_encoder(tmp_path / "saved")
    assert loaded.config == made.config
    expected = source.encode(TEXTS)
    said = [record.message for record in caplog.records if "cut off" in record.message]
    caplog.clear()
    np.testing.assert_allclose(loaded.encode(TEXTS), expected, atol=1e-5)
    assert said and said == [record.message for record in caplog.records if "cut off" in record.message]
    np.testing.assert_array_equal(loaded.encode(TEXTS[::-1]), loaded.encode(TEXTS)[::-1])
    assert not loaded.encode([""]).any()


def trained(tmp_path, texts, **network):
    """A model whose text tower standardises its input, as one that was trained."""
    write_pictures(tmp_path)
    model = saved_model(pictures_of("torchvision", tmp_path)["1"], texts, tmp_path / "model", **network)
    tower = model.network.tower("text")
    tower.fit_scaler([torch.randn(50, texts.dimension) * 3 + torch.arange(texts.dimension)])
    if model.network.class_means is not None:
        model.network.class_means.normal_()
    return model


@needs_export
def test_a_model_of_sentences_is_exported_whole(tmp_path):
    model = trained(tmp_path, encoder(tmp_path / "bert", "own prompt"))
    (tmp_path / "exported").mkdir()
    assert export_onnx(model, tmp_path / "exported").parity["text"].embeddings < 1e-5
    exported = huse.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.encode_texts(NAMES), model.encode_texts(NAMES), atol=1e-5)


@pytest.mark.parametrize("network", [{"text_layers": 1}, {"text_layers": 3}, {"text_layers": 2, "relu_last": True}])
@pytest.mark.parametrize("kind", ["own prompt", "short, not of unit norm"])
def test_sentence_transformers_gives_the_embeddings_of_the_model(tmp_path, network, kind):
    from sentence_transformers import SentenceTransformer

    model = trained(tmp_path, encoder(tmp_path / "bert", kind), **network)
    (tmp_path / "out").mkdir()
    parity = export_sentence_transformers(model, tmp_path / "out")
    assert parity.embeddings < 1e-5 and parity.inputs > 5
    found = SentenceTransformer(str(tmp_path / "out"), device="cpu").encode([*NAMES, *TEXTS[3:]])
    np.testing.assert_allclose(found, model.encode_texts([*NAMES, *TEXTS[3:]]), atol=1e-5)
    assert json.loads((tmp_path / "out/huse.json").read_text())["export"]["source"] == model.fingerprint


def test_what_its_modules_cannot_express_is_said(tmp_path):
    (tmp_path / "out").mkdir()
    for number, (texts, network, said) in enumerate(
        (
            (ngrams(), {}, "names are read by ngrams, which sentence-transformers has no module for"),
            (encoder(tmp_path / "tfidf", "tfidf"), {}, "pooling: tfidf weighs tokens"),
            (encoder(tmp_path / "bert", "own prompt"), {"class_pull": 0.5}, r"train.class_pull moves embeddings"),
        )
    ):
        (tmp_path / str(number)).mkdir()
        model = trained(tmp_path / str(number), texts, **network)
        with pytest.raises(InputError, match=said):
            export_sentence_transformers(model, tmp_path / "out")
    assert not any((tmp_path / "out").iterdir())
