"""One parameter of params.yaml is changed, the stage is run, and what comes out changes as it should.

Every declared setting of `train`, `finetune_backbone` and `augmentation` has an expectation here; `test_data_outcomes`
has those of the other sections.
"""

import math
from dataclasses import dataclass, replace
from unittest.mock import MagicMock

import pandas as pd
import pytest
import torch
from torch.nn import functional

from huse.engine.torch_state import under
from huse.model.losses.contrastive import hierarchical_contrastive_loss
from huse.model.losses.graph import correlation_loss, graph_loss
from huse.model.losses.label_vectors import projection_loss, ranking_loss
from huse.model.losses.pairs import matching_loss
from huse.model.losses.triplets import adamine_loss, triplet_loss
from huse.nesting import flatten, nest
from huse.run.checkpoints import Checkpoint
from huse.run.params.train import TrainParams
from huse.training import loop
from huse.vision import finetuning
from huse.vision.augmentation import Augmentation
from huse.vision.finetuning import FinetuneSettings
from huse.vision.preparing import prepare
from stages import finetune_backbone as finetune_stage
from stages import train as train_stage
from tests.pipeline.in_process import write_params
from tests.run.test_fitting import artefacts  # noqa: F401  a fixture
from tests.vision.test_finetuning import pictures, small_backbone  # noqa: F401  a fixture

RATE = 0.01
SMALL = {
    "dimension": 8, "width": 8, "image_layers": 2, "dropout": 0, "learning_rate": RATE, "schedule": "constant",
    "steps": 4, "validate_every": 1, "batch_size": 4, "weight_decay": 0,
}  # fmt: skip
FEW = {
    "epochs": 2, "batch_size": 30, "learning_rate": RATE, "weight_decay": 0, "label_smoothing": 0, "dtype": "float32",
}  # fmt: skip


@dataclass
class Outcome:
    """What came of a run: its result, the batches of its steps, and its state before the first and after every step."""

    result: object
    batches: list
    states: list
    saved: list
    network: object = None

    def moved(self, step=1, part=""):
        """How far each weight went in a step, in the order of the network."""
        before, after = self.states[step - 1], self.states[step]
        return {name: after[name] - before[name] for name in before if name.startswith(part)}

    def length(self, part, step=1):
        """The longest way of a weight of a part, which AdamW moves as far as the rate says in the first step."""
        return max(float(value.abs().max()) for value in self.moved(step, part).values())

    @property
    def first(self):
        return self.result.curves[0]


@pytest.fixture
def saved(monkeypatch):
    """Every state that a run saves, after each step; the file of the checkpoint is never written."""
    states = []

    def save(_, tensors, state):
        states.append(({name: value.detach().clone() for name, value in tensors.items()}, dict(state)))

    monkeypatch.setattr(Checkpoint, "save", save)
    for module in (loop, finetuning):
        monkeypatch.setattr(module, "CHECKPOINT_SECONDS", -1.0)
    return states


@pytest.fixture
def in_params(here):
    """Write the project's params.yaml with values of some sections changed, and return where."""

    def write(**sections):
        machine = {"device": "cpu", "workers": 0}
        write_params(here.root, {"machine": machine}, *({name: nest(values)} for name, values in sections.items()))
        return here

    return write


@pytest.fixture(scope="module")
def once():
    """Let a run happen once that several settings are held against."""
    known = {}

    def run_once(run):
        def found(**changes):
            key = f"{run.__qualname__} {changes}"
            if key not in known:
                known[key] = run(**changes)
            return known[key]

        return found

    return run_once


