"""What `test_outcomes` is to training, for every other section: a parameter is changed, a stage run, its output seen.

`ELSEWHERE` names the tests that do so for the settings that have none here.
"""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.torch import save_file

import stages.catalogue
import stages.finetune_backbone
import stages.image_vectors
from huse.encoders import picture_vectors
from huse.encoders.families import load_encoder
from huse.encoders.network import NetworkEncoder
from huse.encoders.pair_texts import open_pair_texts
from huse.encoders.picture_input import Encoding
from huse.encoders.pictures import load_pictures
from huse.encoders.remembering import remembering
from huse.encoders.text_reading import SentenceReading
from huse.encoders.transformer import SentenceSettings, open_sentences
from huse.engine.devices import resolve_device
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.nesting import flatten, nest
from huse.run import paths
from huse.run.params.all import sections
from huse.run.params.editing import set_values
from huse.run.word_store import read_word_vectors
from huse.text.cleaning import Cleaning
from huse.text.infersent import encode, random_infersent
from huse.text.tfidf import fit_tfidf
from huse.text.word_vectors import mean_word_vectors
from huse.vision import preparing
from huse.vision.cache import VectorCache
from stages import label_graph, preprocess_text, text_vectors, word_vectors
from tests.conftest import ROOT
from tests.encoders.models import make_model, needs_library
from tests.pipeline.test_wrong_input import configure  # noqa: F401  a fixture
from tests.run.test_outcomes import AUGMENTED, FINETUNE, TRAIN, gives, of, once  # noqa: F401  once is a fixture
from tests.text.test_stages import NAMES, catalogue, vectors_of  # noqa: F401  fixtures
from tests.vision.pairs import make_pair

ELSEWHERE = {
    "machine.device": "tests/pipeline/test_wrong_input.py::test_a_gpu_that_is_not_there",
    "machine.engine": "tests/engine/test_on_ray.py::test_stages_write_the_same_bytes_on_either_engine",
    "machine.address": "tests/engine/test_on_ray.py::test_nothing_is_lost_or_done_twice_when_a_process_and_a_machine",
    "machine.processes": "tests/pipeline/test_processes.py::test_processes_share_the_work_and_change_no_byte",
    "sample_catalogue.pictures": "tests/sample/test_sample.py::test_stage_writes_every_picture_of_its_csv",
    "sample_catalogue.size": "tests/sample/test_sample.py::test_stage_writes_every_picture_of_its_csv",
    "catalogue.csv": "tests/pipeline/test_repro.py::test_the_order_in_which_files_are_listed_changes_no_metric",
    "catalogue.images": "tests/pipeline/test_repro.py::test_the_order_in_which_files_are_listed_changes_no_metric",
    "catalogue.unseen_classes": "tests/pipeline/test_unseen.py::test_nothing_is_learned_from_products_of_unseen",
    "catalogue.missing": "tests/catalogue/test_stage.py::test_texts_and_spellings_are_mended_and_listed",
    "catalogue.max_rejected": "tests/catalogue/test_checking.py::test_repaired_pictures_do_not_count_towards_the_limit",
    "catalogue.columns.product": "tests/catalogue/test_stage.py::test_a_column_of_product_ids_is_the_product",
    "catalogue.several_classes": "tests/catalogue/test_stage.py::test_a_picture_and_name_under_several_classes",
    "catalogue.max_megapixels": "tests/pipeline/test_wrong_input.py::test_every_bad_row_is_left_out_with_its_reason",
    "backbone.weights": "tests/pipeline/test_wrong_input.py::test_networks_and_weights_that_do_not_fit",
    "preprocess_text.max_emptied": "tests/text/test_stages.py::test_more_emptied_names_than_allowed_stop_the_run",
    "image_vectors.views": "tests/pipeline/test_wrong_input.py::test_views_are_of_the_training_pictures_alone",
    "word_vectors.source": "tests/text/test_stages.py::test_a_given_file_is_cut_to_the_words_in_need",
    "word_vectors.oov": "tests/text/test_stages.py::test_hashed_words_give_every_name_a_vector",
    **dict.fromkeys(
        (f"text_vectors.given.{setting}" for setting in ("file", "names", "max_missing")),
        "tests/run/test_data_outcomes.py::test_given_vectors_are_those_of_the_file_by_its_names",
    ),
    **dict.fromkeys(
        (f"backbone.given.{setting}" for setting in ("column", "max_missing")),
        "tests/run/test_data_outcomes.py::test_given_vectors_of_pictures_are_those_of_the_file_by_its_keys",
    ),
    "backbone.given.by": "tests/run/test_data_outcomes.py::test_given_vectors_of_pictures_may_be_those_of_their",
    **dict.fromkeys(
        (f"label_graph.given.{setting}" for setting in ("file", "names")),
        "tests/run/test_data_outcomes.py::test_given_vectors_of_classes_make_the_graph",
    ),
    "text_vectors.sentences.download": "tests/encoders/test_transformer.py::test_a_model_is_found_by_folder_then",
    "label_graph.sentences.download": "tests/encoders/test_transformer.py::test_a_model_is_found_by_folder_then",
    "label_graph.zero_shot": "tests/run/test_data_outcomes.py::test_the_sentence_of_zero_shot_is_read_by_the_pair",
    "label_graph.scheme": "tests/text/test_stages.py::test_every_scheme_text_and_source_of_the_graph",
    **dict.fromkeys(
        ("text_vectors.start", "train.start"),
        "tests/pipeline/test_growing.py::test_the_next_run_goes_on_from_the_model",
    ),
    "evaluate.resamples": "tests/evaluation/test_stage.py::test_intervals_can_be_left_out",
    "evaluate.queries": "tests/evaluation/test_stage.py::test_a_sample_of_queries_is_ranked",
    "evaluate.baselines": "tests/evaluation/test_stage.py::test_baselines_can_be_left_out",
    "evaluate.tree": "tests/pipeline/test_unseen.py::test_nothing_is_learned_from_products_of_unseen",
}

