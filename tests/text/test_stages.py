"""The stages of the text branch, each run on a small catalogue in a folder of its own."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import save_file

from huse.encoders.families import load_encoder
from huse.encoders.transformer import SentenceModelSettings, open_sentences
from huse.encoders.use import PACKAGE, UseEncoder
from huse.encoders.words import WordsEncoder
from huse.errors import InputError
from huse.run.artifacts import read_vectors
from huse.taxonomy import split_path
from huse.text.infersent import random_infersent
from stages import catalogue as stage_catalogue
from stages import label_graph, preprocess_text, text_vectors, word_vectors
from tests.encoders.models import make_model, needs_library, needs_package
from tests.pipeline.in_process import write_params
from tests.repository import ROOT

CLASSES = ["bags<tote bags", "shoes<boots", "shoes<pumps"]
MODEL = SentenceModelSettings(model="model")
NAMES = ["Red Tote of Canvas", "Black leather boots", "Red leather pumps", "Chloé boots", "100 %", "Suede pumps"]


@pytest.fixture
def catalogue(here):
    """A folder with products, classes and parameters; the returned function changes the parameters."""
    names, paths = NAMES * 4, [CLASSES[index] for index in (0, 1, 2, 1, 0, 2)] * 4
    splits = ["train"] * 18 + ["validation"] * 3 + ["test"] * 3
    products = pd.DataFrame({"row": range(24), "image": [f"{i}.png" for i in range(24)], "name": names})
    products = products.assign(classes=paths, class_index=0, split=splits, group=range(24))
    (here / "data/catalogue").mkdir(parents=True)
    products.to_parquet(here / "data/catalogue/products.parquet", index=False)
    (here / "data/catalogue/classes.json").write_text(json.dumps({"classes": CLASSES, "counts": {}}))
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    params["preprocess_text"]["max_emptied"] = 0.2
    params["word_vectors"]["dimension"] = 6
    params["text_vectors"]["encoders"] = ["words"]
    params["label_graph"]["infersent"]["hidden"] = 8

    def change(section=None, **values):
        if section:
            params[section].update(values)
        with (here / "params.yaml").open("w") as file:
            YAML().dump(params, file)

    change()
    return change


def run_all(here):
    return [stage.main(here) for stage in (preprocess_text, word_vectors, text_vectors, label_graph)]


def outputs(here):
    return {str(path): path.read_bytes() for folder in ("data", "metrics") for path in (here / folder).rglob("*.*")}


def test_products_without_a_name_are_no_names(here, catalogue):
    catalogue("preprocess_text", max_emptied=0.5)
    products = pd.read_parquet(here / "data/catalogue/products.parquet")
    every = preprocess_text.main(here)
    assert every == "preprocess_text: 24 names, 2.2 words a name, 4 emptied"
    products.loc[products.index % 2 == 1, "name"] = ""
    products.to_parquet(here / "data/catalogue/products.parquet", index=False)
    assert preprocess_text.main(here) == "preprocess_text: 12 names, 2.0 words a name, 4 emptied"


def test_writes_what_the_docstrings_say(here, catalogue, caplog):
    lines = run_all(here)
    assert lines[0].startswith("preprocess_text: 24 names")
    assert (
        "4 of 24 names (16.7%) have no word left after cleaning, first '100 %'. preprocess_text.digits" in caplog.text
    )
    assert "nothing of 4 of 24 names is known; they get zeros, first '100 %'" in caplog.text
    clean = pd.read_parquet(here / "data/text/names.parquet")
    assert clean["row"].tolist() == list(range(24))
    assert clean["clean"].tolist()[:5] == [
        "red tote canvas", "black leather boots", "red leather pumps", "chloe boots", "",
    ]  # fmt: skip

    products = pd.read_parquet(here / "data/catalogue/products.parquet")
    vectors = read_vectors((here / "data/vectors/text.npy"), products=products)
    assert vectors.shape == (24, 6)
    assert not vectors[4].any()
    assert (vectors[0] == vectors[6]).all()

    metrics = json.loads((here / "metrics/word_vectors.json").read_text())
    # All of 4 × 13 running and 9 distinct words have a vector, but 4 names are empty.
    assert metrics["coverage"] == {"running": pytest.approx(52 / 56), "distinct": pytest.approx(9 / 10), "labels": 1}
    assert (metrics["names_without"], metrics["names_emptied"]) == (pytest.approx(1 / 6), 4)
    assert metrics["most_frequent_missing"] == {}
    assert metrics["dimension"] == 6

    labels = json.loads((here / "data/labels/labels.json").read_text())
    assert labels["labels"] == labels["classes"] == CLASSES
    assert labels["class_labels"] == [[0], [1], [2]]
    assert labels["encoder"] == "infersent (random, seed 13)"
    assert labels["weights"] == {"kind": "random", "seed": 13}
    assert np.load(here / "data/labels/label_vectors.npy").shape == (3, 16)
    adjacency = np.load(here / "data/labels/adjacency.npy")
    assert adjacency.dtype == np.float32
    assert adjacency[1, 2] < adjacency[0, 1]
    assert json.loads((here / "metrics/labels.json").read_text())["labels"] == 3


def test_text_vectors_are_the_same_bytes_in_blocks(here, catalogue, monkeypatch):
    catalogue("text_vectors", encoders=["words", "ngrams"])
    run_all(here)
    whole = outputs(here)
    monkeypatch.setattr(text_vectors, "BLOCK", 5)
    text_vectors.main(here)
    assert outputs(here) == whole


@pytest.mark.slow
def test_runs_give_the_same_bytes_whatever_the_hash_seed(here, catalogue):
    seen = []
    for hash_seed in ("1", "2"):
        for stage in ("preprocess_text", "word_vectors"):
            environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-m", f"stages.{stage}"]
            subprocess.run(command, env=environment, cwd=here.root, check=True, capture_output=True)
        seen.append(outputs(here))
    assert seen[0] == seen[1]


@pytest.fixture
def vectors_of(here, catalogue):
    """Write a file of random vectors of some words, and make it the source; further parameters are changed too."""

    def write(words, **values):
        rng = np.random.default_rng(0)
        lines = [f"{word} {' '.join(map(str, rng.normal(size=6).round(4)))}" for word in words.split()]
        (here / "glove.txt").write_text("\n".join(lines) + "\n")
        catalogue("word_vectors", source="glove.txt", **values)

    return write


def find_words(here):
    preprocess_text.main(here)
    word_vectors.main(here)


def test_a_given_file_is_cut_to_the_words_in_need(here, vectors_of):
    vectors_of("the red shoes boots pumps bags tote </s> Red Leather")
    run_all(here)
    kept = pd.read_parquet(here / "data/text/words.parquet")
    assert kept["word"].tolist() == ["</s>", "bags", "boots", "leather", "pumps", "red", "shoes", "tote"]
    assert dict(zip(kept["word"], kept["spelling"], strict=True))["leather"] == "Leather"
    assert np.load(here / "data/text/word_vectors.npy").shape == (8, 6)
    metrics = json.loads((here / "metrics/word_vectors.json").read_text())
    assert metrics["most_frequent_missing"] == {"black": 4, "canvas": 4, "chloe": 4, "suede": 4}


def test_a_catalogue_without_new_words_does_not_read_the_source_again(here, catalogue, vectors_of, monkeypatch):
    vectors_of("red shoes boots pumps bags tote")
    find_words(here)
    before = outputs(here)

    def read(*_, **__):
        raise AssertionError("the source was read again")

    monkeypatch.setattr("huse.run.word_cache.read_words", read)
    word_vectors.main(here)
    assert outputs(here) == before

    products = pd.read_parquet(here / "data/catalogue/products.parquet")
    products["name"] = products["name"].str.replace("Suede ", "Red ")  # fewer words, none of them new
    products.to_parquet(here / "data/catalogue/products.parquet", index=False)
    find_words(here)
    catalogue("word_vectors", source="glove.txt", oov="hash")  # nor do other decisions on spellings need it
    word_vectors.main(here)
    products.assign(name="velvet").to_parquet(here / "data/catalogue/products.parquet", index=False)
    preprocess_text.main(here)
    with pytest.raises(AssertionError, match="read again"):
        word_vectors.main(here)


def test_hashed_words_give_every_name_a_vector(here, vectors_of):
    vectors_of("red shoes bags", oov="hash")
    run_all(here)
    words = pd.read_parquet(here / "data/text/words.parquet").set_index("word")["step"]
    assert words["chloe"] == "hash"
    assert words["red"] == "as_written"
    assert not set(words.index) & {"<s>", "</s>", "<p>", "</p>"}
    metrics = json.loads((here / "metrics/word_vectors.json").read_text())
    assert metrics["coverage"]["running"] == pytest.approx(2 / 14)  # the empty name counts as a word
    assert json.loads((here / "metrics/text_vectors.json").read_text())["names_unknown"] == 4  # "100 %"


def test_a_new_name_becomes_a_vector_without_the_catalogue(here, catalogue):
    run_all(here)
    expected = np.load(here / "data/vectors/text.npy")[1]
    for path in (here / "data/catalogue").iterdir():
        path.unlink()
    vectors = WordsEncoder.load(here / "data/text/encoder").encode(["BLACK Leather Boots!", "never seen"])
    np.testing.assert_array_equal(vectors, [expected, np.zeros(6)])


def test_only_training_names_are_counted(here, catalogue):
    products = pd.read_parquet(here / "data/catalogue/products.parquet")
    products.loc[products["split"] == "test", "name"] = "boots of velvet"
    products.to_parquet(here / "data/catalogue/products.parquet", index=False)
    run_all(here)
    tfidf = WordsEncoder.load(here / "data/text/encoder").tfidf
    assert tfidf.names == 18
    assert tfidf.document_frequency["boots"] == 6
    assert "velvet" not in tfidf.document_frequency


def test_what_is_damaged_in_a_source_is_said(here, vectors_of, caplog):
    vectors_of("red shoes boots pumps bags tote")
    with (here / "glove.txt").open("a") as file:
        file.write("suede 1 2 3\n")
    run_all(here)
    assert "glove.txt: passed over: line 7 has 3 numbers in place of 6" in caplog.text
    assert "words of labels without" not in caplog.text


@pytest.mark.parametrize(("oov", "fate"), [("skip", "left out"), ("hash", "drawn at random")])
def test_words_of_labels_without_a_vector_are_said(here, vectors_of, caplog, oov, fate):
    vectors_of("red shoes bags tote", oov=oov)
    find_words(here)
    assert f"words of labels without a vector, {fate}, 2 in all: boots, pumps. A graph" in caplog.text


@pytest.mark.parametrize("scheme", ["leaf", "levels"])
@pytest.mark.parametrize("label_text", ["mean", "path", "leaf"])
@pytest.mark.parametrize(
    "encoder",
    [
        *("infersent", "word_vectors", "tree"),
        pytest.param("sentences", marks=needs_library),
        pytest.param("use", marks=needs_package(PACKAGE)),
    ],
)
def test_every_scheme_text_and_source_of_the_graph(here, catalogue, scheme, label_text, encoder):
    if encoder == "sentences":
        make_model(here / "model")
        catalogue("label_graph", sentences=MODEL.model_dump())
    catalogue("label_graph", scheme=scheme, label_text=label_text, encoder=encoder)
    run_all(here)
    labels = json.loads((here / "data/labels/labels.json").read_text())
    adjacency = np.load(here / "data/labels/adjacency.npy")
    assert labels["labels"] == (CLASSES if scheme == "leaf" else ["bags", "boots", "pumps", "shoes", "tote bags"])
    assert labels["class_labels"] == ([[0], [1], [2]] if scheme == "leaf" else [[0, 4], [3, 1], [3, 2]])
    assert adjacency.shape == (len(labels["labels"]),) * 2
    assert (adjacency == adjacency.T).all()
    assert not adjacency.diagonal().any()
    pairs = pd.read_csv(here / "data/labels/pairs.csv")
    assert pairs[["first", "second"]].iloc[0].tolist() == ["shoes<boots", "shoes<pumps"]
    if encoder == "tree":
        assert adjacency[1, 2] < adjacency[0, 1]
    if encoder in ("sentences", "use"):
        made = UseEncoder.of_package() if encoder == "use" else open_sentences(MODEL, here.root)
        read = {
            "mean": split_path,
            "path": lambda path: [path.replace("<", " ")],
            "leaf": lambda path: [split_path(path)[-1]],
        }
        texts = [[*read[label_text](label)] if scheme == "leaf" else [label] for label in labels["labels"]]
        expected = np.stack([made.encode(those).mean(axis=0) for those in texts])
        np.testing.assert_allclose(np.load(here / "data/labels/label_vectors.npy"), expected, atol=1e-5)
        assert labels[encoder] == made.config  # by which `huse check` compares


def test_more_emptied_names_than_allowed_stop_the_run_with_what_would_keep_them(here, catalogue):
    catalogue("preprocess_text", max_emptied=0.1)
    with pytest.raises(
        InputError, match=r"4 of 24 names .*digits: keep keeps 4 of them\. More than .*max_emptied = 10"
    ):
        preprocess_text.main(here)
    assert not (here / "data/text/names.parquet").exists()
    catalogue("preprocess_text", digits="keep")
    assert preprocess_text.main(here).endswith("0 emptied")


SCRIPTS = {
    "Обувь<Кроссовки": "Кроссовки мужские чёрные",
    "Обувь<Ботинки": "Ботинки женские зимние",
    "Φορέματα": "Φόρεμα μίντι",
    "فساتين": "فستان سهرة طويل",
    "שמלות": "שִׂמְלָה ג'ינס",
    "साड़ी": "सूती साड़ी नीला",
    "กระเป๋า": "กระเป๋าผ้าสีดำ",
    "女装<连衣裙": "女士连衣裙",
    "レディース<靴": "スニーカー 靴",
    "원피스": "여성 원피스",
}


def test_names_of_every_script_become_vectors(here, caplog):
    (here / "images").mkdir()
    lines = ["image,name,classes"]
    for path, name in SCRIPTS.items():
        for number in range(6):
            Image.new("RGB", (8, 8), (len(lines), 0, 0)).save(here / f"images/{len(lines)}.png")
            lines.append(f"{len(lines)}.png,{name} {'abcdef'[number] * 3},{path}")
    (here / "catalogue.csv").write_text("\n".join(lines), encoding="utf-8")
    labels = {"encoder": "word_vectors"}
    write_params(here.root, {"catalogue": {"csv": "catalogue.csv", "images": "images"}, "label_graph": labels})
    stage_catalogue.main(here)
    run_all(here)
    products = pd.read_parquet(here / "data/catalogue/products.parquet")
    assert sorted(set(products["classes"])) == sorted(SCRIPTS)
    vectors = read_vectors((here / "data/vectors/text.npy"), products=products)
    assert vectors.any(axis=1).all()
    metrics = json.loads((here / "metrics/word_vectors.json").read_text())
    assert metrics["coverage"] == {"running": pytest.approx(1), "distinct": 1, "labels": 1}
    assert (metrics["names_emptied"], "no word left" in caplog.text) == (0, False)
    # Names of a class are nearest to each other; a loaded encoder makes the same of them.
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = (units @ units.T - 2 * np.eye(len(units))).argmax(axis=1)
    assert (products["classes"].to_numpy()[nearest] == products["classes"].to_numpy()).all()
    loaded = load_encoder(here / "data/text/encoder")
    np.testing.assert_array_equal(loaded.encode(products["name"].tolist()), vectors)


def test_a_file_with_no_word_in_need_is_refused(here, vectors_of):
    vectors_of("the of")
    preprocess_text.main(here)
    with pytest.raises(InputError, match="found none"):
        word_vectors.main(here)
    assert not (here / "data/text/word_vectors.npy").exists()


def test_labels_without_a_vector_stop_the_graph_unless_the_path_or_the_tree_is_read(here, catalogue, vectors_of):
    vectors_of("red shoes bags")
    find_words(here)
    with pytest.raises(InputError, match=r"none for 2: 'boots', 'pumps'"):
        label_graph.main(here)
    catalogue("label_graph", encoder="tree")
    label_graph.main(here)
    assert np.load(here / "data/labels/adjacency.npy")[1].tolist() == [1, 0, 0.5]
    catalogue("label_graph", encoder="word_vectors", label_text="path")
    label_graph.main(here)
    assert json.loads((here / "metrics/labels.json").read_text())["duplicates"] == 1


def test_marks_that_stand_for_unknown_labels_are_said(here, vectors_of, caplog):
    vectors_of("red shoes bags tote <s> </s>")
    run_all(here)
    assert "no word of 'boots', 'pumps' has a vector" in caplog.text
    assert "pairs of labels at distance 0, 1 in all: shoes<boots = shoes<pumps" in caplog.text


def test_weights_of_infersent_that_the_word_vectors_do_not_fit_are_doubted(here, catalogue, vectors_of, caplog):
    vectors_of("red shoes boots pumps bags tote </s>")
    save_file(random_infersent(6, 4, 5).state_dict(), here / "infersent2.safetensors")
    catalogue("label_graph", weights="infersent2.safetensors")
    run_all(here)
    assert "infersent2.safetensors: by its name version 2" in caplog.text
    assert "of glove.txt (GloVe text)" in caplog.text
    assert "<s> have no vector in glove.txt" in caplog.text
    caplog.clear()
    catalogue("label_graph", weights="random")
    label_graph.main(here)
    assert "infersent" not in caplog.text


def test_weights_of_infersent_in_an_object_store_are_those_of_the_file(here, catalogue, store):
    save_file(random_infersent(6, 4, 5).state_dict(), here / "own.safetensors")
    store.put("shop/own.safetensors", (here / "own.safetensors").read_bytes())
    made = []
    for weights in ("own.safetensors", "memory://shop/own.safetensors"):
        catalogue("label_graph", weights=weights)
        run_all(here)
        made.append((here / "data/labels/label_vectors.npy").read_bytes())
    assert made[0] == made[1]


def test_a_pair_in_a_store_that_fails_is_not_left_out(here, catalogue, store):
    """Of a pair that cannot read texts, zero-shot is left out; where its store fails, that would be silent loss."""
    run_all(here)
    catalogue("backbone", network="open_clip:memory://shop/pair", weights=None)
    with pytest.raises(InputError, match="memory://shop/pair: expected a folder, found nothing"):
        label_graph.main(here)
    store.put("shop/pair/open_clip_config.json", b"{}")
    label_graph.main(here)
    assert json.loads((here / "data/labels/zero_shot.json").read_text())["network"] is None


def test_one_label_makes_no_graph(here, catalogue):
    (here / "data/catalogue/classes.json").write_text(json.dumps({"classes": ["shoes<boots"], "counts": {}}))
    with pytest.raises(InputError, match="at least 2 labels, found 1"):
        label_graph.main(here)


def test_names_of_other_rows_are_refused(here, catalogue):
    preprocess_text.main(here)
    pd.read_parquet(here / "data/text/names.parquet")[::-1].to_parquet(here / "data/text/names.parquet", index=False)
    for stage in (word_vectors, text_vectors):
        with pytest.raises(InputError, match=r"names.parquet: made of other names"):
            stage.main(here)