@pytest.fixture
def run_train(in_params, artefacts, saved, once, monkeypatch):  # noqa: F811
    """Run the stage `train` on small artefacts."""
    artefacts.products["split"] = ["train"] * 8 + ["validation"] * 4

    def run(**changes):
        saved.clear()
        about, batches = {}, []

        def train(network, data, method, losses, settings, **more):
            def terms(batch, losses):
                batches.append(batch)
                return method.terms(batch, losses)

            about["before"] = {name: value.clone() for name, value in network.state_dict().items()}
            return loop.train(network, data, replace(method, terms=terms), losses, settings, **more)

        monkeypatch.setattr(train_stage.Artefacts, "read", classmethod(lambda *_: artefacts))
        monkeypatch.setattr(train_stage.Artefacts, "fingerprints", lambda *_: {})
        monkeypatch.setattr(train_stage, "Live", MagicMock())
        monkeypatch.setattr(train_stage, "train", train)
        monkeypatch.setattr(train_stage, "_write", lambda *given, **_: about.update(fitting=given[2], trained=given[3]))
        train_stage.main(in_params(train=SMALL | changes))
        states = [about["before"], *(under("network", tensors) for tensors, _ in saved)]
        return Outcome(about["trained"], batches, states, [*saved], about["fitting"].network)

    return once(run)


def of(value, seen, **usual):
    """A changed value of a setting, and what is to come of it.

    Args:
        value: of the setting.
        seen: given the outcomes with the usual and with the changed value, asserts what tells them apart.
        usual: what else is set in both runs.
    """
    return value, seen, {name.replace("__", "."): each for name, each in usual.items()}


TERMS = ("classification", "graph", "gap", "contrast", "matching", "likelihood", "invariance", "projection")


def weighs(term, difference, factor=1):
    """The loss grows by the difference of the weights times the term, and no term changes."""

    def seen(usual, changed):
        assert {name: changed.first[name] for name in TERMS if name in changed.first} == pytest.approx(
            {name: usual.first[name] for name in TERMS if name in usual.first}
        )
        grown = changed.first["loss"] - usual.first["loss"]
        assert grown == pytest.approx(difference * factor * usual.first[term], rel=1e-3)
        assert abs(grown) > 1e-6

    return seen


def term_is(term, compute):
    """A term is what the loss function gives for the changed value, and was another; no other term changes."""

    def seen(usual, changed):
        batch = changed.batches[0]
        torch.manual_seed(13)
        assert changed.first[term] == pytest.approx(float(compute(batch).detach()), rel=1e-4)
        assert changed.first[term] != pytest.approx(usual.first[term], rel=1e-4)
        others = [name for name in TERMS if name in usual.first and name in changed.first and name != term]
        assert [changed.first[name] for name in others] == pytest.approx([usual.first[name] for name in others])

    return seen


def correlation(batch):
    return correlation_loss(batch.embeddings, batch.products, batch.classes.distances)


def graph(**settings):
    settings = {"sigma": "or", "zeta": 0.6} | settings
    return term_is("graph", lambda b: graph_loss(b.embeddings, b.products, b.classes.distances, **settings))


def contrast(temperature, decay):
    def compute(batch):
        nodes = batch.classes.nodes[:, batch.products].repeat(1, 2)
        return hierarchical_contrastive_loss(batch.embeddings, nodes, temperature, decay)

    return term_is("contrast", compute)


def triplet(*settings):
    return term_is("triplet", lambda b: triplet_loss(*pooled(b), *settings))


def adamine(margin):
    return term_is("adamine", lambda b: adamine_loss(b.images, b.texts, b.products, margin, 0))


def pooled(batch):
    return batch.embeddings, batch.products.repeat(2)


def ranking(batch):
    return 2 * ranking_loss(*pooled(batch), batch.class_vectors, 0.7)


def shapes(**wanted):
    """Weights have these shapes with the changed value, and others without it."""

    def seen(usual, changed):
        for name, shape in wanted.items():
            key = name.replace("__", ".")
            assert tuple(changed.states[0][key].shape) == shape
            assert key not in usual.states[0] or tuple(usual.states[0][key].shape) != shape

    return seen


def gives(measure, usual_value, changed_value):
    """What is measured of the two outcomes."""

    def seen(usual, changed):
        assert (measure(usual), measure(changed)) == (usual_value, changed_value)

    return seen