CLASSES = ["bags<T-Shirt", "shoes<Crème", "shoes<pumps", "bags<WOOL tote"]
HELD = "the of <s> </s> <p> </p> red shoes boots bags tote Leather pumps wool Canvas t shirt creme don n't n 't"


@pytest.fixture
def run_text(here, vectors_of, once):  # noqa: F811
    """Run the stages of the text branch on word vectors of a file, and return what they wrote."""
    vectors_of(HELD)
    (here / paths.CLASSES).write_text(json.dumps({"classes": CLASSES, "counts": {}}), encoding="utf-8")
    save_file(random_infersent(6, 4, 5).state_dict(), here / "own.safetensors")

    def run(**changes):
        set_values(here / paths.PARAMS, nest({"text_vectors.encoders": ["words"], **changes}))
        for stage in (preprocess_text, word_vectors, text_vectors, label_graph):
            stage.main(here)
        encoder = load_encoder(here / paths.TEXT_ENCODER)
        return SimpleNamespace(
            clean=pd.read_parquet(here / paths.NAMES)["clean"].tolist(),
            steps=dict(pd.read_parquet(here / paths.WORDS)[["word", "step"]].to_numpy().tolist()),
            words=read_word_vectors(here / paths.WORD_VECTORS, here / paths.WORDS),
            kept=set(pd.read_parquet(here / paths.VOCABULARY_WORDS)["word"]),
            encoder=encoder.config,
            ngrams=getattr(encoder, "ngrams", None),
            weights=json.loads((here / paths.LABELS).read_text())["weights"],
            names=np.load(here / paths.TEXT_VECTORS),
            sentences=json.loads((here / paths.LABELS).read_text()).get("sentences"),
            own_weights=fingerprint_file(here / "own.safetensors"),
            vectors=np.load(here / paths.LABEL_VECTORS),
        )

    return once(run)


def found_by(word, name, step):
    """The word is found by the step of this name, and by another or not at all where that is off."""

    def seen(usual, changed):
        assert (usual.steps[word], changed.steps.get(word)) == (name, step)
        assert set(usual.encoder["spellings"]) - set(changed.encoder["spellings"]) == {name}

    return seen


def leaves():
    return [path.split("<")[-1] for path in CLASSES]


def is_mean(usual, changed):
    np.testing.assert_array_equal(changed.vectors, mean_word_vectors(leaves(), changed.words, 1))
    assert usual.vectors.shape == (4, 16)


def is_text(text):
    """The vectors are of these texts of the class paths; the usual ones are the means of their levels' vectors."""

    def seen(usual, changed):
        texts = [text(path.split("<")) for path in CLASSES]
        np.testing.assert_array_equal(changed.vectors, mean_word_vectors(texts, changed.words, 1))
        levels = [mean_word_vectors(path.split("<"), usual.words, 1).mean(axis=0) for path in CLASSES]
        np.testing.assert_array_equal(usual.vectors, np.stack(levels))

    return seen


