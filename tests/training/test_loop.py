import numpy as np
import pytest
import torch

from huse.errors import InputError
from huse.model.methods import Weights
from huse.model.network import Architecture, Network
from huse.training.loop import Settings, TrainingData, batches, draw_views, train, validation_accuracy
from huse.training.optimizers import make_optimizer, schedule_factor
from huse.training.targets import class_targets, margin

WEIGHTS = Weights(alpha=1, beta=10, gamma=1, sigma="or", zeta=0.5, pairs="all")
SETTINGS = Settings("huse", WEIGHTS, "adamw", 0.003, "cosine", 0.01, 0.9, batch_size=32, steps=120, validate_every=40)
SHAPE = Architecture(
    6, 5, 3, dimension=8, width=16, image_layers=3, text_layers=2, dropout=0.1, head="cosine", scale=16
)


@pytest.fixture
def data():
    """Three classes as clouds around three points, in both modalities."""
    generator = np.random.default_rng(0)
    classes = np.arange(120) % 3
    images = generator.normal(size=(3, 6))[classes] * 2 + generator.normal(size=(120, 6))
    texts = generator.normal(size=(3, 5))[classes] * 2 + generator.normal(size=(120, 5))
    return TrainingData.of(
        images.astype(np.float32)[None],
        texts.astype(np.float32),
        classes=classes,
        split=np.array(["train"] * 80 + ["validation"] * 40),
        class_labels=[[0], [1], [2]],
        distances=np.array([[0, 0.3, 0.9], [0.3, 0, 0.9], [0.9, 0.9, 0]], dtype=np.float32),
    )


def run(data, settings=SETTINGS, seed=1):
    torch.manual_seed(seed)
    network = Network(SHAPE)
    return network, train(network, data, settings, seed, [f"{n}.jpg" for n in range(120)])


def test_training_learns_classes_and_graph(data):
    network, trained = run(data)
    assert min(validation_accuracy(network, data)) > 0.8
    assert trained.curves[-1]["graph"] < trained.curves[0]["graph"]
    images, _ = network.embed(network.image_tower, data.images[0])
    means = torch.stack([images[data.classes == c].mean(dim=0) for c in range(3)])
    means = torch.nn.functional.normalize(means, dim=1)
    assert means[0] @ means[1] > means[0] @ means[2]  # classes 0 and 1 should be near


def test_same_seed_same_bytes(data):
    (one, _), (other, _), (third, _) = run(data), run(data), run(data, seed=2)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert not torch.equal(one.head.weight, third.head.weight)


def test_the_best_state_on_validation_is_kept(data):
    network, trained = run(data)
    scores = {p["step"]: p["validation_image_accuracy"] + p["validation_text_accuracy"] for p in trained.curves}
    assert sorted(scores) == [40, 80, 120]
    assert scores[trained.best_step] == max(scores.values())
    assert trained.best_step == min(step for step, score in scores.items() if score == max(scores.values()))
    assert sum(validation_accuracy(network, data)) == pytest.approx(scores[trained.best_step])


def test_validation_rows_are_never_trained_on(data):
    other = TrainingData(**(vars(data) | {"images": data.images.clone(), "texts": data.texts.clone()}))
    other.images[:, 80:] = 9.0
    other.texts[80:] = -9.0
    curves = [run(kind)[1].curves for kind in (data, other)]
    assert [point["loss"] for point in curves[0]] == [point["loss"] for point in curves[1]]
    assert curves[0][-1]["validation_image_accuracy"] != curves[1][-1]["validation_image_accuracy"]


def test_a_loss_that_is_not_finite_names_step_term_and_pictures(data):
    data.images[0, 7] = float("inf")
    with pytest.raises(InputError, match=r"step \d+: .*graph = nan.*\.jpg.*learning_rate"):
        run(data)