def moves(factor, step=1):
    """The weights go so many times as far in a step; in the first one AdamW's go as far as the rate says."""

    def seen(usual, changed):
        assert usual.length("towers") == pytest.approx(RATE, rel=1e-3)
        assert changed.length("towers", step) == pytest.approx(factor * usual.length("towers", step), rel=1e-3)

    return seen


def see_distances(usual, changed):
    assert changed.batches[0].classes.distances.tolist() == [[0, 0.5, 1], [0.5, 0, 1], [1, 1, 0]]
    assert usual.batches[0].classes.distances[0, 1] == pytest.approx(0.2)


def see_class_vectors(_, changed):
    vectors = changed.batches[0].classes.vectors
    assert torch.allclose(vectors @ vectors.T, torch.tensor([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]), atol=1e-6)


def see_devise_loss(usual, changed):
    batch = changed.batches[0]
    wanted = 2 * projection_loss(*pooled(batch), batch.class_vectors)
    assert changed.first["projection"] == pytest.approx(float(wanted.detach()), rel=1e-5)
    assert "ranking" in usual.first


def see_dropout(usual, changed):
    assert all(torch.equal(value, changed.states[0][name]) for name, value in usual.states[0].items())
    assert not torch.allclose(usual.batches[0].images, changed.batches[0].images)
    assert not torch.allclose(usual.batches[0].texts, changed.batches[0].texts)


def see_text_scaling(usual, changed):
    together, each = usual.states[0]["towers.text.deviation"], changed.states[0]["towers.text.deviation"]
    assert torch.allclose(together, each.square().mean().sqrt().expand_as(each))
    assert not torch.allclose(together, each)
    assert torch.equal(usual.states[0]["towers.image.deviation"], changed.states[0]["towers.image.deviation"])


def see_relu(usual, changed):
    assert (changed.batches[0].images >= 0).all()
    assert (changed.batches[0].texts >= 0).all()
    assert (usual.batches[0].images < 0).any()


def see_scale(usual, changed):
    for one, other in zip(usual.batches[0].logits, changed.batches[0].logits, strict=True):
        assert torch.allclose(other, one / 2, atol=1e-5)


def see_class_pull(usual, changed):
    network = changed.network
    plain, scores = network._embed("image", torch.ones(1, 5))
    pulled = functional.normalize(0.6 * plain + 0.4 * scores @ network.class_means, dim=1)
    assert torch.allclose(network.embed("image", torch.ones(1, 5))[0], pulled, atol=1e-6)
    assert "class_means" not in usual.states[0]


def see_weight_decay(usual, changed):
    for name, before in usual.states[0].items():
        decayed = RATE * 0.5 * before if name.endswith("weight") else torch.zeros_like(before)
        assert torch.allclose(changed.states[1][name], usual.states[1][name] - decayed, atol=1e-6), name


def see_momentum(usual, changed):
    first = usual.moved(1, "towers")
    for name, value in usual.states[2].items():
        assert torch.allclose(changed.states[1][name], usual.states[1][name])
        if name in first:
            assert torch.allclose(changed.states[2][name], value - 0.4 * first[name], atol=1e-5), name


def see_ema(usual, changed):
    average = under("average", changed.saved[1][0])
    for name, value in average.items():
        wanted = 0.75 * changed.states[1][name] + 0.25 * changed.states[2][name]
        assert torch.allclose(value, wanted, atol=1e-6)
    assert not under("average", usual.saved[1][0])


def see_mixup(usual, changed):
    assert ((usual.batches[0].targets == 0) | (usual.batches[0].targets == 1)).all()
    mixed = [batch.targets for batch in changed.batches]
    assert any(((targets > 0) & (targets < 1)).any() for targets in mixed)
    assert changed.first["graph"] == usual.first["graph"]


def see_shards(usual, changed):
    """The same up to rounding; random numbers are drawn for each shard of a step."""
    assert changed.first == pytest.approx(usual.first, rel=1e-4)
    drawn = [outcome.saved[0][0]["random.cpu"] for outcome in (usual, changed)]
    assert not torch.equal(*drawn)


