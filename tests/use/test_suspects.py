"""Suspects of arrays: what is ranked first, where the list ends, and what is said of each."""

import numpy as np
import pytest

from huse.taxonomy import ClassTree
from huse.use.suspects import LEAST, MOST_NEAR, parting, rank, suspects

TREE = ClassTree.of(["bags<clutches", "bags<totes", "bags<trunks", "hats", "shoes<boots", "shoes<mules", "shoes<pumps"])


def shop(wrong, *, near=False, count=700, seed=0):
    """Probabilities of products, their true classes with much of it; and filed classes, of which some are wrong."""
    random = np.random.default_rng(seed)
    true = random.integers(0, len(TREE), count)
    logits = 1.5 * random.normal(size=(count, len(TREE)))
    logits[np.arange(count), true] += 9
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    filed = true.copy()
    for row in random.permutation(count)[:wrong]:
        siblings = np.flatnonzero(TREE.siblings[true[row]])
        filed[row] = random.choice(siblings if near and len(siblings) else np.delete(np.arange(len(TREE)), true[row]))
    return probabilities.astype(np.float32), filed, filed != true


def ranked(probabilities, filed, tree=TREE):
    return rank(probabilities, filed, tree, np.ones(len(filed), dtype=bool))


def listed(ranking, probabilities, filed, most=None, neighbours=None):
    none = np.zeros((len(filed), 0))
    near = (none.astype(np.int64), none.astype(np.float32)) if neighbours is None else neighbours
    return suspects(ranking, {"both": probabilities}, filed, TREE, near=near, most=most)


@pytest.mark.parametrize("near", [False, True])
def test_wrong_classes_come_first_and_the_list_ends_behind_them(near):
    probabilities, filed, wrong = shop(40, near=near)
    ranking = ranked(probabilities, filed)
    assert wrong[ranking.order[:40]].mean() > 0.95
    assert 30 <= ranking.listed <= 50
    found = listed(ranking, probabilities, filed)
    assert wrong[[one.filing for one in found]].mean() > 0.9
    assert all(one.proposed == probabilities[one.filing].argmax() != one.filed for one in found)


def test_a_shop_without_mistakes_has_next_to_no_suspects():
    probabilities, filed, _ = shop(0)
    assert len(listed(ranked(probabilities, filed), probabilities, filed)) <= 3


def test_it_is_seen_whether_mistakes_lie_between_siblings():
    anywhere, siblings = (ranked(*shop(60, near=near)[:2]).mistakes for near in (False, True))
    assert siblings.near_share > 0.8 and anywhere.near_share < 0.6
    assert siblings.weight == MOST_NEAR and anywhere.weight < MOST_NEAR


def test_suspicion_is_the_odds_of_a_mistake():
    probabilities, filed, _ = shop(20, near=True, count=50)
    ranking = ranked(probabilities, filed)
    weight = ranking.mistakes.weight
    for row, own in enumerate(filed):
        wrong = 0.0
        for other in range(len(TREE)):
            siblings = [each for each in range(len(TREE)) if TREE.siblings[other, each]]
            anywhere = (own != other) / (len(TREE) - 1)
            spread = (own in siblings) / len(siblings) if siblings else anywhere
            wrong += (probabilities[row, other] + LEAST) * ((1 - weight) * anywhere + weight * spread)
        assert ranking.suspicion[row] == pytest.approx(np.log(wrong / (probabilities[row, own] + LEAST)))


def test_the_order_of_the_rows_changes_nothing():
    probabilities, filed, _ = shop(40)
    turned = np.random.default_rng(1).permutation(len(filed))
    one, other = ranked(probabilities, filed), ranked(probabilities[turned], filed[turned])
    np.testing.assert_allclose(other.suspicion, one.suspicion[turned])
    assert other.listed == one.listed and turned[other.order[:40]].tolist() == one.order[:40].tolist()


def test_what_cannot_be_judged_is_no_suspect():
    probabilities, filed, wrong = shop(40)
    judged = ~wrong
    probabilities[np.flatnonzero(wrong)[0]] = np.nan
    ranking = rank(probabilities, filed, TREE, judged)
    assert np.isneginf(ranking.suspicion[wrong]).all()
    found = listed(ranking, np.where(judged[:, None], probabilities, 0), filed, most=700)
    assert not wrong[[one.filing for one in found]].any()
    nothing = rank(probabilities, filed, TREE, np.zeros(len(filed), dtype=bool))
    assert nothing.listed == 0 and listed(nothing, probabilities, filed) == []


def test_a_tree_of_one_level_has_mistakes_anywhere():
    probabilities, filed, wrong = shop(40)
    ranking = ranked(probabilities, filed, ClassTree.of("abcdefg"))
    assert ranking.mistakes.near == 0 and wrong[ranking.order[:40]].mean() > 0.95


def suspects_of(probabilities, filed, **options):  # by all that a product may have
    ranking = ranked(probabilities["both"], filed)
    return suspects(ranking, probabilities, filed, TREE, **options)


def test_a_suspect_says_what_speaks_for_it():
    both = np.full((3, 7), 0.01, np.float32)
    both[0, [4, 1]] = 0.01, 0.94
    both[1:, 1] = 0.94
    image, text = both.copy(), both.copy()
    image[0, [4, 1]], text[0, [4, 1]] = (0.8, 0.15), (0.0, 0.99)
    image[1] = np.nan
    filed = np.array([4, 1, 4])
    near = np.array([[1, 2], [0, 2], [-1, -1]]), np.array([[0.9, 0.8], [0.9, 0.7], [0, 0]], np.float32)
    found = suspects_of({"both": both, "image": image, "text": text}, filed, near=near, most=3)
    first = next(one for one in found if one.filing == 0)
    assert (first.filed, first.proposed, first.level) == (4, 1, 1)
    assert first.probabilities["image"] == pytest.approx((0.8, 0.15))
    assert [(one.filing, one.filed) for one in first.neighbours] == [(1, 1), (2, 4)]
    assert first.why == (
        "Its name (99% against 0%) says totes; its picture (15% against 80%) speaks against it; of the 2 products "
        "nearest to it, 1 is there and 1 where it is filed."
    )
    assert {one.filing for one in found} == {0, 2}  # 1 is filed where it belongs
    alone = next(one for one in found if one.filing == 2)
    assert alone.neighbours == () and alone.why == (
        "Its picture (94% against 1%) and its name (94% against 1%) say totes."
    )


@pytest.mark.parametrize(
    ("first", "second", "level"), [("a<b", "a<c", 2), ("a<b", "c<b", 1), ("a", "a<b", 2), ("a<b<c", "a<b", 3)]
)
def test_classes_part_on_a_level(first, second, level):
    assert parting(ClassTree.of([first, second]), 0, 1) == parting(ClassTree.of([second, first]), 0, 1) == level


def test_so_many_as_asked_for():
    probabilities, filed, _ = shop(40)
    ranking = ranked(probabilities, filed)
    usual = listed(ranking, probabilities, filed)
    assert listed(ranking, probabilities, filed, most=5) == usual[:5]
    everything = listed(ranking, probabilities, filed, most=10**6)
    assert everything[: len(usual)] == usual
    assert {one.filing for one in everything} == set(np.flatnonzero(probabilities.argmax(axis=1) != filed))