def is_infersent(**reading):
    """The vectors are those that InferSent makes so, and the usual ones are others."""

    def seen(usual, changed):
        how = {"version": 1, "pooling": "max", "padding_in_max": False, "hidden": 8, "seed": 13} | reading
        model = random_infersent(6, how.pop("hidden"), how.pop("seed"))
        np.testing.assert_allclose(changed.vectors, encode(model, leaves(), changed.words, **how), atol=1e-5)
        same_shape = usual.vectors.shape == changed.vectors.shape
        assert not (same_shape and np.allclose(usual.vectors, changed.vectors, atol=1e-4))
        assert changed.weights["kind"] == (changed.own_weights if "seed" in reading else "random")

    return seen


FOLDED = gives(lambda run: (run.clean[3], run.encoder["fold_accents"]), ("chloe boots", True), ("chloé boots", False))
LETTERS = gives(lambda run: (run.clean[3], run.encoder["letters"]), ("chloé boots", "unicode"), ("chlo boots", "ascii"))
DIGITS = gives(lambda run: (run.clean[4], run.encoder["digits"]), ("", "drop"), ("100", "keep"))
KEPT = gives(lambda run: run.kept & {"the", "red", "pumps"}, {"the", "red", "pumps"}, {"red", "pumps"})
LEAF = {"label_graph__label_text": "leaf"}
NGRAMS = {"text_vectors__encoders": ["ngrams"], "text_vectors__ngrams__min_names": 1}
FAMILIES = gives(lambda run: run.encoder["family"], "words", "ngrams")
RUNS = gives(lambda run: max(term.count(" ") for term in run.ngrams.words.terms), 1, 2)
PIECES = gives(lambda run: max(map(len, run.ngrams.characters.terms)), 5, 3)
RARE = gives(lambda run: int(run.ngrams.characters.document_frequency.min()), 2, 1)
TEXT = {
    "preprocess_text.letters": of("ascii", LETTERS, preprocess_text__fold_accents=False),
    "preprocess_text.digits": of("keep", DIGITS),
    "preprocess_text.fold_accents": of(False, FOLDED),
    "word_vectors.dimension": of(7, gives(lambda run: run.words.vector_size, 6, 7), word_vectors__source="catalogue"),
    "word_vectors.vocabulary": of(0, KEPT),
    "word_vectors.spellings.as_written": of(False, found_by("pumps", "as_written", "lower")),
    "word_vectors.spellings.lower": of(False, found_by("WOOL", "lower", None)),
    "word_vectors.spellings.capitalised": of(False, found_by("leather", "capitalised", None)),
    "word_vectors.spellings.hyphens": of(False, found_by("T-Shirt", "hyphens", None)),
    "word_vectors.spellings.accents": of(False, found_by("Crème", "accents", None)),
    "text_vectors.encoders": of(["ngrams"], FAMILIES),
    "text_vectors.ngrams.words": of(3, RUNS, **NGRAMS),
    "text_vectors.ngrams.characters": of(3, PIECES, **NGRAMS),
    "text_vectors.ngrams.min_names": of(1, RARE, text_vectors__encoders=["ngrams"]),
    "text_vectors.ngrams.dimension": of(2, gives(lambda run: run.encoder["dimension"], 6, 2), **NGRAMS),
    "text_vectors.ngrams.fitted_on": of(2, gives(lambda run: run.ngrams.words.names, 6, 2), **NGRAMS),
    "label_graph.encoder": of("word_vectors", is_mean, **LEAF),
    "label_graph.label_text": of("path", is_text(" ".join), label_graph__encoder="word_vectors"),
    "label_graph.weights": of("own.safetensors", is_infersent(hidden=4, seed=5), **LEAF),
    "label_graph.infersent.version": of(2, is_infersent(version=2), **LEAF),
    "label_graph.infersent.pooling": of("mean", is_infersent(pooling="mean"), **LEAF),
    "label_graph.infersent.padding_in_max": of(True, is_infersent(padding_in_max=True), **LEAF),
    "label_graph.infersent.hidden": of(4, is_infersent(hidden=4), **LEAF),
}