def see_criterion(usual, changed):
    values = [point["validation/average_precision"] for point in changed.result.curves]
    assert changed.result.best_step == 1 + values.index(max(values))
    assert usual.result.best_step != changed.result.best_step


def see_seed(usual, changed):
    assert not torch.equal(usual.states[0]["heads.0.weight"], changed.states[0]["heads.0.weight"])


def see_dtype(usual, changed):
    assert changed.first["loss"] != usual.first["loss"]
    assert changed.first["loss"] == pytest.approx(usual.first["loss"], rel=0.05)


def is_paired(outcome):
    return all(batch.products[:2].tolist() == batch.products[2:].tolist() for batch in outcome.batches)


def validations(outcome):
    return len(outcome.result.curves)


TRAIN = {
    "method": of("huse_p", gives(lambda run: "projection" in run.first, False, True)),
    "alpha": of(4, weighs("classification", 3)),
    "beta": of(15, weighs("graph", 5)),
    "gamma": of(8, weighs("gap", 7)),
    "graph.distances": of("tree", see_distances),
    "graph.form": of("correlation", term_is("graph", correlation), batch_size=8),
    "graph.sigma": of("full", graph(sigma="full")),
    "graph.zeta": of(1.1, graph(zeta=1.1)),
    "graph.zeta_quantile": of(0, graph(zeta=0.2)),
    "graph.pairs": of("cross", graph(pairs="cross")),
    "graph.normaliser": of("active", graph(normaliser="active")),
    "contrast.weight": of(2.5, weighs("contrast", 2), method="huse_plus"),
    "contrast.temperature": of(0.3, contrast(0.3, 0.5), method="huse_plus"),
    "contrast.decay": of(0.9, contrast(0.1, 0.9), method="huse_plus"),
    "class_vectors": of("tree", see_class_vectors, method="hie"),
    "triplet.margin": of(0.7, triplet(0.7), method="triplet"),
    "triplet.variant": of("all_semi_hard", triplet(0.1, "all_semi_hard"), method="triplet", batch_size=8),
    "cme.matching": of(3.98, weighs("matching", 3), method="cme"),
    "cme.classification": of(1.01, weighs("classification", 1, factor=2), method="cme"),
    "cme.margin": of(-0.5, term_is("matching", lambda b: matching_loss(b.images, b.texts, -0.5)), method="cme"),
    "adamine.margin": of(0.9, adamine(0.9), method="adamine", adamine__semantic=0),
    "adamine.semantic": of(0, adamine(0.3), method="adamine", batch_size=8),
    "devise.loss": of("cosine", see_devise_loss, method="devise"),
    "devise.margin": of(0.7, term_is("ranking", ranking), method="devise"),
    "hie.classification": of(1.1, weighs("classification", 1, factor=2), method="hie"),
    "dscmr.likelihood": of(2.001, weighs("likelihood", 2), method="dscmr", head="linear"),
    "dscmr.invariance": of(3.1, weighs("invariance", 3), method="dscmr", head="linear"),
    "dimension": of(6, shapes(heads__0__weight=(3, 6), towers__text__linears__1__weight=(6, 8))),
    "width": of(9, shapes(towers__image__linears__0__weight=(9, 5), towers__text__linears__0__weight=(9, 4))),
    "image_layers": of(3, shapes(towers__image__linears__2__weight=(8, 8))),
    "text_layers": of(3, shapes(towers__text__linears__2__weight=(8, 8))),
    "text_scaling": of("each", see_text_scaling),
    "dropout": of(0.5, see_dropout),
    "input_dropout": of(0.5, see_dropout),
    "relu_last": of(True, see_relu),
    "head": of("linear", shapes(heads__0__bias=(3,))),
    "scale": of(8, see_scale),
    "class_pull": of(0.4, see_class_pull),
    "optimizer": of("rmsprop", moves(1 / math.sqrt(0.1))),
    "learning_rate": of(3 * RATE, moves(3)),
    "schedule": of("cosine", moves(0.5 * (1 + math.cos(math.pi / 4)), step=2)),
    "warm_up": of(3, moves(1 / 4)),
    "weight_decay": of(0.5, see_weight_decay),
    "momentum": of(0.5, see_momentum, optimizer="rmsprop"),
    "ema": of(0.75, see_ema),
    "mixup": of(1, see_mixup),
    "dtype": of("bfloat16", see_dtype),
    "sampler": of("pairs", gives(is_paired, False, True)),
    "batch_size": of(3, gives(lambda run: len(run.batches[0].products), 4, 3)),
    "shards": of(2, see_shards),
    "steps": of(6, gives(lambda run: len(run.states), 5, 7)),
    "validate_every": of(3, gives(lambda run: [point["step"] for point in run.result.curves], [1, 2, 3, 4], [3, 4])),
    "patience": of(2, gives(validations, 8, 3), learning_rate=1e-12, steps=8),
    "criterion": of("average_precision", see_criterion, steps=20, learning_rate=0.05),
    "seed": of(7, see_seed),
}


