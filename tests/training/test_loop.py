import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from huse.errors import InputError
from huse.model.methods import METHODS
from huse.training.step import batch_of, forward
from huse.training.validation import score, validate
from tests.training.conftest import LOSSES, SETTINGS, assert_same, make_network


def test_training_learns_classes_and_graph(data, run):
    network, trained = run()
    metrics = validate(network, data)
    assert min(metrics["image_accuracy"], metrics["text_accuracy"]) > 0.8
    assert trained.curves[-1]["graph"] < trained.curves[0]["graph"]
    images, _ = network.embed("image", data.images[0])
    means = torch.stack([images[data.products == c].mean(dim=0) for c in range(3)])
    means = torch.nn.functional.normalize(means, dim=1)
    assert means[0] @ means[1] > means[0] @ means[2]  # classes 0 and 1 should be near


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_to_find_products_of_a_class(data, run, method):
    network, _ = run(method=method, settings=SETTINGS.changed(criterion="recall_at_1"))
    metrics = validate(network, data)
    in_modal_only = method == "separate"
    assert metrics["recall_at_1"] > (0.5 if in_modal_only else 0.75)
    assert min(metrics["image_accuracy"], metrics["text_accuracy"]) > 0.75


@pytest.mark.parametrize("mixup", [0, 0.4])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_from_halves(halves, run, method, mixup):
    mixup = 0 if METHODS[method].head in ("label_vectors", "class_means") else mixup
    network, trained = run(halves, method=method, settings=SETTINGS.changed(criterion="recall_at_1", mixup=mixup))
    metrics = validate(network, halves)
    assert min(metrics["image_accuracy"], metrics["text_accuracy"]) > 0.75
    assert all(math.isfinite(value) for point in trained.curves for value in point.values())


def test_names_alone_are_learned_whatever_stands_for_the_pictures(data, run):
    present = torch.stack([torch.zeros(120, dtype=torch.bool), torch.ones(120, dtype=torch.bool)])
    results = []
    for value in (0.0, 1.0):
        alone = replace(data, images=torch.full_like(data.images, value), present=present)
        network, trained = run(alone)
        results.append((network.tower("text").state_dict(), trained.curves))
        assert validate(network, alone)["text_accuracy"] > 0.8
    for name, value in results[0][0].items():
        assert torch.equal(value, results[1][0][name]), name
    assert [point["classification"] for point in results[0][1]] == [point["classification"] for point in results[1][1]]
    assert results[0][1][-1]["gap"] == 0


def test_class_means_are_of_what_is_there(halves):
    network = make_network(class_pull=0.5)
    rows = halves.train
    network.fit_class_means(
        halves.images[0, rows], halves.texts[rows], halves.targets(rows), score=False, present=halves.present[:, rows]
    )
    pulled = network.class_means.clone()
    bare = make_network()  # the same weights, and embeddings that are not pulled
    sums = torch.zeros(3, 8)
    for modality, vectors, there in zip(
        ("image", "text"), (halves.images[0], halves.texts), halves.present, strict=True
    ):
        found, _ = bare.embed(modality, vectors)
        for row in rows[there[rows]].tolist():
            sums[halves.products[row]] += found[row]
    means = torch.nn.functional.normalize(sums, dim=1)
    centre = sum(means[halves.products[row]] for row in rows.tolist()) / len(rows)
    assert torch.allclose(pulled, means - centre, atol=1e-5)


def test_same_seed_same_bytes(run):
    (one, _), (other, _), (third, _) = run(), run(), run(seed=2)
    assert_same(one, other)
    assert not torch.equal(one.heads[0].weight, third.heads[0].weight)


@pytest.mark.parametrize("criterion", ["accuracy", "recall_at_1", "average_precision", "ahp", "all"])
def test_the_earliest_best_state_by_the_criterion_is_kept(data, run, criterion):
    network, trained = run(settings=SETTINGS.changed(validate_every=10, criterion=criterion))
    points = [{k.removeprefix("validation/"): v for k, v in point.items()} for point in trained.curves]
    scores = {point["step"]: score(point, criterion) for point in points}
    assert list(scores) == list(range(10, 121, 10))
    assert trained.best_step == min(step for step, value in scores.items() if value == max(scores.values()))
    assert score(validate(network, data), criterion) == pytest.approx(scores[trained.best_step])
    assert trained.best()["step"] == trained.best_step


def test_patience_ends_training(run):
    settings = SETTINGS.changed(validate_every=5, patience=3, steps=2000)
    _, trained = run(settings=settings)
    last = trained.curves[-1]["step"]
    assert last == trained.best_step + 15
    assert last < 2000


def test_validation_rows_are_never_trained_on(data, run):
    other = replace(data, images=data.images.clone(), texts=data.texts.clone())
    other.images[:, 80:] = 9.0
    other.texts[80:] = -9.0
    curves = [run(of)[1].curves for of in (data, other)]
    assert [point["loss"] for point in curves[0]] == [point["loss"] for point in curves[1]]
    assert curves[0][-1]["validation/image_accuracy"] != curves[1][-1]["validation/image_accuracy"]