@pytest.mark.parametrize("name", TEXT)
def test_a_setting_of_names_words_and_labels_does_what_it_says(run_text, name):
    value, seen, usually = TEXT[name]
    seen(run_text(**usually), run_text(**usually, **{name: value}))


SENTENCES = {
    **{f"{section}.sentences.model": "other" for section in ("label_graph", "text_vectors")},
    **{f"{section}.sentences.prompt": "query: " for section in ("label_graph", "text_vectors")},
    **{f"{section}.sentences.normalise": False for section in ("label_graph", "text_vectors")},
    **{f"{section}.sentences.max_length": 3 for section in ("label_graph", "text_vectors")},
    **{f"{section}.sentences.batch_size": 1 for section in ("label_graph", "text_vectors")},
    "text_vectors.sentences.pooling": "tfidf",
}


@needs_library
@pytest.mark.parametrize("name", SENTENCES)
def test_a_setting_of_a_model_of_sentences_does_what_it_says(here, run_text, name):
    make_model(here / "model", normalise=False)
    make_model(here / "other", seed=1)
    usually = {"label_graph.encoder": "sentences", "label_graph.label_text": "leaf"}
    usually |= {"text_vectors.encoders": ["sentences"]}
    usually |= {f"{section}.sentences.model": "model" for section in ("label_graph", "text_vectors")}
    usual, changed = run_text(**usually), run_text(**(usually | {name: SENTENCES[name]}))
    settings = SentenceSettings(**{"model": "model", name.split(".")[-1]: SENTENCES[name]})
    encoder = open_sentences(settings, here.root, fit_tfidf(usual.clean[:18]), Cleaning())
    if name.startswith("label_graph"):
        before, after, texts = usual.vectors, changed.vectors, leaves()
        assert usual.sentences != changed.sentences
    else:
        before, after, texts = usual.names, changed.names, NAMES * 4
        assert usual.encoder != changed.encoder == encoder.config
        encoder = remembering(encoder, VectorCache(here / "kept"))
    np.testing.assert_array_equal(after, encoder.encode(texts))
    assert np.allclose(before, after, atol=1e-6) == name.endswith("batch_size")


READING = {"prompt": "query: ", "normalise": False, "max_length": 4, "batch_size": 1}
PAIRS = {f"{section}.pair.{name}": READING[name] for section in ("text_vectors", "label_graph") for name in READING}


@needs_library
@pytest.mark.parametrize("name", PAIRS)
def test_a_setting_of_a_pairs_texts_does_what_it_says(here, run_text, name):
    network = make_pair("clip", here / "pair")
    usually = {"backbone.network": network, "backbone.weights": None, "label_graph.label_text": "leaf"}
    usually |= {"text_vectors.encoders": ["pair"], "label_graph.encoder": "pair"}
    usual, changed = run_text(**usually), run_text(**usually, **{name: PAIRS[name]})
    reading = SentenceReading(**{name.rpartition(".")[2]: PAIRS[name]})
    encoder = open_pair_texts([network], reading, here.root, by="")
    if name.startswith("label_graph"):
        before, after, texts = usual.vectors, changed.vectors, leaves()
    else:
        before, after, texts = usual.names, changed.names, NAMES * 4
        encoder = remembering(encoder, VectorCache(here / "kept"))
    np.testing.assert_array_equal(after, encoder.encode(texts))
    assert np.allclose(before, after, atol=1e-6) == name.endswith("batch_size")


@needs_library
def test_the_sentence_of_zero_shot_is_read_by_the_pair(here, run_text):
    network = make_pair("clip", here / "pair")
    usually = {"backbone.network": network, "backbone.weights": None}
    run_text(**usually)
    before = np.load(here / paths.ZERO_SHOT)
    run_text(**usually, **{"label_graph.zero_shot": "old {leaf}"})
    after = np.load(here / paths.ZERO_SHOT)
    encoder = open_pair_texts([network], SentenceReading(), here.root, by="")
    np.testing.assert_array_equal(before, encoder.encode([f"a photo of {path.replace('<', ' ')}" for path in CLASSES]))
    np.testing.assert_array_equal(after, encoder.encode([f"old {leaf}" for leaf in leaves()]))