ELSEWHERE = {"start"}  # tests/pipeline/test_growing.py


@pytest.mark.parametrize("name", [name for name, _ in flatten(TrainParams().model_dump()) if name not in ELSEWHERE])
def test_a_setting_of_training_does_what_it_says(run_train, name):
    value, seen, usual = TRAIN[name]
    seen(run_train(**usual), run_train(**usual, **{name: value}))


@pytest.fixture
def run_finetune(in_params, pictures, saved, once, monkeypatch):  # noqa: F811
    """Run the stage `finetune_backbone` on a small network."""

    def run(section="finetune_backbone", **changes):
        sections = {"finetune_backbone": FEW}
        sections[section] = sections.get(section, {}) | changes
        saved.clear()
        backbone, about = small_backbone(), {}

        def finetune(backbone, pictures, preparation, settings, **more):
            about["preparation"] = preparation
            return finetuning.finetune(backbone, pictures, preparation, settings, **more)

        monkeypatch.setattr("huse.encoders.pictures.load_backbone", lambda *_: backbone)
        products = pd.DataFrame(
            {"image": "a.png", "name": "", "class_index": 0, "split": ["train", "train", "validation"]}
        )
        monkeypatch.setattr(finetune_stage, "read_table", lambda *_: products)
        monkeypatch.setattr(finetune_stage, "fingerprint_products", lambda _: "")
        monkeypatch.setattr(finetune_stage.Pictures, "of", classmethod(lambda *_: pictures))
        monkeypatch.setattr(finetune_stage, "check_size", lambda *_: None)
        monkeypatch.setattr(finetune_stage, "finetune", finetune)
        monkeypatch.setattr(finetune_stage, "_write", lambda *given, **_: about.update(result=given[2]))
        before = {f"body.{name}": value.clone() for name, value in backbone.module.state_dict().items()}
        finetune_stage.main(in_params(**sections))
        states = [under("network", tensors) for tensors, _ in saved]
        return Outcome(about["result"], about["preparation"], [before, *states], [*saved])

    return once(run)


def share(step, steps):
    """Of the greatest rate at a step, from 1: a tenth of the steps is a warm-up, then half a cosine."""
    done = step / (steps + 1)
    return min(1.0, done / 0.1) * (1 + math.cos(math.pi * done)) / 2


FIRST = share(1, 4)


def goes(usual_share, changed_share, part="body.1.0.weight"):
    """A part goes these shares of the rate in the first step."""

    def seen(usual, changed):
        assert usual.length(part) == pytest.approx(RATE * usual_share, rel=1e-2)
        assert changed.length(part) == pytest.approx(RATE * changed_share, rel=1e-2)

    return seen


def see_epochs(usual, changed):
    """4 steps in all against 40, of which 4 are the warm-up."""
    goes(FIRST, share(1, 40))(usual, changed)
    gives(validations, 2, 20)(usual, changed)