def test_views_are_drawn_evenly_and_from_the_seed_alone():
    drawn = draw_views(4, 4000, torch.Generator().manual_seed(3))
    assert torch.bincount(drawn, minlength=4).tolist() == pytest.approx([1000] * 4, abs=120)
    assert torch.equal(drawn, draw_views(4, 4000, torch.Generator().manual_seed(3)))
    assert draw_views(1, 5, torch.Generator()).tolist() == [0] * 5


def with_views(data, views):
    return TrainingData(**(vars(data) | {"images": torch.cat([data.images, *views])}))


def test_training_sees_the_views_and_validation_the_plain_pictures(data):
    _, plain = run(data)
    copies = with_views(data, [data.images, data.images])
    assert run(copies)[1].curves == plain.curves
    noisy = data.images + torch.randn(data.images.shape, generator=torch.Generator().manual_seed(0))
    network, trained = run(with_views(data, [noisy]))
    assert trained.curves[0]["loss"] != plain.curves[0]["loss"]
    noise = with_views(TrainingData(**(vars(data) | {"images": data.images})), [torch.full_like(data.images, 9.0)])
    assert validation_accuracy(network, noise) == validation_accuracy(network, data)


def test_a_view_that_is_not_finite_is_met(data):
    broken = with_views(data, [torch.full_like(data.images, float("inf"))])
    with pytest.raises(InputError, match="is not finite"):
        run(broken)


def test_batches_visit_every_row_once_a_pass():
    stream = batches(torch.arange(10, 20), 5, torch.Generator().manual_seed(0))
    one, two, three = next(stream), next(stream), next(stream)
    assert sorted(torch.cat([one, two]).tolist()) == list(range(10, 20))
    assert len(three) == 5
    few = batches(torch.arange(3), 100, torch.Generator().manual_seed(0))
    assert sorted(next(few).tolist()) == [0, 1, 2]


def test_validation_accuracy_in_levels_counts_the_share_of_labels(data):
    shape = Architecture(6, 5, 4, 8, 16, 3, 2, 0.1, "linear", 16)
    network = Network(shape)
    network.head.weight.data.zero_()
    network.head.bias.data = torch.tensor([4.0, 3.0, 2.0, 1.0])  # whatever the item: labels 0, 1, 2 in this order
    levels = TrainingData(**(vars(data) | {"targets": class_targets([[0, 1], [0, 2], [0, 3]], 4)}))
    mine = data.classes[data.validation]
    expected = (1.0 * (mine == 0) + 0.5 * (mine != 0)).float().mean()
    assert validation_accuracy(network, levels) == pytest.approx((float(expected),) * 2)


def test_class_targets_by_hand():
    assert class_targets([[0], [2]], 3).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert class_targets([[0, 1], [0, 0]], 2).tolist() == [[0.5, 0.5], [1, 0]]


def test_margin_is_a_quantile_of_the_distances_between_classes():
    distances = torch.tensor([[0, 0.2, 0.4], [0.2, 0, 0.9], [0.4, 0.9, 0]])
    assert margin(distances, None, 0.5) == pytest.approx(0.4)
    assert margin(distances, None, 1.0) == pytest.approx(0.9)
    assert margin(distances, 0.7, 0.5) == 0.7


def test_schedules():
    assert [schedule_factor("constant", step, 10) for step in (0, 9)] == [1, 1]
    assert schedule_factor("cosine", 0, 10) == 1
    assert schedule_factor("cosine", 5, 10) == pytest.approx(0.5)


def test_rmsprop_has_the_papers_momentum():
    parameter = torch.nn.Parameter(torch.zeros(1))
    group = make_optimizer("rmsprop", [parameter], learning_rate=1.6192e-5, weight_decay=0, momentum=0.9).param_groups[
        0
    ]
    assert (group["lr"], group["momentum"], group["alpha"]) == (1.6192e-5, 0.9, 0.9)


def test_a_network_that_the_last_update_has_broken_is_no_result(data):
    broken = Settings(**(vars(SETTINGS) | {"learning_rate": 1e30, "schedule": "constant", "steps": 1}))
    with pytest.raises(InputError, match="step 1: scores are not finite"):
        run(data, broken)