def test_given_vectors_are_those_of_the_file_by_its_names(here, run_text):
    given = pd.DataFrame({"name": NAMES[:4], "other": NAMES[3::-1], "v": [1.0, 2, 3, 4]})
    given.to_parquet(here / "one.parquet")
    usually = {"text_vectors.encoders": ["given"], "text_vectors.given.file": "one.parquet"}
    with pytest.raises(InputError, match=r"2 of 6 different names have no vector .*max_missing = 5%"):
        run_text(**usually)
    usual = run_text(**usually, **{"text_vectors.given.max_missing": 0.5})
    assert usual.names[:6, 0].tolist() == [1, 2, 3, 4, 0, 0]
    changed = run_text(**usually, **{"text_vectors.given.max_missing": 0.5, "text_vectors.given.names": "other"})
    assert changed.names[:6, 0].tolist() == [4, 3, 2, 1, 0, 0]
    given.assign(v=7.0).to_parquet(here / "two.parquet")
    changed = run_text(**usually | {"text_vectors.given.max_missing": 0.5, "text_vectors.given.file": "two.parquet"})
    assert changed.names[:6, 0].tolist() == [7, 7, 7, 7, 0, 0]


def test_given_vectors_of_classes_make_the_graph(here, run_text):
    given = pd.DataFrame({"classes": CLASSES, "other": CLASSES[::-1], "v": [1.0, 2, 3, 4], "w": [4.0, 3, 2, 2]})
    given.to_parquet(here / "one.parquet")
    usually = {"label_graph.encoder": "given", "label_graph.given.file": "one.parquet"}
    usual, changed = run_text(**usually), run_text(**usually, **{"label_graph.given.names": "other"})
    labels = json.loads((here / paths.LABELS).read_text(encoding="utf-8"))
    assert labels["encoder"] == "given (one.parquet)"
    row = {path: place for place, path in enumerate(CLASSES)}
    expected = given[["v", "w"]].to_numpy()[[row[path] for path in labels["labels"]]]
    np.testing.assert_allclose(usual.vectors, expected)
    np.testing.assert_allclose(
        changed.vectors, given[["v", "w"]].to_numpy()[[3 - row[path] for path in labels["labels"]]]
    )
    given[:3].to_parquet(here / "two.parquet")
    with pytest.raises(InputError, match=r"1 of 4 different classes have no vector in two\.parquet"):
        run_text(**usually | {"label_graph.given.file": "two.parquet"})


def test_a_set_is_fetched_only_where_that_is_allowed(here, run_text, monkeypatch):
    import gensim.downloader

    def no_network(*_):
        raise OSError("no route to host")

    monkeypatch.setenv("GENSIM_DATA_DIR", str(here.root))
    monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(here.root))
    monkeypatch.setattr(gensim.downloader, "urlopen", no_network)
    with pytest.raises(InputError, match=r"set word_vectors\.download: true"):
        run_text(**{"word_vectors.source": "glove-wiki-gigaword-300"})
    with pytest.raises(InputError, match="gensim could not fetch it"):
        run_text(**{"word_vectors.download": True})