def see_head_epochs(usual, changed):
    assert (usual.length("body.1.0.weight") > 0, changed.length("body")) == (True, 0)
    assert changed.states[1]["head.weight"].abs().sum() > 0


def see_layers(usual, changed):
    assert [run.length("body.0.0.weight") > 0 for run in (usual, changed)] == [True, False]
    assert changed.length("body.1.0.weight") > 0


def see_layer_decay(usual, changed):
    """The head, then the last block, then the first: 1, ½, ¼ of the rate."""
    goes(FIRST, FIRST / 2)(usual, changed)
    goes(FIRST, FIRST / 4, "body.0.0.weight")(usual, changed)


def see_finetune_decay(usual, changed):
    name = "body.1.0.weight"
    decayed = RATE * FIRST * 0.5 * usual.states[0][name]
    assert torch.allclose(changed.states[1][name], usual.states[1][name] - decayed, atol=1e-6)


def see_smoothing(usual, changed):
    """All targets alike at 1, the classes' own at 0, and a straight line between: at 0.999 hardly any class is left."""
    assert changed.first["loss"] != pytest.approx(usual.first["loss"], rel=1e-4)
    assert changed.result.curves[-1]["loss"] == pytest.approx(math.log(3), rel=0.02)


def see_finetune_mixup(usual, changed):
    assert changed.first["loss"] != pytest.approx(usual.first["loss"], rel=1e-5)
    assert all(torch.equal(value, changed.states[0][name]) for name, value in usual.states[0].items())


FINETUNE = {
    "epochs": of(20, see_epochs, patience=100),
    "head_epochs": of(1, see_head_epochs),
    "layers": of("last_block", see_layers),
    "size": of(48, gives(lambda run: run.batches.size, 64, 48)),
    "learning_rate": of(3 * RATE, goes(FIRST, 3 * FIRST)),
    "layer_decay": of(0.5, see_layer_decay),
    "weight_decay": of(0.5, see_finetune_decay),
    "label_smoothing": of(0.999, see_smoothing),
    "mixup": of(1, see_finetune_mixup),
    "batch_size": of(20, gives(lambda run: run.saved[-1][1]["step"], 4, 6)),
    "patience": of(1, gives(validations, 1 + 3, 1 + 1), learning_rate=1e-12, epochs=6),
    "dtype": of("bfloat16", see_dtype),
}


@pytest.mark.parametrize("name", FinetuneSettings.model_fields)
def test_a_setting_of_fine_tuning_does_what_it_says(run_finetune, name):
    value, seen, usual = FINETUNE[name]
    seen(run_finetune(**usual), run_finetune(**usual | {name: value}))


AUGMENTED = {"rescale": 2.0, "horizontal_flip": 1.0, "colour_jitter": 0.5, "random_erasing": 1.0}
PLAIN = {"rescale": 1, "horizontal_flip": 0, "colour_jitter": 0, "random_erasing": 0}


def steepness(view):
    return max(abs(view[1:] - view[:-1]).mean(), abs(view[:, 1:] - view[:, :-1]).mean())


@pytest.mark.parametrize("name", Augmentation.model_fields)
def test_a_setting_of_augmentation_does_what_it_says(run_finetune, pictures, name):  # noqa: F811
    def view(**changes):
        preparation = run_finetune(section="augmentation", **(PLAIN | changes)).batches
        task = replace(pictures.train[0], views=(1,))
        return next(iter(prepare([task], preparation, workers=0, batch_size=1)))[0].astype(int)

    usual, changed = view(), view(**{name: AUGMENTED[name]})
    if name == "horizontal_flip":
        assert (changed == usual[:, ::-1]).all()
    elif name == "random_erasing":
        covered = (changed != usual).any(axis=2)
        assert (changed[covered] == (124, 116, 104)).all()
        assert 0.01 < covered.mean() < 0.4
    elif name == "rescale":  # half of the picture on as many pixels: stripes twice as wide
        assert steepness(changed) < 0.8 * steepness(usual)
    else:
        assert changed.std() != pytest.approx(usual.std(), rel=0.02)
