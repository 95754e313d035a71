import numpy as np
import pytest

from huse.report.space_map import lay_out, name_places, sample_items


def test_a_sample_loses_no_class_and_keeps_shares():
    classes = np.repeat([0, 1, 2], [800, 190, 10])
    chosen = sample_items(classes, 100, seed=1)
    assert len(chosen) == len(set(chosen.tolist())) == 100
    assert np.array_equal(chosen, np.sort(chosen))
    assert np.bincount(classes[chosen]).tolist() == pytest.approx([80, 19, 1], abs=1)
    assert np.array_equal(chosen, sample_items(classes, 100, seed=1))
    assert not np.array_equal(chosen, sample_items(classes, 100, seed=2))
    assert set(classes[sample_items(classes, 3, seed=1)]) == {0, 1, 2}


def test_few_items_are_all_shown():
    assert sample_items(np.array([1, 0]), 2, seed=0).tolist() == [0, 1]


def test_neighbours_stay_together_and_the_same_seed_gives_the_same_places(unit_rows):
    centres = np.eye(8, dtype=np.float32)[[0, 1]].repeat(20, axis=0)
    rows = centres + 0.05 * unit_rows(40, 8)
    images = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    one, other = lay_out(images, images, seed=3)
    again, _ = lay_out(images, images, seed=3)
    assert np.array_equal(one, again)
    assert one.dtype == np.float32
    assert min(one.min(), other.min()) == 0
    assert max(one.max(), other.max()) == 1
    apart = np.linalg.norm(one[:20].mean(axis=0) - one[20:].mean(axis=0))
    within = np.linalg.norm(one[:20] - one[:20].mean(axis=0), axis=1).mean()
    assert apart > 2 * within


@pytest.mark.parametrize("count", [1, 2, 3])
def test_hardly_anything_can_be_laid_out_too(unit_rows, count):
    images, texts = lay_out(unit_rows(count, 4), unit_rows(count, 4, 1), seed=0)
    assert images.shape == texts.shape == (count, 2)
    assert np.isfinite(images).all()


def test_names_stand_apart_and_large_groups_come_first():
    places = np.float32([[0, 0], [0, 0], [0.01, 0.01], [0.5, 0.5]])
    names = ["large", "large", "small", "far"]
    named = name_places(places, names)
    assert [name for name, _, _ in named] == ["large", "far"]
    assert named[1][1:] == (0.5, 0.5)
    assert [name for name, _, _ in name_places(places, names, 0.001, 0.001)] == ["large", "far", "small"]


def test_long_names_need_more_room_than_short_ones():
    places = np.float32([[0.4, 0.5], [0.5, 0.5]])
    assert len(name_places(places, ["ab", "cd"])) == 2
    assert len(name_places(places, ["a" * 20, "b" * 20])) == 1
    assert len(name_places(places + np.float32([[0, 0], [0, 0.04]]), ["a" * 20, "b" * 20])) == 2


def test_of_many_or_long_names_the_map_has_no_more_than_it_can_show():
    rows = np.stack([np.linspace(0, 1, 1000), np.linspace(0, 1, 1000)], axis=1).astype(np.float32)
    named = name_places(rows, [f"{number} {'long ' * 20}" for number in range(1000)], 0.0001, 0.0001)
    assert len(named) == 40
    assert max(len(name) for name, _, _ in named) == 30
    assert len({name for name, _, _ in named}) == 40