@pytest.fixture
def run_images(here, configure, once, monkeypatch):  # noqa: F811
    """Run the stages up to the image vectors on small pictures, wide ones among them."""
    for number, file in enumerate(sorted((here / "images").iterdir())):
        noise = np.random.default_rng(number).integers(0, 256, (5, 9, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((72, 40)).save(file)

    def run(**changes):
        configure(
            machine={"device": "cpu", "workers": 0},
            finetune_backbone={"epochs": 0},
            backbone={"network": "squeezenet1_1", "size": 32},
            image_vectors={"dtype": "float32", "batch_size": 8},
        )
        set_values(here / paths.PARAMS, nest(changes))
        asked, batches = [], []

        def prepare(*given, workers, **more):
            asked.append(workers)
            for pixels in preparing.prepare(*given, workers=workers, **more):
                batches.append(pixels)
                yield pixels

        monkeypatch.setattr(picture_vectors, "prepare", prepare)
        (here.cache / paths.VECTOR_CACHE).unlink(missing_ok=True)
        for stage in (stages.catalogue, stages.finetune_backbone, stages.image_vectors):
            stage.main(here)
        return SimpleNamespace(
            workers=asked,
            batches=batches,
            vectors=np.load(here / paths.IMAGE_VECTORS)[0],
            encoders=load_pictures(here / paths.BACKBONE),
            products=pd.read_parquet(here / paths.PRODUCTS),
            files=[here / "images" / image for image in pd.read_parquet(here / paths.PRODUCTS)["image"]],
        )

    return once(run)


IMAGES = {
    "machine.workers": 1,
    "backbone.network": "squeezenet1_0",
    "backbone.geometry": "pad",
    "backbone.size": 48,
    "backbone.crop": 0.7,
    "backbone.interpolation": "bicubic",
    "image_vectors.flip": "mean",
    "image_vectors.dtype": "bfloat16",
    "image_vectors.batch_size": 7,
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_setting_of_pictures_does_what_it_says(run_images, name):
    """The vectors are those of an encoder that was made so, to the bit."""
    usual, changed = run_images(), run_images(**{name: IMAGES[name]})
    how = {"geometry": "squash", "size": 32, "dtype": "float32", "batch_size": 8, "share": 1.0}
    setting = {"backbone.crop": "share"}.get(name, name.rpartition(".")[2])
    if setting in Encoding.model_fields:
        how[setting] = {"mean": True}.get(IMAGES[name], IMAGES[name])
    encoder = NetworkEncoder.of(
        changed.encoders["1"].backbone, Encoding(**how, max_pixels=10**8), resolve_device("cpu")
    )
    np.testing.assert_array_equal(changed.vectors, encoder.encode(changed.files))
    if setting == "workers":
        assert (usual.workers, changed.workers) == ([0], [1])
    elif setting == "network":
        assert tuple(run.encoders["1"].backbone.name for run in (usual, changed)) == ("squeezenet1_1", "squeezenet1_0")
    elif setting == "batch_size":
        assert (len(usual.batches[0]), len(changed.batches[0])) == (8, 7)
    else:
        assert not np.array_equal(usual.vectors, changed.vectors)


GIVEN = {"backbone.network": "given:one.parquet", "backbone.weights": None}


def test_given_vectors_of_pictures_are_those_of_the_file_by_its_keys(here, run_images):
    images = run_images().products["image"].tolist()
    keyed = pd.DataFrame({"image": images[1:], "other": images[:0:-1], "v": np.arange(1.0, len(images))})
    keyed.to_parquet(here / "one.parquet")
    with pytest.raises(InputError, match=rf"1 of {len(images)} different pictures .*More than max_missing = 1%"):
        run_images(**GIVEN, **{"backbone.given.max_missing": 0.01})
    given = {**GIVEN, "backbone.given.max_missing": 0.5}
    assert run_images(**given).vectors[:, 0].tolist() == [0, *range(1, len(images))]
    changed = run_images(**given, **{"backbone.given.column": "other"})
    assert changed.vectors[:, 0].tolist() == [0, *range(len(images) - 1, 0, -1)]
    assert changed.encoders["1"].encode([f"/elsewhere/{images[1]}"]) == len(images) - 1
    assert not changed.batches


def test_given_vectors_of_pictures_may_be_those_of_their_products(here, run_images):
    table = pd.read_csv(here / "catalogue.csv")
    table["sku"] = [f"id{number // 2}" for number in range(len(table))]
    table.to_csv(here / "catalogue.csv", index=False)
    ids = sorted(set(table["sku"]))
    pd.DataFrame({"image": ids, "v": np.arange(len(ids), dtype=float)}).to_parquet(here / "one.parquet")
    with pytest.raises(InputError, match="by: product needs the ids of products"):
        run_images(**GIVEN, **{"backbone.given.by": "product"})
    found = run_images(**GIVEN, **{"backbone.given.by": "product", "catalogue.columns.product": "sku"})
    expected = dict(zip(table["image"], (ids.index(sku) for sku in table["sku"]), strict=True))
    assert dict(zip(found.products["image"], found.vectors[:, 0].tolist(), strict=True)) == expected


def test_vectors_of_several_networks_stand_side_by_side_and_vary_alike(here, run_images):
    alone = run_images()
    images = alone.products["image"].tolist()
    given = pd.DataFrame({"image": images, "v": np.arange(len(images), dtype=np.float64) ** 2, "w": 1.0})
    given.to_parquet(here / "one.parquet")
    networks = ["squeezenet1_1", "given:one.parquet", "squeezenet1_0"]
    found = run_images(**{"backbone.network": networks, "backbone.weights": ["random", None, "random"]})
    parts = np.split(found.vectors, [512, 514], axis=1)
    expected = alone.vectors, given[["v", "w"]].to_numpy(), run_images(**{"backbone.network": networks[2]}).vectors
    training = (found.products["split"] == "train").to_numpy()
    for part, own in zip(parts, expected, strict=True):
        assert part[training].var(axis=0).sum() == pytest.approx(1, rel=1e-4)
        factor = np.sqrt(own[training].var(axis=0).sum())
        np.testing.assert_allclose(part * factor, own, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": ["resnet18", "squeezenet1_1"]}, "expected weights for each network"),
        ({"network": ["resnet18"], "weights": ["random", "random"]}, "expected weights for each network"),
        ({"network": []}, "backbone.network"),
        ({"weights": None}, "expected random or a file, as squeezenet1_1 brings none; found null"),
        ({"network": "given:one.parquet"}, "expected null, as given:one.parquet brings its own; found random"),
        ({"network": "given:none.parquet", "weights": None}, r"none\.parquet: not found"),
        ({"network": "timm:local-dir:none", "weights": None}, "none: no such folder"),
    ],
)
def test_networks_and_weights_that_do_not_go_together(run_images, changes, said):
    with pytest.raises(InputError, match=said):
        run_images(**{f"backbone.{name}": value for name, value in changes.items()})


SHARES = {"train": (0.5, 0.3, 0.2), "validation": (0.5, 0.4, 0.1), "test": (0.5, 0.1, 0.4)}
CATALOGUE = {
    "catalogue.encoding": "cp437",
    **{f"catalogue.columns.{column}": f"other {column}" for column in ("image", "name", "classes", "split")},
    **{f"catalogue.split.{split}": shares for split, shares in SHARES.items()},
    "catalogue.split.by": "hash",
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_setting_of_the_catalogue_does_what_it_says(here, configure, name):  # noqa: F811
    value, (section, setting) = CATALOGUE[name], name.split(".")[-2:]
    table = pd.read_csv(here / "catalogue.csv")
    table["name"] += " café"
    others = {"image": [*table["image"][::-1]], "name": [f"other {n} é" for n in range(20)]}
    others |= {"classes": ["x<y"] * 10 + ["x<z"] * 10, "split": ["train", "train", "validation", "test"] * 5}
    table.assign(**{f"other {name}": values for name, values in others.items()}).to_csv(
        here / "catalogue.csv", index=False, encoding="cp1252"
    )

    def run(**changes):
        configure()
        set_values(here / paths.PARAMS, nest(changes))
        stages.catalogue.main(here)
        return pd.read_parquet(here / paths.PRODUCTS)

    usual = run(**{"catalogue.split.by": "balance"})
    assert usual["name"].tolist() == table["name"].tolist()
    if setting == "by":
        hashed, larger = run(), pd.concat([table, table.tail(1).assign(image="0_0.png", name="new")])
        larger.to_csv(here / "catalogue.csv", index=False, encoding="cp1252")
        assert run()["split"].tolist()[:20] == hashed["split"].tolist() != usual["split"].tolist()
    elif section == "split":
        shares = {f"catalogue.split.{split}": share for split, share in zip(SHARES, value, strict=True)}
        changed = run(**{"catalogue.split.by": "balance"}, **shares)
        counts = changed["split"].value_counts()
        assert [counts[split] / 20 for split in SHARES] == pytest.approx(value)
        assert usual["split"].value_counts()["train"] == 14
    elif section == "columns":
        assert run(**{name: value})[setting].tolist() == others[setting] != usual[setting].tolist()
    else:
        wanted = [each.encode("cp1252").decode("cp437") for each in table["name"]]
        assert run(**{name: value})["name"].tolist() == wanted


def test_every_setting_of_every_section_is_looked_at():
    declared = {f"{name}.{each}" for name, kind in sections().items() for each, _ in flatten(kind().model_dump())}
    training = {f"train.{name}" for name in TRAIN} | {f"finetune_backbone.{name}" for name in FINETUNE}
    augmentation = {f"augmentation.{name}" for name in AUGMENTED}
    here = {*TEXT, *SENTENCES, *PAIRS, *IMAGES, *CATALOGUE, "word_vectors.download"}
    assert here | set(ELSEWHERE) | training | augmentation == declared
    assert not here & set(ELSEWHERE)
    for place in ELSEWHERE.values():
        file, _, test = place.partition("::")
        assert f"def {test}" in (ROOT / file).read_text(encoding="utf-8"), place