def test_curves_show_the_regions_of_sigma(run):
    _, trained = run()
    for block in ("image_image", "text_text", "image_text"):
        shares = [value for name, value in trained.curves[-1].items() if name.startswith(f"regions/{block}/")]
        assert len(shares) == 4
        assert sum(shares) == pytest.approx(1)
    _, without = run(method="separate")
    assert not any(name.startswith("regions/") for name in without.curves[-1])


def test_a_loss_that_is_not_finite_names_step_term_and_pictures(data, run):
    data.images[0, 7] = float("inf")
    with pytest.raises(InputError, match=r"step \d+: .*graph = nan.*embeddings of 7\.jpg\).*learning_rate"):
        run()


def test_a_network_that_the_last_update_has_broken_is_no_result(run):
    broken = SETTINGS.model_copy(update={"learning_rate": 1e30, "schedule": "constant", "steps": 1})
    with pytest.raises(InputError, match="step 1: scores are not finite"):
        run(settings=broken)


def test_weights_that_are_all_0_are_refused(run):
    with pytest.raises(InputError, match=r"classification, graph, gap are all 0"):
        run(losses=LOSSES.changed(alpha=0, beta=0, gamma=0))


def with_views(data, *views):
    return replace(data, images=torch.cat([data.images, *views]))


def test_training_sees_the_views_and_validation_the_plain_pictures(data, run):
    _, plain = run()
    assert run(with_views(data, data.images, data.images))[1].curves == plain.curves
    noisy = data.images + torch.randn(data.images.shape, generator=torch.Generator().manual_seed(0))
    network, trained = run(with_views(data, noisy))
    assert trained.curves[0]["loss"] != plain.curves[0]["loss"]
    assert validate(network, with_views(data, torch.full_like(data.images, 9.0))) == validate(network, data)


def test_embeddings_are_pulled_to_the_means_of_the_state_that_is_kept(data, run):
    network, _ = run(method="huse_plus", network=make_network(class_pull=0.4), settings=SETTINGS.changed(ema=0.9))
    kept, train = network.class_means.clone(), data.train
    network.fit_class_means(data.images[0, train], data.texts[train], data.targets(train), score=False)
    assert kept.abs().sum() > 0
    assert torch.equal(network.class_means, kept)


def test_mixtures_are_classified_and_pairs_stay_as_they_are(data):
    network = make_network().eval()
    rows, views, partners = torch.arange(4), torch.zeros(4, dtype=torch.int64), torch.tensor([1, 0, 3, 2])
    mixture = 0.75, partners
    batch = batch_of(data, rows, mixture, forward(network, data, rows, views, mixture))
    mixed = 0.75 * data.images[0, rows] + 0.25 * data.images[0, partners]
    assert torch.allclose(batch.logits[0], network.logits("image", network.tower("image")(mixed)), atol=1e-5)
    assert batch.targets[0].tolist() == [0.75, 0.25, 0]
    assert torch.allclose(batch.images, network.tower("image")(data.images[0, rows]))


def test_the_average_of_the_networks_is_kept(data, run):
    plain, _ = run(settings=SETTINGS.changed(steps=40))
    averaged, trained = run(settings=SETTINGS.changed(steps=40, ema=0.9))
    assert trained.best_step == 40
    assert not torch.equal(plain.heads[0].weight, averaged.heads[0].weight)
    # What was averaged moved as without averaging.
    assert run(settings=SETTINGS.changed(steps=40, ema=1e-9))[1].curves[0]["loss"] == trained.curves[0]["loss"]
    nearly_last, _ = run(settings=SETTINGS.changed(steps=40, ema=1e-9))
    assert torch.allclose(plain.heads[0].weight, nearly_last.heads[0].weight, atol=1e-6)


def test_bfloat16_learns_as_well(data, run):
    network, _ = run(settings=SETTINGS.changed(dtype="bfloat16"))
    metrics = validate(network, data)
    assert min(metrics["image_accuracy"], metrics["text_accuracy"]) > 0.8
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", [1, 40, 77])
@pytest.mark.parametrize(
    "case",
    [
        ("huse", {}),
        ("huse", {"optimizer": "rmsprop_tf", "learning_rate": 0.0003, "ema": 0.95}),
        ("huse_plus", {"mixup": 0.2, "ema": 0.9, "sampler": "balanced", "warm_up": 10}),
        ("adamine", {"sampler": "pairs"}),  # draws from torch's random numbers
    ],
)
def test_a_killed_run_ends_with_the_same_bytes(kill_and_resume, killed_at, case):
    method, changes = case
    make = partial(make_network, class_pull=0.4 if method == "huse_plus" else 0)
    kill_and_resume(killed_at, make=make, method=method, settings=SETTINGS.changed(**changes))
